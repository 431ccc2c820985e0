package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sumun-mcp/sumun/"

// Sizes that a newcomer can hold in the head. Tests do not count.
const (
	maxFileLines    = 600
	maxPackageLines = 2500
)

// revisionTable is the only file that may name a revision of the protocol.
const revisionTable = "internal/mcp/revision.go"

// floors is the plan of the house from the ground up; a package that is not built yet stands in it too, so that it
// is built on its floor. A package imports lower floors only, and parts of itself, never its neighbours: neighbours meet in the hall
// (gateway, scan), which hands one the other's small interface.
var floors = [][]string{
	{
		"trust", "internal/wire", "internal/document", "internal/dial", "internal/host", "internal/scaffold", "internal/sandbox", "internal/sandbox/assault", "internal/sandbox/box", "internal/sandbox/box/launch", "internal/sandbox/box/launch/seccomp",
		"internal/prompt/value", "internal/http1", "internal/port", "examples/business/service", "internal/search", "internal/outline", "internal/condition", "internal/pgtest",
	},
	{"internal/mcp", "internal/config", "internal/config/belief", "internal/config/clientfile", "internal/config/confine", "internal/config/offer", "internal/config/suppress", "internal/line", "internal/prompt/filter", "internal/redact", "internal/exit"},
	{
		"internal/doortest", "internal/outlet", "internal/advisory", "internal/zoo", "internal/owntool", "internal/transport", "internal/translate", "internal/notice", "internal/inspect", "internal/inspect/coded", "internal/source", "internal/report",
		"internal/plugin/recipe", "internal/plugin/folder", "internal/plugin/node/syntax", "internal/porter", "internal/signature", "internal/terminal", "internal/session", "internal/prompt", "internal/files",
		"internal/database", "internal/s3", "internal/web", "internal/cache", "internal/ledger", "internal/shelf", "internal/declared", "internal/sampling", "internal/memory", "internal/auditlog", "internal/courier", "internal/keyring", "internal/guard/rule", "internal/oauth", "internal/identity",
	},
	{
		"internal/changes", "internal/serving", "internal/dialogue", "internal/access", "internal/limit", "internal/answers", "internal/guard",
		"internal/audit", "internal/catalog", "internal/route", "internal/roots", "internal/approve",
		"internal/alert", "internal/drift", "internal/check", "internal/usage", "internal/builtin", "internal/resource", "internal/openapi", "internal/plugin", "internal/install", "internal/install/wish", "internal/plugin/node", "internal/plugin/node/typing", "internal/plugin/python", "internal/plugin/wasm", "internal/plugin/starter",
		"internal/registry", "internal/integrity", "internal/local", "internal/metrics", "internal/task",
		"internal/dialect", "internal/pins", "internal/credential", "internal/listing", "internal/command", "internal/workspace", "internal/promptfile", "internal/vouch", "internal/exchange", "internal/caution",
	},
	{"internal/mishap", "internal/store", "internal/store/engine", "internal/egress", "internal/ingress", "internal/pipe", "internal/probe", "internal/survey", "internal/doctor", "internal/review", "internal/desk", "internal/own", "internal/record", "internal/stock", "internal/sentry", "client", "client/internal/value", "internal/signboard", "internal/chaperon", "internal/broker", "internal/doorman", "internal/conform", "internal/warden", "internal/warden/container", "internal/warden/witness"},
	{"internal/gateway", "internal/scan", "internal/console", "internal/locksmith", "internal/approver", "internal/herald", "internal/usher", "internal/devca", "internal/steward", "internal/notary", "internal/proofreader", "internal/registrar", "internal/workbench"},
	{"server"},
	{"cmd/sumun"},
	{"bench/load", "bench/boxed", "internal/zoo/keeper"},
	{"bench", "internal/house", "examples/business"}, // beside the house: may look into every room, and no room knows them
}

// revision matches a revision of the protocol written out as a string.
var revision = regexp.MustCompile("[\"`]20\\d\\d-\\d\\d-\\d\\d[\"`]")

func TestHouse(t *testing.T) {
	for pkg, files := range packages(t, os.DirFS("../..")) {
		for _, fault := range faults(pkg, files) {
			t.Error(fault)
		}
	}
}

// source is one Go file, named by its slashed path in the module.
type source struct {
	name string
	text []byte
	tree *ast.File
}

