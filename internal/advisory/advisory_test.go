package advisory

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/trust"
)

// TestTable has each number of the seed's table, as it is corrected, and the one that belongs to another product only as withdrawn.
func TestTable(t *testing.T) {
	have := map[string]*Advisory{}
	for i, a := range Embedded() {
		have[a.ID] = &Embedded()[i]
		if a.Summary == "" || a.Details == "" || len(a.References) == 0 || a.Withdrawn.IsZero() && len(a.Affected) == 0 {
			t.Errorf("%s says too little", a.ID)
		}
	}
	for id, want := range map[string]struct {
		cwe   string
		grave trust.Severity
	}{
		"CVE-2025-66401": {"CWE-78", trust.Critical}, "CVE-2025-68144": {"CWE-88", trust.Medium}, "CVE-2026-2178": {"CWE-74", trust.Medium},
		"CVE-2026-27203": {"CWE-15", trust.High}, "CVE-2026-25546": {"CWE-78", trust.High}, "CVE-2026-26029": {"CWE-78", trust.High},
		"CVE-2026-0755": {"CWE-78", trust.Critical}, "CVE-2026-2130": {"CWE-74", trust.Medium}, "CVE-2026-2131": {"CWE-74", trust.Medium},
		"CVE-2026-25650": {"CWE-470", trust.High},
	} {
		a := have[id]
		if a == nil || !slices.Contains(a.Specific.CWE, want.cwe) || a.Grave() != want.grave || a.Specific.Correction == "" {
			t.Errorf("%s: %+v", id, a)
		}
	}
	if a := have["CVE-2026-27180"]; a == nil || a.Withdrawn.IsZero() {
		t.Errorf("CVE-2026-27180: %+v, want it withdrawn", a)
	}
	if got, want := Own().Len(), len(Embedded())-1; got != want {
		t.Errorf("%d advisories count, want %d", got, want)
	}
}

