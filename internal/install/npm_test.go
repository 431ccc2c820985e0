package install

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

func TestNpm(t *testing.T) {
	needs(t, "node", "npm")
	r := newRegistry(t)
	trap := filepath.Join(t.TempDir(), "trap")
	greeter(t, r, "1.0.0", trap)
	steps := &recorder{}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Environ: r.environ(t), Run: steps.run})
	l := line("npx -y @demo/greeter to all")
	l.Env = map[string]string{"API_KEY": "the-servers", "PATH": pathOf()}
	p := resolve(t, i, l)
	if got := say(t, p); got != "hello 1.0.0 to all" {
		t.Errorf("the program says %q", got)
	}
	if !p.Installed || filepath.Base(p.Command) != "node" || !filepath.IsAbs(p.Command) || p.Args[0] != filepath.Join(p.Read[0], "node_modules/@demo/greeter/main.js") {
		t.Errorf("the program is %+v", p)
	}
	if diff := cmp.Diff([]string{"@demo/greeter 1.0.0"}, p.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if len(p.Notices) != 1 || !strings.Contains(p.Notices[0], "@demo/greeter") {
		t.Errorf("notices: %q", p.Notices)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a script of a package has run")
	}
	host := strings.TrimPrefix(r.URL, "http://")
	for _, s := range steps.steps {
		if diff := cmp.Diff([]string{host}, s.Hosts); diff != "" {
			t.Errorf("hosts of a step (-want +got):\n%s", diff)
		}
		for name, value := range s.Env {
			if strings.Contains(value, "do-not-tell") || strings.Contains(value, "the-servers") {
				t.Errorf("a step is handed a secret: %s", name)
			}
		}
		for _, path := range s.Read {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("a step is to read what is not there: %v", err)
			}
		}
		if len(s.Write) != 1 || !strings.HasPrefix(s.Write[0], dir) || s.Env["HOME"] == "" || !strings.HasPrefix(s.Env["HOME"], s.Write[0]) {
			t.Errorf("a step writes to %q and has the home %q", s.Write, s.Env["HOME"])
		}
	}

	// Everything is there: nobody is asked, although the registry has gone.
	before := steps.count()
	r.Close()
	if again := resolve(t, open(t, Options{Dir: dir, Environ: r.environ(t), Run: steps.run}), l); !cmp.Equal(again, p) || steps.count() != before {
		t.Errorf("again: %+v after %d steps more", again, steps.count()-before)
	}
	lockedAsWell(t, open(t, Options{Dir: dir, Environ: r.environ(t)}), p)
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// lockedAsWell has the lock of a program in a file of somebody else: it has the same tree.
func lockedAsWell(t *testing.T, i *Installer, p Program) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(i.dir, "locks", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("remembered: %q, %v", files, err)
	}
	m, ok := recall(files[0])
	if !ok {
		t.Fatalf("%s cannot be read", files[0])
	}
	path := filepath.Join(t.TempDir(), map[wish.Kind]string{wish.Npm: "package-lock.json", wish.Python: "requirements.txt"}[m.Lock.Kind])
	if err := os.WriteFile(path, []byte(m.Lock.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := i.Locked(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Dir != p.Read[0] || !slices.Equal(tree.Read, p.Read[1:]) || !cmp.Equal(tree.Notices, p.Notices) {
		t.Errorf("the lock file's tree is %+v, the program's %q", tree, p.Read)
	}
	for _, at := range []string{tree.Modules, tree.Python, tree.Site} {
		if _, err := os.Stat(at); at != "" && err != nil {
			t.Error(err)
		}
	}
}

// TestPrograms has packages with several programs, with one of another name, with one of a package that they need, and with odd ones.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	hello := "#!/usr/bin/env -S node --no-warnings\n"
	plant(filepath.Join(dir, "node_modules"), map[string]string{
		"@demo/one/package.json": `{"name":"@demo/one","version":"1.0.0","bin":{"other":"./a.js"}}`, "@demo/one/a.js": hello,
		"text/package.json": `{"name":"text","version":"1.0.0","bin":"b.mjs"}`, "text/b.mjs": "1",
		"many/package.json": `{"name":"many","version":"1.0.0","bin":{"x":"x.js","y":"y.js"}}`, "many/x.js": hello, "many/y.js": "#!/usr/bin/node\r\n",
		"called/package.json": `{"name":"called","version":"1.0.0","bin":{"called":"x.js","y":"y.js"}}`, "called/x.js": hello,
		"none/package.json":  `{"name":"none","version":"1.0.0"}`,
		"shell/package.json": `{"name":"shell","version":"1.0.0","bin":"run"}`, "shell/run": "#!/bin/sh -e\n",
		"native/package.json": `{"name":"native","version":"1.0.0","bin":"run"}`, "native/run": "\x7fELF",
		"escape/package.json": `{"name":"escape","version":"1.0.0","bin":"../../../outside.js"}`, "../outside.js": "1", "../../outside.js": "1",
		"absent/package.json": `{"name":"absent","version":"1.0.0","bin":"absent.js"}`, "odd/package.json": `{"name":"odd","version":"1.0.0","bin":[1]}`,
	})
	if err := os.Mkdir(filepath.Join(dir, "node_modules/.bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../many/y.js", filepath.Join(dir, "node_modules/.bin/y")); err != nil {
		t.Fatal(err)
	}
	n := &node{tools: open(t, Options{}).tools(Line{}), path: "/opt/node"}
	good := map[string]string{
		"npx @demo/one a": "/opt/node --no-warnings @demo/one/a.js a", "npx text": "/opt/node text/b.mjs", "npx called": "/opt/node --no-warnings called/x.js",
		"npx -p many y": "/opt/node many/y.js", "npx -p text -p @demo/one other --x": "/opt/node --no-warnings @demo/one/a.js --x", "npx -p text y": "/opt/node many/y.js",
		"npx native --a": "native/run --a",
	}
	for text, want := range good {
		w, err := wishOf(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := n.program(dir, w)
		got := strings.ReplaceAll(strings.Join(append([]string{p.Command}, p.Args...), " "), resolved(filepath.Join(dir, "node_modules"))+"/", "")
		if err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
	if w, _ := wishOf("npx shell x"); w != nil {
		if p, err := n.program(dir, w); err != nil || filepath.Base(p.Command) != "sh" || len(p.Args) != 3 || p.Args[0] != "-e" {
			t.Errorf("a script of the shell is %+v, %v", p, err)
		}
	}
	bad := map[string]string{
		"npx many": "several programs; say which: -p many and one of x, y", "npx none": "has no program", "npx -p text nothing": `program "nothing"`, "npx -p text ../many/x.js": "program",
		"npx escape": "outside of what was installed", "npx absent": "no such file", "npx odd": "cannot be read", "npx nowhere": "no such file",
	}
	for text, want := range bad {
		w, err := wishOf(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := n.program(dir, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %+v, %v; want an error with %q", text, p, err, want)
		}
	}
}

// TestLocal has a package in the directory of the line, which npx prefers to that of a registry.
func TestLocal(t *testing.T) {
	needs(t, "node", "npm")
	r := newRegistry(t)
	r.publish(t, "mine", "9.9.9", map[string]any{"bin": "a.js"}, map[string]string{"a.js": "console.log('a stranger')"})
	cwd := t.TempDir()
	for file, text := range map[string]string{"package.json": `{"name":"mine","version":"1.0.0","bin":"a.js"}`, "a.js": "console.log('mine')"} {
		if err := os.MkdirAll(filepath.Join(cwd, "node_modules/mine"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cwd, "node_modules/mine", file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := line("npx mine")
	l.Dir = cwd
	p := resolve(t, open(t, Options{Environ: r.environ(t)}), l)
	if got := say(t, p); got != "mine" || p.Installed {
		t.Errorf("it says %q: %+v", got, p)
	}
	if len(r.paths()) > 0 {
		t.Errorf("the registry was asked for %q", r.paths())
	}
}