// packages returns the Go files of the module by folder. It leaves out what the go command leaves out too, and the
// modules of their own below the root.
func packages(t *testing.T, root fs.FS) map[string][]source {
	t.Helper()
	found := map[string][]source{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && isOutside(root, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		found[path.Dir(name)] = append(found[path.Dir(name)], source{name, text, tree})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// isOutside reports whether the folder does not belong to this module.
func isOutside(root fs.FS, name string) bool {
	base := path.Base(name)
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(root, path.Join(name, "go.mod"))
	return err == nil
}

// faults returns what is wrong with the package in the folder pkg, one sentence each.
func faults(pkg string, files []source) []string {
	var found []string
	say := func(parts ...string) { found = append(found, strings.Join(parts, "")) }

	floor := floorOf(pkg)
	if floor < 0 {
		say(pkg, ": stands on no floor; add it to floors")
	}
	lines, documented := 0, false
	for _, f := range files {
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		n := bytes.Count(f.text, []byte("\n"))
		lines += n
		documented = documented || f.tree.Doc != nil
		if n > maxFileLines && !isTable(f.tree) {
			say(f.name, ": longer than a file may be; split it by meaning")
		}
		if f.name != revisionTable && revision.Match(f.text) {
			say(f.name, ": names a revision of the protocol; only ", revisionTable, " may")
		}
		if hasInit(f.tree) {
			say(f.name, ": func init; call it by name from cmd instead")
		}
		for _, dep := range imports(f.tree) {
			part := strings.HasPrefix(dep, pkg+"/") && floorOf(dep) == floor
			if on := floorOf(dep); on < 0 || on >= floor && !part {
				say(f.name, ": imports ", dep, ", which does not stand on a lower floor")
			}
		}
	}
	if lines == 0 {
		say(pkg, ": has no code, only tests; a package is made when its feature is")
	}
	if lines > maxPackageLines {
		say(pkg, ": larger than a package may be; split it by meaning")
	}
	if !documented {
		say(pkg, ": has no package comment")
	}
	return found
}

// floorOf returns the floor that the package stands on, or -1 if it stands on none.
func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, pkg) })
}

// imports returns the packages of this module that the file imports.
func imports(f *ast.File) []string {
	var found []string
	for _, im := range f.Imports {
		if dep, ours := strings.CutPrefix(strings.Trim(im.Path.Value, "\"`"), module); ours {
			found = append(found, dep)
		}
	}
	return found
}

// hasInit reports whether the file declares a func init.
func hasInit(f *ast.File) bool {
	return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Recv == nil && fn.Name.Name == "init"
	})
}

// isTable reports whether the file holds table-shaped data and nothing else: it is generated, or it declares no
// function.
func isTable(f *ast.File) bool {
	return ast.IsGenerated(f) || !slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		_, ok := d.(*ast.FuncDecl)
		return ok
	})
}

// TestRules breaks each rule once, so that the rules are known to be able to fail.
func TestRules(t *testing.T) {
	const ok = "// Package p is here.\npackage p\n"
	long := strings.Repeat("//\n", maxFileLines)
	tests := map[string]struct {
		pkg  string
		text string
		want string
	}{
		"fine":             {"internal/ingress", ok + `import _ "github.com/sumun-mcp/sumun/internal/mcp"`, ""},
		"no floor":         {"internal/util", ok, "stands on no floor"},
		"neighbour":        {"internal/access", ok + `import _ "github.com/sumun-mcp/sumun/internal/audit"`, "lower floor"},
		"upstairs":         {"internal/wire", ok + `import _ "github.com/sumun-mcp/sumun/internal/mcp"`, "lower floor"},
		"unknown import":   {"cmd/sumun", ok + `import _ "github.com/sumun-mcp/sumun/internal/util"`, "lower floor"},
		"init":             {"internal/mcp", ok + "func init() {}", "func init"},
		"method init":      {"internal/mcp", ok + "type T int\nfunc (T) init() {}", ""},
		"revision":         {"internal/mcp", ok + `const r = "2025-06-18"`, "revision"},
		"no comment":       {"internal/mcp", "package p\n", "no package comment"},
		"long file":        {"internal/mcp", ok + "func f() {}\n" + long, "longer than a file"},
		"long table":       {"internal/mcp", ok + "var t = []int{1}\n" + long, ""},
		"large package":    {"internal/mcp", ok + "var t = 1\n" + strings.Repeat(long, 5), "larger than a package"},
		"nothing but test": {"internal/mcp", "", "no code"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := faults(tt.pkg, sources(t, tt.text))
			if tt.want == "" && len(got) > 0 {
				t.Errorf("faults = %q, want none", got)
			}
			if tt.want != "" && !strings.Contains(strings.Join(got, "\n"), tt.want) {
				t.Errorf("faults = %q, want one with %q", got, tt.want)
			}
		})
	}
}

// sources returns the text as the only file of a package, or no file if it is empty.
func sources(t *testing.T, text string) []source {
	t.Helper()
	if text == "" {
		return nil
	}
	tree, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return []source{{"p.go", []byte(text), tree}}
}

// TestFloors wants every package on one floor only.
func TestFloors(t *testing.T) {
	seen := map[string]int{}
	for _, f := range floors {
		for _, p := range f {
			seen[p]++
		}
	}
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		if seen[p] != 1 {
			t.Errorf("%s stands on %d floors", p, seen[p])
		}
	}
}
