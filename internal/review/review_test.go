package review

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/usage"
)

const file = `# what keys may do
apiKey: ${KEY:-0123456789abcdef}
scopes:
  # for reading
  read:docs: [docs.read, "f:///docs/*"]   # used
  invoke:old: [docs.old]
  invoke:wide:            # much too wide
    - "shop.*"
    - docs.read

  # the next one is given to nobody
  invoke:nobody: [docs.read]
  invoke:gone: [nothing.here, docs.read]
  "invoke:all": {names: ["*"], when: "caller.id != 'x'"}
  deny:secret: [shop.secret]
roles:
  reader: [read:docs, invoke:old]   # both
  idle:
  - read:docs
servers:
  shop:   # a shop
    command: shop
    env: {A: b}
  other: {command: other, tools: {allow: ["*"]}}
  dead:
    command: dead
resources:
  notes: {type: cache, write: true}
  live: {type: cache, write: true}
tools:
  declared:
    http: {url: https://example.com/}
  busy:
    http: {url: https://example.com/}
log: {level: info}
`

// day is a number of days before now.
func day(n int) time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).AddDate(0, 0, -n) }

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	cfg, err := loader(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func loader(path string) (*config.Config, error) {
	return config.Load(path, func(string) (string, bool) { return "", false })
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mcp.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// facts are those of a gateway that has run for a year.
func facts(cfg *config.Config) Facts {
	offered := func(kind, name, server, own string) usage.Row {
		return usage.Row{Thing: usage.Thing{Kind: kind, Name: name}, Server: server, Own: own, First: day(365), Last: day(0)}
	}
	used := func(caller, kind, name string, days int) usage.Row {
		return usage.Row{Caller: caller, Thing: usage.Thing{Kind: kind, Name: name}, First: day(300), Last: day(days), Uses: 3}
	}
	f := Facts{Config: cfg, Now: day(0), Days: 30, Usage: []usage.Row{
		offered("tool", "docs.read", "own", "docs.read"), offered("tool", "docs.old", "own", "docs.old"),
		offered("tool", "busy", "own requests", "busy"), offered("tool", "declared", "own requests", "declared"),
		offered("resource", "cache://notes/a", "own resources", "cache://notes/a"), offered("resource", "cache://live/a", "own resources", "cache://live/a"),
		offered("tool", "dead.x", "dead", "x"), offered("tool", "other.used", "other", "used"), offered("tool", "other.idle", "other", "idle"),
		used("ci", "tool", "docs.read", 1), used("ci", "tool", "shop.t1", 2), used("ci", "tool", "docs.old", 31), used("ci", "tool", "busy", 1),
		used("local", "resource", "cache://live/a", 3), used("local", "tool", "other.used", 3),
	}}
	for i := range 10 {
		f.Usage = append(f.Usage, offered("tool", fmt.Sprint("shop.t", i), "shop", fmt.Sprint("t", i)))
	}
	f.Keys = []keyring.Key{
		{Name: "ci", Roles: []string{"reader"}, Scopes: []string{"invoke:wide", "invoke:gone", "invoke:all"}, Created: day(100), LastUsed: day(1), Expires: day(-10)},
		{Name: "old one", Scopes: []string{"*"}, Created: day(100), LastUsed: day(40)},
		{Name: "new", Scopes: []string{"read:docs"}, Created: day(1)},
		{Name: "root", Scopes: []string{"*"}, Created: day(100), LastUsed: day(1), Expires: day(-1)},
		{Name: "over", Scopes: []string{"*"}, Created: day(100), Revoked: day(5)},
	}
	return f
}

// TestJudge finds what is to be found, and does what each finding says: then it is not found any more.
func TestJudge(t *testing.T) {
	path := write(t, strings.Replace(file, "apiKey: ${KEY:-0123456789abcdef}\n", "", 1))
	r := Judge(facts(load(t, path)))
	got := map[string]string{}
	for _, f := range r.Findings {
		got[f.ID] = f.Level + ": " + f.Command
	}
	want := map[string]string{
		"unused-key/old one":         "medium: sumun key revoke 'old one'",
		"endless-key/new":            "low: sumun key rotate new --expires 90d",
		"boundless-key/root":         "medium: sumun key revoke root",
		"unused-scope/invoke:old":    "low: sumun scope review --fix unused-scope/invoke:old",
		"unheld-scope/invoke:nobody": "low: sumun scope review --fix unheld-scope/invoke:nobody",
		"empty-scope/invoke:gone":    "low: sumun scope review --fix empty-scope/invoke:gone",
		"broad-scope/invoke:wide":    "low: sumun scope review --fix broad-scope/invoke:wide",
		"broad-scope/invoke:all":     "medium: sumun scope review --fix broad-scope/invoke:all",
		"unheld-role/idle":           "info: sumun scope review --fix unheld-role/idle",
		"unused-tools/shop":          "low: sumun scope review --fix unused-tools/shop",
		"unused-tools/other":         "low: sumun scope review --fix unused-tools/other",
		"unused-tools/dead":          "low: sumun scope review --fix unused-tools/dead",
		"unused-tools/declared":      "low: sumun scope review --fix unused-tools/declared",
		"unused-resource/notes":      "low: sumun scope review --fix unused-resource/notes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	for _, f := range r.Findings {
		if len(f.Patch) == 0 {
			continue
		}
		cfg := load(t, path)
		if err := Apply(cfg, f.Patch, loader); err != nil {
			t.Errorf("%s: %v", f.ID, err)
			continue
		}
		for _, again := range Judge(facts(load(t, path))).Findings {
			if again.ID == f.ID {
				t.Errorf("%s is found after its command", f.ID)
			}
		}
	}
	after := load(t, path)
	for scope, want := range map[string][]string{
		"read:docs": {"docs.read", "f:///docs/*"}, "invoke:wide": {"docs.read", "shop.t1"}, "invoke:gone": {"docs.read"},
		"invoke:all": {"busy", "docs.read", "shop.t1"}, "deny:secret": {"shop.secret"},
	} {
		if diff := cmp.Diff(want, after.Scopes[scope].Names); diff != "" {
			t.Errorf("%s (-want +got)\n%s", scope, diff)
		}
	}
	if len(after.Scopes) != 5 || after.Scopes["invoke:all"].When == "" || !slices.Equal(after.Roles["reader"], []string{"read:docs"}) || len(after.Roles) != 1 {
		t.Errorf("scopes %v, roles %v", after.Scopes, after.Roles)
	}
	if !after.Servers[2].Disabled || len(after.Tools) != 1 || len(after.Resources) != 1 || !slices.Equal(after.Servers[0].Tools.Allow, []string{"t1"}) || !slices.Equal(after.Servers[1].Tools.Allow, []string{"used"}) {
		t.Errorf("servers %+v, tools %d, resources %d", after.Servers, len(after.Tools), len(after.Resources))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{"# what keys may do", "  # for reading\n", "# used\n", "  # the next one is given to nobody\n", "  shop:   # a shop\n", "log: {level: info}\n"} {
		if !strings.Contains(string(text), kept) {
			t.Errorf("the file lacks %q:\n%s", kept, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestYoung does not call unused what could not have been used for so long.
func TestYoung(t *testing.T) {
	f := facts(load(t, write(t, file)))
	for i := range f.Usage {
		f.Usage[i].First = day(5)
	}
	r := Judge(f)
	for _, one := range r.Findings {
		if strings.HasPrefix(one.Kind, "unused-") && one.Kind != unusedKey || one.Kind == broadScope {
			t.Errorf("found %s", one.ID)
		}
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "only since") {
		t.Errorf("notes %q", r.Notes)
	}
	f.Usage = nil
	if r = Judge(f); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "nothing is known") {
		t.Errorf("notes %q", r.Notes)
	}
	f = facts(load(t, write(t, file)))
	f.Usage = append(f.Usage, usage.Row{Caller: usage.Others, Thing: usage.Thing{Kind: "tool", Name: usage.Others}, First: day(3), Last: day(1)})
	if r = Judge(f); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "counted apart") {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestAPIKeyHolds has the configuration's own key hold all scopes, and use them.
func TestAPIKeyHolds(t *testing.T) {
	f := facts(load(t, write(t, file)))
	f.Usage = append(f.Usage, usage.Row{Caller: "apiKey", Thing: usage.Thing{Kind: "tool", Name: "docs.old"}, First: day(300), Last: day(2)})
	for _, one := range Judge(f).Findings {
		if one.Kind == unheldScope || one.ID == "unused-scope/invoke:old" {
			t.Errorf("found %s", one.ID)
		}
	}
}

// TestByHand leaves alone what it cannot change safely.
func TestByHand(t *testing.T) {
	for name, text := range map[string]string{
		"flow":       "scopes: {a: [x], b: [y]}\nlog: {level: info}\n",
		"one line":   "{scopes: {a: [x], b: [y]}}\n",
		"anchors":    "scopes:\n  a: &x [x]\n  b: *x\n",
		"tagged key": "scopes:\n  !!str a: [x]\n  b: [y]\n",
		"? key":      "scopes:\n  ? a\n  : [x]\n  b: [y]\n",
	} {
		path := write(t, text)
		cfg := load(t, path)
		err := Apply(cfg, pointed([]Edit{{Op: remove, path: []string{"scopes", "a"}}}), loader)
		after, _ := os.ReadFile(path)
		if err != nil && string(after) != text {
			t.Errorf("%s: %v, and the file is changed:\n%s", name, err, after)
		}
		if err == nil {
			if got := load(t, path).Scopes; len(got) != 1 || got["b"].Names == nil {
				t.Errorf("%s: %v:\n%s", name, got, after)
			}
		}
	}
	if err := Apply(config.Default(), nil, loader); err == nil {
		t.Error("a change without a file")
	}
}

// TestFlow edits mappings that are written in { }, where names with a colon stand without quotes.
func TestFlow(t *testing.T) {
	path := write(t, "# mine\nscopes: {invoke:a: [calc.a], read:b: [b]} # two\nroles: {nobody: [invoke:a], both: [invoke:a, read:b]}\n")
	err := Apply(load(t, path), pointed([]Edit{
		{Op: remove, path: []string{"scopes", "read:b"}}, {Op: replace, path: []string{"roles", "both"}, Value: []string{"invoke:a"}}, {Op: remove, path: []string{"roles", "nobody"}},
	}), loader)
	if err != nil {
		t.Fatal(err)
	}
	got := load(t, path)
	if len(got.Scopes) != 1 || len(got.Roles) != 1 || !slices.Equal(got.Roles["both"], []string{"invoke:a"}) {
		text, _ := os.ReadFile(path)
		t.Errorf("%s", text)
	}
}

// FuzzEdit takes a scope out of files in many ways: what is left says what it said, or the file is left alone.
func FuzzEdit(f *testing.F) {
	f.Add(file, "invoke:old")
	f.Add("scopes:\n  a:\n  - x\n  b: |\n    c\n", "a")
	f.Add("scopes:\n    'a': [x] # c\n\n    \"b\":\n        names: [x]\n", "b")
	f.Fuzz(func(t *testing.T, text, scope string) {
		path := filepath.Join(t.TempDir(), "mcp.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := loader(path)
		if err != nil {
			return
		}
		if _, ok := cfg.Scopes[scope]; !ok {
			return
		}
		if err := Apply(cfg, pointed([]Edit{{Op: remove, path: []string{"scopes", scope}}}), loader); err != nil {
			return
		}
		after, err := loader(path)
		if err != nil {
			t.Fatalf("the file is broken: %v", err)
		}
		if _, ok := after.Scopes[scope]; ok || len(after.Scopes) != len(cfg.Scopes)-1 {
			t.Fatalf("%v is left of %v", after.Scopes, cfg.Scopes)
		}
	})
}

// TestAlert tells findings in a line.
func TestAlert(t *testing.T) {
	a := Judge(facts(load(t, write(t, file)))).Alert()
	var evidence struct{ Findings []string }
	if err := json.Unmarshal(a.Evidence, &evidence); err != nil || len(evidence.Findings) == 0 {
		t.Errorf("%s: %v", a.Evidence, err)
	}
	if a.Kind != "review" || a.Severity != alert.Medium || !strings.Contains(a.Text, "unused-tools") || a.Remedy != "sumun scope review --days 30" {
		t.Errorf("%+v", a)
	}
}
