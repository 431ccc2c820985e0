package clientfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/document"
)

// seed is the file of the seed's section 5.9, as it stands there.
const seed = `# ~/.cursor/mcp.yaml
apiKey: ${MCP_API_KEY}
server: https://trusted-mcp.example.com
autoRun: false          # 자동 실행 비활성화
integrityCheck: true    # 서명·체크섬 검증 활성화
whitelist:
  - https://trusted-mcp.example.com
  - https://internal-mcp.corp
`

func env(name string) (string, bool) {
	v, ok := map[string]string{"MCP_API_KEY": "sk-1"}[name]
	return v, ok
}

func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("mcp.yaml", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSeed reads the seed's file as it stands.
func TestSeed(t *testing.T) {
	want := &File{
		APIKey: "sk-1", Server: "https://trusted-mcp.example.com", IntegrityCheck: true, Listed: true,
		Whitelist: []string{"https://trusted-mcp.example.com", "https://internal-mcp.corp"},
	}
	if diff := cmp.Diff(want, parse(t, seed)); diff != "" {
		t.Error(diff)
	}
}

// TestAbsent has each call asked for, and every server allowed, in a file that says nothing of it.
func TestAbsent(t *testing.T) {
	f := parse(t, "server: https://a.example.com\n")
	if f.AutoRun || f.IntegrityCheck || f.Listed || !f.Allows("https://b.example.com") || !f.AllowsProgram("files") {
		t.Errorf("%+v", f)
	}
	if f = parse(t, "whitelist: []\n"); f.Allows("https://a.example.com") || f.AllowsProgram("files") {
		t.Error("an empty whitelist lets something through")
	}
}

// TestFaults says where a file is wrong, and what to try.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"autorun: true\n":                                              `did you mean`,
		"autoRun: yes please\n":                                        "1:10",
		"autoRun: true\nautoRun: false\n":                              "2:1",
		"server: trusted-mcp.example.com\n":                            "is not an http, https, ws or wss URL",
		"server: https://me:secret@a.example.com\n":                    "has credentials in it",
		"server: https://a.example.com\nwhitelist: [https://b.corp]\n": "is not on the whitelist of the same file",
		"whitelist: ['https://*']\n":                                   "names no server",
		"whitelist: ['https://a.*.com']\n":                             "names no server",
		"whitelist: ['https://a.example.com?x=1']\n":                   "names no server",
		"whitelist: https://a.example.com\n":                           "wants a list",
		"apiKey: ${NOT_SET}\nserver: https://a.example.com\n":          "NOT_SET",
		"apiKey: k\n":                                                     "is for no server",
		"mcpServers: {a: {command: x}}\n":                                 "write them in mcp.yaml",
		"apiKey: \"a b\"\nserver: https://a.example.com\n":                "Authorization header",
		"integrityCheck: true\nserver: https://a.example.com\nfoo: [1,\n": "mcp.yaml:",
	} {
		_, err := Parse("mcp.yaml", []byte(text), env)
		if _, ok := errors.AsType[document.Faults](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error = %v, want %s", text, err, want)
		}
	}
}

// TestAllows follows the whitelist: scheme, host and port as they are, and what lies below a path.
func TestAllows(t *testing.T) {
	f := &File{Listed: true, Whitelist: []string{"https://a.example.com", "https://b.example.com/team/", "https://*.corp", "http://127.0.0.1:8080", "files", "db-*"}}
	for server, want := range map[string]bool{
		"https://a.example.com":                  true,
		"https://A.EXAMPLE.com.:443/mcp":         true,
		"wss://a.example.com/mcp":                true,
		"http://a.example.com":                   false,
		"https://a.example.com:8443":             false,
		"https://a.example.com.evil.org":         false,
		"https://a.example.com@evil.org":         false,
		"https://evil.org/https://a.example.com": false,
		"https://b.example.com/team":             true,
		"https://b.example.com/team/mcp":         true,
		"https://b.example.com/teams":            false,
		"https://b.example.com/team/../other":    false,
		"https://b.example.com/team/%2e%2e/x":    false,
		"https://b.example.com/team%2f..":        false,
		`https://b.example.com/team\..\x`:        false,
		"https://mcp.corp":                       true,
		"https://a.b.corp/x":                     true,
		"https://corp":                           false,
		"https://evilcorp":                       false,
		"http://127.0.0.1:8080/mcp":              true,
		"http://127.0.0.1:8081/mcp":              false,
		"files":                                  false,
		"":                                       false,
	} {
		if got := f.Allows(server); got != want {
			t.Errorf("Allows(%q) = %v", server, got)
		}
	}
	for name, want := range map[string]bool{"files": true, "db-1": true, "file": false, "https://a.example.com": false, "a.example.com": false} {
		if got := f.AllowsProgram(name); got != want {
			t.Errorf("AllowsProgram(%q) = %v", name, got)
		}
	}
}

