package warden

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config/confine"
)

// A tree makes files below a directory of the test: a name that ends in / is a directory, NAME -> TARGET a symbolic link, anything else a
// file; what stands behind a space is the content.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := resolved(t.TempDir())
	for _, file := range files {
		name, content, _ := strings.Cut(file, " ")
		path := filepath.Join(root, name)
		target, isLink := strings.CutPrefix(content, "-> ")
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(strings.ReplaceAll(target, "ROOT", root), path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(strings.ReplaceAll(content, "ROOT", root)), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// beyondSystem returns paths below root, relative to it.
func beyondSystem(root string, paths []string) []string {
	var all []string
	for _, path := range paths {
		if rel, ok := strings.CutPrefix(path, root); ok {
			all = append(all, cmp.Or(strings.TrimPrefix(rel, "/"), "."))
		}
	}
	return all
}

// TestPolicy tells what programs are shown. In the tree, home is a home folder, and gate is the gateway's own.
func TestPolicy(t *testing.T) {
	files := []string{
		"home/notes.txt", "home/tool #!ROOT/opt/node/bin/node\n", "home/project/index.js", "home/project/.env", "home/project/package.json {}",
		"home/project/node_modules/a/index.js", "home/project/dist/main.js",
		"home/.npm/_npx/1/node_modules/server/dist/index.js", "home/.npm/_npx/1/node_modules/server/package.json {}",
		"home/.npm/_npx/1/node_modules/.bin/server -> ../server/dist/index.js",
		"opt/node/bin/node", "opt/node/lib/x.js", "opt/server",
		"venv/pyvenv.cfg", "venv/bin/python -> ROOT/opt/py/bin/python3.12", "opt/py/bin/python3.12", "opt/py/lib/os.py",
		"data/a.txt", "data/deep/b.txt", "link -> data", "work/mcp.yaml", "work/gate/sumun.db", "work/gate/plugins/1/main.js", "work/x.txt", "work/y/z.txt", "work/mod/__init__.py", "work/mod.py",
	}
	for name, test := range map[string]struct {
		path        string
		args        []string
		dir         string
		confinement confine.Confinement
		read, write []string
		links       map[string]string
		notices     int
		wrong       string
	}{
		"a program is one file": {path: "opt/server", read: []string{"opt/server"}},
		"an argument is bound, and what does not exist is not": {
			path: "opt/server", args: []string{"ROOT/data", "--db=ROOT/data/a.txt", "ROOT/absent", "-v", "plain", "https://example.com/data"}, read: []string{"data", "opt/server"},
		},
		"relative arguments lie in the working directory": {path: "opt/server", args: []string{"a.txt", "./deep"}, dir: "data", read: []string{"data/a.txt", "data/deep", "opt/server"}},
		"a file URL": {path: "opt/server", args: []string{"--db", "file://ROOT/data/a.txt"}, read: []string{"data/a.txt", "opt/server"}},
		"neither a home folder nor what is above it":      {path: "opt/server", args: []string{"ROOT/home", "ROOT", "/", "/etc", "/proc/self", "/dev/null"}, read: []string{"opt/server"}, notices: 6},
		"below a home folder":                             {path: "opt/server", args: []string{"ROOT/home/project"}, read: []string{"home/project", "opt/server"}},
		"up and down again is a home folder all the same": {path: "opt/server", args: []string{"ROOT/home/project/.."}, read: []string{"opt/server"}, notices: 1},
		"a link is followed, and stays": {
			path: "opt/server", args: []string{"ROOT/link/a.txt"}, read: []string{"data/a.txt", "opt/server"}, links: map[string]string{"link/a.txt": "data/a.txt"},
		},
		"what is the gateway's own":          {path: "opt/server", args: []string{"ROOT/work/gate", "ROOT/work/gate/sumun.db"}, read: []string{"opt/server"}, notices: 2},
		"what lies beside the gateway's own": {path: "opt/server", args: []string{"ROOT/work"}, read: []string{"opt/server", "work/mod", "work/mod.py", "work/x.txt", "work/y"}},
		"but for what is made for programs": {
			path: "opt/node/bin/node", args: []string{"ROOT/work/gate/plugins/1/main.js"}, confinement: confine.Confinement{Grant: confine.Grant{Write: []string{"ROOT/work/gate/plugins/1"}}},
			read: []string{"opt/node"}, write: []string{"work/gate/plugins/1"},
		},
		"writing needs a word": {
			path: "opt/server", args: []string{"ROOT/data"}, confinement: confine.Confinement{Grant: confine.Grant{Write: []string{"ROOT/data"}}}, read: []string{"opt/server"}, write: []string{"data"},
		},
		"writing below what is read": {
			path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Read: []string{"ROOT/data"}, Write: []string{"ROOT/data/deep"}}}, read: []string{"data", "opt/server"}, write: []string{"data/deep"},
		},
		"the operator may open a home folder": {path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Read: []string{"ROOT/home"}}}, read: []string{"home", "opt/server"}},
		"but not the machine":                 {path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Read: []string{"/"}}}, wrong: "whole machine"},
		"nor the gateway's own":               {path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Write: []string{"ROOT/work"}}}, wrong: "gateway's own"},
		"nor to read":                         {path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Read: []string{"ROOT/work/gate/sumun.db"}}}, wrong: "gateway's own"},
		"nor what is not there":               {path: "opt/server", confinement: confine.Confinement{Grant: confine.Grant{Write: []string{"ROOT/absent"}}}, wrong: "make it first"},
		"a script of a home folder, and its interpreter": {
			path: "opt/node/bin/node", args: []string{"ROOT/home/notes.txt"}, read: []string{"home/notes.txt", "opt/node"},
		},
		"a script is its directory and its packages": {
			path: "opt/node/bin/node", args: []string{"--trace-warnings", "dist/main.js", "ROOT/data/a.txt"}, dir: "home/project",
			read: []string{"data/a.txt", "home/project/dist", "home/project/node_modules", "home/project/package.json", "opt/node"},
		},
		"a script that names its interpreter": {path: "home/tool", read: []string{"home/tool", "opt/node"}},
		"what npx has installed": {
			path: "opt/node/bin/node", args: []string{"ROOT/home/.npm/_npx/1/node_modules/.bin/server"},
			read: []string{"home/.npm/_npx/1/node_modules", "opt/node"},
		},
		"an environment of Python":          {path: "venv/bin/python", args: []string{"-m", "server"}, read: []string{"opt/py", "venv"}},
		"a module in the working directory": {path: "venv/bin/python", args: []string{"-m", "mod.main"}, dir: "work", read: []string{"opt/py", "venv", "work/mod", "work/mod.py"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, files...)
			fill := func(all []string) []string {
				var filled []string
				for _, one := range all {
					filled = append(filled, strings.ReplaceAll(one, "ROOT", root))
				}
				return filled
			}
			m := &machine{homes: []string{root + "/home"}, private: []string{root + "/work/gate", root + "/work/mcp.yaml"}, shared: []string{root + "/work/gate/plugins"}}
			dir := filepath.Join(root, test.dir)
			p := newProgram(filepath.Join(root, test.path), fill(test.args), dir, nil)
			c := confine.Confinement{Grant: confine.Grant{Read: fill(test.confinement.Read), Write: fill(test.confinement.Write)}}
			got, err := newPolicy(m, c, p, dir)
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Fatalf("the error is %v, want one with %q", err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(beyondSystem(root, got.read), test.read); diff != "" {
				t.Error("read (-got +want):", diff)
			}
			if diff := gocmp.Diff(beyondSystem(root, got.write), test.write); diff != "" {
				t.Error("write (-got +want):", diff)
			}
			links := map[string]string{}
			for from, to := range got.links {
				if rel, ok := strings.CutPrefix(from, root+"/"); ok {
					links[rel] = strings.TrimPrefix(to, root+"/")
				}
			}
			if len(links)+len(test.links) > 0 {
				if diff := gocmp.Diff(links, test.links); diff != "" {
					t.Error("links (-got +want):", diff)
				}
			}
			if len(got.notices) != test.notices {
				t.Errorf("notices: %q", got.notices)
			}
		})
	}
}