// TestPackages reads command lines as hosts have them.
func TestPackages(t *testing.T) {
	for line, want := range map[string][]Package{
		"npx -y mcp-watch@0.1.2":                                  {{"npm", "mcp-watch", "0.1.2", true, true}},
		"npx mcp-watch":                                           {{"npm", "mcp-watch", "", true, false}},
		"npx -y mcp-watch@latest":                                 {{"npm", "mcp-watch", "", true, false}},
		"npx -y mcp-watch@^0.1":                                   {{"npm", "mcp-watch", "", true, false}},
		"npx --yes @coding-solo/godot-mcp@0.1.0 --x":              {{"npm", "@coding-solo/godot-mcp", "0.1.0", true, true}},
		"/usr/bin/npx -p mcp-remote@0.1.15 mcp-remote https://h":  {{"npm", "mcp-remote", "0.1.15", true, true}},
		"npx --package=mcp-remote@0.1.15 -- mcp-remote https://h": {{"npm", "mcp-remote", "0.1.15", true, true}},
		"npx.cmd -y a@1.0.0":                                      {{"npm", "a", "1.0.0", true, true}},
		"npm exec -y -- a@1.0.0":                                  {{"npm", "a", "1.0.0", true, true}},
		"pnpm dlx a@1.0.0":                                        {{"npm", "a", "1.0.0", true, true}},
		"npx -y github:akutishevsky/sf-mcp-server":                {{"GIT", "github.com/akutishevsky/sf-mcp-server", "", true, false}},
		"npx -y R-Huijts/xcode-mcp-server#main":                   {{"GIT", "github.com/r-huijts/xcode-mcp-server", "main", true, false}},
		"uvx mcp-server-git==2025.9.25 --repository /r":           {{"PyPI", "mcp-server-git", "2025.9.25", true, true}},
		"uvx mcp-server-git@2025.9.25":                            {{"PyPI", "mcp-server-git", "2025.9.25", true, true}},
		"uvx mcp_server.git":                                      {{"PyPI", "mcp_server.git", "", true, false}},
		"uvx --from mcp-server-git>=2025 mcp-server-git":          {{"PyPI", "mcp-server-git", "", true, false}},
		"uvx --python 3.12 --from git+https://github.com/XixianLiang/HarmonyOS-mcp-server.git@v0.1.0 x": {{"GIT", "github.com/xixianliang/harmonyos-mcp-server", "v0.1.0", true, false}},
		"uv tool run a[cli]==1.0":                              {{"PyPI", "a", "1.0", true, true}},
		"pipx run --spec a==1.0 b":                             {{"PyPI", "a", "1.0", true, true}},
		"docker run -i --rm -v /a:/b -e K=V mcp/git:1.0.0 --x": {{"OCI", "mcp/git", "1.0.0", true, false}},
		"docker run --rm docker.io/library/x@sha256:ab":        {{"OCI", "x", "sha256:ab", true, true}},
		"podman run localhost:5000/x":                          {{"OCI", "localhost:5000/x", "", true, false}},
		"docker ps":                                            nil,
		"go run github.com/a/b/cmd/c@v1.0.0":                   {{"Go", "github.com/a/b/cmd/c", "v1.0.0", true, true}},
		"go run ./cmd/c":                                       nil,
		"node /srv/node_modules/@scope/pkg/dist/index.js":      {{"npm", "@scope/pkg", "", false, true}},
		`node C:\x\node_modules\mcp-watch\dist\index.js`:       {{"npm", "mcp-watch", "", false, true}},
		"node /srv/node_modules/.bin/mcp-watch":                {{"npm", "mcp-watch", "", false, true}},
		"python server.py":                                     nil,
		"npx":                                                  nil,
		"npx -y":                                               nil,
		"uvx --from":                                           nil,
	} {
		words := split(line)
		if diff := cmp.Diff(want, Packages(words[0], words[1:]...)); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

// TestSubject names what is vulnerable, and nothing that is not.
func TestSubject(t *testing.T) {
	for name, tt := range map[string]struct {
		s    trust.Subject
		want []string
	}{
		"named version":    {trust.Subject{Target: "npx -y mcp-maigret@1.0.12"}, []string{"warn CVE-2026-2130"}},
		"fixed":            {trust.Subject{Target: "npx -y mcp-maigret@1.0.13"}, nil},
		"newest is fixed":  {trust.Subject{Target: "npx -y mcp-maigret"}, []string{"info unpinned"}},
		"runs an old one":  {trust.Subject{Target: "npx -y mcp-maigret", Software: "mcp-maigret", Version: "1.0.3"}, []string{"warn CVE-2026-2130", "info unpinned"}},
		"before the fault": {trust.Subject{Target: "npx gemini-mcp-tool@1.1.1"}, nil},
		"in the fault":     {trust.Subject{Target: "npx gemini-mcp-tool@1.1.2"}, []string{"warn CVE-2026-0755"}},
		"last affected":    {trust.Subject{Target: "npx mcp-watch@0.1.2"}, []string{"warn CVE-2025-66401"}},
		"after that":       {trust.Subject{Target: "npx mcp-watch@0.1.3"}, nil},
		"python":           {trust.Subject{Target: "uvx mcp_server_git==2025.12.17"}, []string{"warn CVE-2025-68144", "warn CVE-2025-68145", "warn CVE-2026-27735"}},
		"python, fixed":    {trust.Subject{Target: "uvx mcp-server-git==2026.1.14"}, nil},
		"python, rc":       {trust.Subject{Target: "uvx mcp-salesforce-connector==0.1.10rc1"}, []string{"warn CVE-2026-25650"}},
		"no releases":      {trust.Subject{Target: "npx -y github:r-huijts/xcode-mcp-server"}, []string{"warn CVE-2026-2178", "info unpinned"}},
		"repository fixed": {trust.Subject{Target: "npx -y github:akutishevsky/sf-mcp-server"}, []string{"info unpinned"}},
		"by its name":      {trust.Subject{Target: "node build/index.js", Software: "sf-mcp-server", Version: "1.1.0"}, []string{"info CVE-2026-26029"}},
		"by version":       {trust.Subject{Target: "python -m x", Software: "HarmonyOS-mcp-server", Version: "0.1.0"}, []string{"warn CVE-2026-2131"}},
		"other version":    {trust.Subject{Target: "python -m x", Software: "HarmonyOS-mcp-server", Version: "0.2.0"}, nil},
		"installed":        {trust.Subject{Target: "node /x/node_modules/mcp-maigret/build/index.js"}, []string{"info CVE-2026-2130"}},
		"a URL":            {trust.Subject{Target: "https://npx.example.com/mcp", Transport: "http"}, nil},
		"nothing":          {trust.Subject{}, nil},
		"another's name":   {trust.Subject{Target: "npx -y @evil/mcp-maigret@1.0.0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.s.Name = "s"
			var got []string
			for f := range Subject(&tt.s) {
				if f.Where.Server != "s" || f.Fingerprint == "" || f.Remedy == "" {
					t.Errorf("%+v", f)
				}
				what := "unpinned"
				if f.Rule == RuleVulnerable {
					_, what, _ = strings.Cut(f.Evidence, ": ")
				}
				got = append(got, f.Band.String()+" "+what)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEvaluation follows the rules of the format: versions, ranges of several events, limits, aliases, what was withdrawn, purls, later records.
func TestEvaluation(t *testing.T) {
	const text = `{"id":"A-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"p"},"versions":["9.9.9-odd"],
		"ranges":[{"type":"SEMVER","events":[{"fixed":"2.0.5"},{"introduced":"2.0.0"},{"introduced":"1.0.0"},{"fixed":"1.5.0"}]}]}]}
	{"id":"A-2","modified":"2026-01-01T00:00:00Z","withdrawn":"2026-01-02T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"p"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
	{"id":"A-3","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"p"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
	{"id":"A-3","modified":"2026-01-03T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"q"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"limit":"3.0.0"}]}]}]}
	{"id":"A-4","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"","name":"","purl":"pkg:docker/mcp/git"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}]}
	{"id":"A-5","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Hex","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"nonsense"}]}]}]}`
	all, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBook(all)
	for spec, want := range map[string]string{
		"npm p 0.9.0": "", "npm p 1.0.0": "A-1 1.5.0", "npm p 1.4.9": "A-1 1.5.0", "npm p 1.5.0": "", "npm p 2.0.0-rc.1": "", "npm p 2.0.4": "A-1 2.0.5",
		"npm p 2.0.5": "", "npm p 9.9.9-odd": "A-1 2.0.5", "npm q 2.9.9": "A-3 ", "npm q 3.0.0": "", "OCI mcp/git 0.9.0": "A-4 1.0.0", "OCI mcp/git 1.0.0": "",
		"Hex p 1.0.0": "", "NPM P 1.2.0": "A-1 1.5.0",
	} {
		w := strings.Fields(spec)
		var found []string
		for _, m := range b.Known(Package{Ecosystem: w[0], Name: w[1], Version: w[2], Pinned: true}) {
			found = append(found, m.ID+" "+m.Fixed)
		}
		if got := strings.Join(found, ", "); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

// TestRead reads what databases give out, and says where it is none of it.
func TestRead(t *testing.T) {
	const one = `{"id":"A","modified":"2026-01-01T00:00:00Z"}`
	for text, want := range map[string]int{one: 1, one + "\n" + one: 2, "[" + one + "," + one + "]": 2, `{"vulns":[` + one + `]}`: 1, "\uFEFF" + one: 1, "[]": 0} {
		all, err := Read([]byte(text))
		if len(all) != want || err != nil && want > 0 {
			t.Errorf("%s: %d, %v", text, len(all), err)
		}
	}
	for text, want := range map[string]string{
		"": "there are none", "{": "not JSON", `"x"`: "no record", `{"id":"A"}`: "id and modified are wanted", one + " x": "value 2", `[{"id":1}]`: "record 1 is not in the OSV format", "null": "id and modified",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error = %v, want %s", text, err, want)
		}
	}
}

// TestScore works out the scores of vectors whose scores are known.
func TestScore(t *testing.T) {
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 9.8, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:L": 6.3, "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H": 7.8,
		"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:H/A:H": 7.5, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:H/A:H": 8.3, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H": 9.6,
		"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": 0, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1,
	} {
		if got, ok := baseScore(vector); !ok || got != want {
			t.Errorf("%s: %v, %v, want %v", vector, got, ok, want)
		}
	}
	for _, vector := range []string{"", "CVSS:4.0/AV:N", "CVSS:3.1/AV:N", "AV:N/AC:L/Au:N/C:P/I:P/A:P"} {
		if _, ok := baseScore(vector); ok {
			t.Errorf("%q has a score", vector)
		}
	}
}

// TestPEP440 orders versions as the specification of Python packages does.
func TestPEP440(t *testing.T) {
	ordered := strings.Fields("1.0.dev1 1.0a1.dev1 1.0a1 1.0a2 1.0b1 1.0rc1.dev2 1.0rc1 1.0 1.0+abc 1.0+abc.1 1.0+5 1.0.post1.dev1 1.0.post1 1.1.dev1 1.1 1.10 2025.9.25 2025.12.18 1!0.1")
	for i, a := range ordered {
		for j, b := range ordered {
			c, ok := compare("PyPI", a, b)
			if want := min(max(i-j, -1), 1); !ok || c != want {
				t.Errorf("%s and %s: %d, %v, want %d", a, b, c, ok, want)
			}
		}
	}
	for _, same := range [][2]string{{"1.0", "1.0.0"}, {"v1.0-1", "1.0.post1"}, {"1.0-ALPHA.1", "1.0a1"}, {"1.0c1", "1.0rc1"}, {"1.0_dev", "1.0.dev0"}, {"1.0+a-b", "1.0+a.b"}} {
		if c, ok := compare("PyPI", same[0], same[1]); !ok || c != 0 {
			t.Errorf("%s and %s: %d, %v", same[0], same[1], c, ok)
		}
	}
	for _, none := range []string{"", "latest", "1.0-", "1.x", "1.0+", "1..0", strings.Repeat("9", 300)} {
		if isVersion("PyPI", none) {
			t.Errorf("%q is a version", none)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(string(embedded))
	f.Add(`{"vulns":[{"id":"A","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"purl":"pkg:npm/%40a/b@1"},"ranges":[{"type":"GIT","repo":"https://h/a/b","events":[{}]}]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Read([]byte(text))
		if err != nil {
			return
		}
		b := NewBook(all)
		for i := range all {
			for j := range all[i].Affected {
				for _, p := range all[i].Affected[j].names() {
					for _, v := range []string{"", "1.0.0", "main"} {
						p.Version = v
						for _, m := range b.Known(p) {
							if f := m.finding("s"); f.Message == "" || m.Page() == "" {
								t.Fatal("a finding says nothing")
							}
						}
					}
				}
			}
		}
	})
}

func FuzzPackages(f *testing.F) {
	f.Add("npx -y a@1")
	f.Add("uvx --from 'git+https://h/a/b@c' x")
	f.Fuzz(func(_ *testing.T, line string) {
		if words := split(line); len(words) > 0 {
			_ = Packages(words[0], words[1:]...)
		}
	})
}