// TestTogether never lets one file take back what another asks for.
func TestTogether(t *testing.T) {
	user := parse(t, "server: https://a.example.com\nintegrityCheck: true\nwhitelist: [https://a.example.com, https://b.example.com]\n")
	for name, tt := range map[string]struct {
		project string
		want    *Rule
		wrong   string
	}{
		"auto run":       {"autoRun: true\nintegrityCheck: false\n", &Rule{Server: "https://a.example.com", IntegrityCheck: true}, ""},
		"another":        {"server: https://b.example.com\napiKey: k\nautoRun: true\n", &Rule{Server: "https://b.example.com", APIKey: "k", IntegrityCheck: true}, ""},
		"a stranger":     {"server: https://evil.example.com\n", nil, "another server"},
		"wider":          {"whitelist: ['https://*.example.com', https://evil.org]\n", &Rule{Server: "https://a.example.com", IntegrityCheck: true}, ""},
		"shuts out ours": {"whitelist: [https://c.example.com]\n", nil, "not on the whitelist"},
	} {
		t.Run(name, func(t *testing.T) {
			project := parse(t, tt.project)
			got, err := Together([]*File{project}, []*File{user})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Fatalf("error = %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Refuses("https://evil.org") == "" {
				t.Error("a project's file has widened the whitelist")
			}
			got.Files = nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if r, err := Together(nil, nil); r != nil || err != nil || r.Refuses("https://a") != "" {
		t.Errorf("%v, %v", r, err)
	}
	alone := parse(t, "autoRun: true\nserver: https://a.example.com\n")
	if r, err := Together(nil, []*File{alone}); err != nil || !r.AutoRun {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFind looks where the seed has the file, and not twice in one directory.
func TestFind(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(home, ".cursor", "mcp.yaml"), filepath.Join(dir, ".cursor", "cursor.yaml"), filepath.Join(dir, "cursor.yaml")} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("apiKey: literal\nserver: http://a.example.com\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	project, user, err := Find(dir, home)
	if err != nil || len(user) != 1 || !slices.Equal(project, []string{filepath.Join(dir, ".cursor", "cursor.yaml"), filepath.Join(dir, "cursor.yaml")}) {
		t.Fatalf("%q, %q, %v", project, user, err)
	}
	if project, user, err = Find(home, home); err != nil || len(project) != 0 || len(user) != 1 {
		t.Errorf("at home: %q, %q, %v", project, user, err)
	}
	if project, user, err = Find("", ""); err != nil || len(project)+len(user) != 0 {
		t.Errorf("nowhere: %q, %q, %v", project, user, err)
	}
	f, err := Read(filepath.Join(dir, "cursor.yaml"), env)
	if err != nil || len(f.Warnings) != 2 || f.Path != filepath.Join(dir, "cursor.yaml") {
		t.Errorf("%+v, %v: want a warning about the file's mode, and one about TLS", f, err)
	}
	if _, err := Read(dir, env); err == nil {
		t.Error("a directory is a client file")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(seed)
	f.Add("server: https://a\nwhitelist: ['https://*.a/b', x]\n")
	f.Add("{\"autoRun\": true}")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("mcp.yaml", []byte(text), env)
		if err != nil {
			if _, ok := errors.AsType[document.Faults](err); !ok || err.Error() == "" {
				t.Fatalf("an error that names no fault: %v", err)
			}
			return
		}
		if file.Server != "" && !file.Allows(file.Server) && address(file.Server) != nil {
			t.Fatalf("%q is refused by its own file", file.Server)
		}
	})
}

func FuzzAllows(f *testing.F) {
	f.Add("https://a.example.com/x", "https://a.example.com")
	f.Add("https://a/%2e%2e", "https://a/b")
	f.Fuzz(func(t *testing.T, server, entry string) {
		file := &File{Listed: true, Whitelist: []string{entry}}
		if file.Allows(server) && !strings.Contains(entry, "://") {
			t.Fatalf("%q allows %q", entry, server)
		}
	})
}
