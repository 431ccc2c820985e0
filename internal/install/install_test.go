package install

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/sumun-mcp/sumun/internal/install/wish"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// line splits a command line at its blanks.
func line(text string) Line {
	words := strings.Fields(text)
	return Line{Command: words[0], Args: words[1:]}
}

// wishOf is what a command line wants installed.
func wishOf(text string) (*wish.Wish, error) {
	l := line(text)
	return wish.Read(l.Command, l.Args)
}

func pathOf() string { return os.Getenv("PATH") }

// needs skips a test where a tool is missing.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed here", tool)
		}
	}
}

// needsPip skips a test where Python has no pip that is new enough.
func needsPip(t *testing.T) {
	t.Helper()
	needs(t, "python3")
	i := open(t, Options{})
	if _, pip, err := i.tools(Line{}).interpreter(t.Context(), "python3"); err != nil || !pip {
		t.Skipf("python3 has no pip of 22.3 or newer here (%v)", err)
	}
}

func open(t *testing.T, o Options) *Installer {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	i, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// A recorder runs steps and remembers them.
type recorder struct {
	mu    sync.Mutex
	steps []Step
	fail  error // instead of running
}

func (r *recorder) run(ctx context.Context, s Step) ([]byte, error) {
	r.mu.Lock()
	r.steps = append(r.steps, s)
	fail := r.fail
	r.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	return Plain(nil, slog.New(slog.DiscardHandler))(ctx, s)
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.steps)
}

// say runs a program and returns what it says.
func say(t *testing.T, p Program) string {
	t.Helper()
	out, err := Finish(t.Context(), sandbox.Command{Path: p.Command, Args: p.Args}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func resolve(t *testing.T, i *Installer, l Line) Program {
	t.Helper()
	p, err := i.Resolve(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// greeter publishes a version of the package @demo/greeter, which needs another, and whose scripts must never run.
func greeter(t *testing.T, r *registry, version, trap string) {
	t.Helper()
	r.publish(t, "@demo/words", "1.0.0", nil, map[string]string{"index.js": "module.exports = 'hello'"})
	r.publish(t, "@demo/greeter", version, map[string]any{
		"bin": map[string]string{"greeter": "main.js"}, "dependencies": map[string]string{"@demo/words": "^1.0.0"},
		"scripts": map[string]string{"preinstall": "touch " + trap, "postinstall": "touch " + trap, "prepare": "touch " + trap}, "hasInstallScript": true,
	}, map[string]string{
		"main.js": "#!/usr/bin/env node\nconsole.log(require('@demo/words'), '" + version + "', process.argv.slice(2).join(' '))\n",
	})
}

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

// A fake is an npm that knows one package, demo.
type fake struct {
	recorder

	version string
}

func (f *fake) npm(_ context.Context, s Step) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, s)
	if f.fail != nil {
		return nil, f.fail
	}
	if slices.Contains(s.Args, "--package-lock-only") {
		text := fmt.Sprintf(`{"lockfileVersion":3,"packages":{"":{},"node_modules/demo":{"version":%q,"integrity":"sha512-x"}}}`, f.version)
		return nil, os.WriteFile(filepath.Join(s.Dir, "package-lock.json"), []byte(text), 0o600)
	}
	plant(s.Dir, map[string]string{"node_modules/demo/package.json": fmt.Sprintf(`{"name":"demo","version":%q,"bin":"a.js"}`, f.version), "node_modules/demo/a.js": "console.log('" + f.version + "')"})
	return nil, nil
}

// plant writes files below a directory.
func plant(dir string, files map[string]string) {
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			panic(err)
		}
	}
}

// version is which version of demo a program is.
func version(t *testing.T, p Program) string {
	t.Helper()
	if len(p.Packages) != 1 || len(p.Args) == 0 {
		t.Fatalf("the program is %+v", p)
	}
	text, err := os.ReadFile(p.Args[0])
	_, v, _ := strings.Cut(p.Packages[0], " ")
	if err != nil || !strings.Contains(string(text), v) {
		t.Fatalf("%q is %q, %v", p.Args, text, err)
	}
	return v
}

// age makes what is remembered older.
func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "locks", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is remembered: %v", err)
	}
	for _, file := range files {
		m, ok := recall(file)
		if !ok {
			t.Fatalf("%s cannot be read", file)
		}
		m.Made, m.Tried = m.Made.Add(-by), m.Tried.Add(-by)
		if err := remember(file, m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRenewal has the newest version looked for after a while; and what is installed used while nothing newer can be found out.
func TestRenewal(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Run: f.npm})
	first, exactly := resolve(t, i, line("npx demo")), resolve(t, i, line("npx demo@1.0.0"))
	f.version = "1.1.0"
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.0.0" {
		t.Errorf("at once: %s", got)
	}
	age(t, dir, fresh+time.Minute)
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.1.0" {
		t.Errorf("after a day: %s", got)
	}
	if got := resolve(t, i, line("npx demo@1.0.0")); !cmp.Equal(got, exactly) {
		t.Errorf("after a day one version is %+v", got)
	}
	if got := version(t, first); got != "1.0.0" {
		t.Errorf("what was handed out is %s", got)
	}

	age(t, dir, fresh+time.Minute)
	f.fail = errors.New("no network")
	before := f.count()
	for range 3 {
		if got := version(t, resolve(t, i, line("npx demo"))); got != "1.1.0" {
			t.Errorf("without a network: %s", got)
		}
	}
	if n := f.count() - before; n != 1 {
		t.Errorf("without a network it was tried %d times, want once an hour", n)
	}
	if _, err := i.Resolve(t.Context(), line("npx demo@2")); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("what was never installed: %v", err)
	}
}

// TestTogether has many ask for the same at once, through two installers as of two processes.
func TestTogether(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	o := Options{Dir: t.TempDir(), Run: f.npm}
	both := []*Installer{open(t, o), open(t, o)}
	programs := make([]Program, 8)
	faults := make([]error, len(programs))
	var work sync.WaitGroup
	for n := range programs {
		work.Go(func() { programs[n], faults[n] = both[n%2].Resolve(t.Context(), line("npx -y demo")) })
	}
	work.Wait()
	for n, p := range programs {
		if faults[n] != nil || !cmp.Equal(p, programs[0]) {
			t.Errorf("%d: %+v, %v", n, p, faults[n])
		}
	}
	if n := f.count(); n != 2 {
		t.Errorf("%d steps were run, want one for the lock and one for the tree", n)
	}
}

// TestHalf finds what an installation has left that was killed: it is not used.
func TestHalf(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Run: f.npm})
	p := resolve(t, i, line("npx demo"))
	i.Close()
	if err := os.Rename(p.Read[0], p.Read[0]+".new"); err != nil {
		t.Fatal(err)
	}
	plant(p.Read[0]+".new", map[string]string{"node_modules/demo/a.js": "half of it"})
	i = open(t, Options{Dir: dir, Run: f.npm})
	again := resolve(t, i, line("npx demo"))
	if got := version(t, again); got != "1.0.0" || !cmp.Equal(again, p) {
		t.Errorf("it is %s: %+v", got, again)
	}
	if err := os.RemoveAll(p.Read[0]); err != nil {
		t.Fatal(err)
	}
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.0.0" {
		t.Errorf("removed by hand, it is %s", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "locks", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	plant(dir, map[string]string{"locks/" + filepath.Base(files[0]): `{"lock":{"kind":"npm","te`})
	if again := resolve(t, i, line("npx demo")); !cmp.Equal(again, p) {
		t.Errorf("with half of what was remembered it is %+v", again)
	}
}

// TestWaiting has a caller give up while another installs.
func TestWaiting(t *testing.T) {
	i := open(t, Options{})
	busy, err := acquire(t.Context(), filepath.Join(i.dir, "trees", "x.busy"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if _, err := i.lease(ctx, filepath.Join(i.dir, "trees", "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", err)
	}
}

// TestSweep removes trees that nobody has used for long, and none that somebody uses.
func TestSweep(t *testing.T) {
	i := open(t, Options{})
	old := time.Now().Add(-unused - time.Hour)
	for _, name := range []string{"used", "unused", "new"} {
		dir := filepath.Join(i.dir, "trees", name)
		if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+".busy", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "used" {
			if ok, err := i.lease(t.Context(), dir); !ok || err != nil {
				t.Fatalf("%v, %v", ok, err)
			}
		}
		if err := os.Chmod(filepath.Join(dir, "below"), 0o500); err != nil {
			t.Fatal(err)
		}
		if name != "new" {
			if err := os.Chtimes(dir+".busy", old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	i.tools(Line{}).sweep(t.Context())
	for name, want := range map[string]bool{"used": true, "unused": false, "new": true} {
		if _, err := os.Stat(filepath.Join(i.dir, "trees", name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ok, err := i.lease(t.Context(), filepath.Join(i.dir, "trees", "unused")); ok || err != nil {
		t.Errorf("what was removed can be had: %v, %v", ok, err)
	}
	i.Close()
	i.tools(Line{}).sweep(t.Context())
	if _, err := os.Stat(filepath.Join(i.dir, "trees", "used")); err == nil {
		t.Error("what nobody uses any more is kept")
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

// TestPython installs with pip, and with uv where that is there.
func TestPython(t *testing.T) {
	t.Run("pip", func(t *testing.T) {
		needsPip(t)
		testPython(t, "pipx run --spec", "only wheels are installed")
	})
	t.Run("uv", func(t *testing.T) {
		needs(t, "python3", "uv")
		testPython(t, "uvx --from", "built")
	})
}

func testPython(t *testing.T, runner, unbuilt string) {
	t.Helper()
	r := newRegistry(t)
	r.wheel(t, "demo-words", "", map[string]string{"demo_words.py": "WORD = 'hello'\n"})
	r.wheel(t, "demo-greeter", "[console_scripts]\ndemo-greeter = demo_greeter:main\nother = demo_greeter:main\n", map[string]string{"demo_greeter.py": "import sys\nfrom demo_words import WORD\ndef main():\n    print(WORD, *sys.argv[1:])\n    return 0\n"}, "demo-words>=1")
	r.file("built", "built-1.0.tar.gz", []byte("not a wheel"))
	steps := &recorder{}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Environ: r.environ(t), Run: steps.run})
	p := resolve(t, i, line(runner+" demo_greeter Demo_Greeter to all"))
	if got := say(t, p); got != "hello to all" {
		t.Errorf("the program says %q", got)
	}
	if diff := cmp.Diff([]string{"demo_greeter 1.0"}, p.Packages); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if got := say(t, resolve(t, i, line(runner+" demo_greeter other x"))); got != "hello x" {
		t.Errorf("another program says %q", got)
	}
	lockedAsWell(t, open(t, Options{Dir: dir, Environ: r.environ(t)}), p)
	for _, s := range steps.steps {
		if len(s.Hosts) > 0 && !slices.Equal(s.Hosts, []string{strings.TrimPrefix(r.URL, "http://")}) {
			t.Errorf("hosts of a step: %q", s.Hosts)
		}
		if text := fmt.Sprint(s.Env); strings.Contains(text, "do-not-tell") {
			t.Errorf("a step is handed a secret: %s", text)
		}
	}
	bad := map[string]string{" built x": unbuilt, " demo_greeter nothing": "demo-greeter, other", " --python 2.4 demo_greeter x": ""}
	for text, want := range bad {
		if p, err := i.Resolve(t.Context(), line(runner+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want an error with %q", text, p, err, want)
		}
	}
	r.Close()
	if again := resolve(t, open(t, Options{Dir: dir, Environ: r.environ(t)}), line(runner+" demo_greeter Demo_Greeter to all")); !cmp.Equal(again, p) {
		t.Errorf("again: %+v", again)
	}
}

// TestStrangers has a directory that a line runs in hold files which tools read or run where they find them: not for us.
func TestStrangers(t *testing.T) {
	needs(t, "node", "npm")
	needsPip(t)
	cwd := t.TempDir()
	trap := filepath.Join(cwd, "trap")
	code := "open(" + strconv.Quote(trap) + ", 'w')\n"
	plant(cwd, map[string]string{".npmrc": "registry=http://evil.example/\n", "pip.py": code, "json.py": code, "site.py": code, "pip/__init__.py": code, "pip/__main__.py": code})
	tools := open(t, Options{}).tools(Line{Dir: cwd})
	n, err := tools.findNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := n.reach(t.Context()); err != nil || strings.Contains(fmt.Sprint(r), "evil.example") {
		t.Errorf("the registry is %v, %v", r, err)
	}
	p, err := tools.findPython(t.Context(), &wish.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.reach(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a stranger's module has run")
	}
}

func TestHome(t *testing.T) {
	tests := map[string][]string{
		"/usr/bin/node": nil, "/usr/local/bin/node": nil, "/bin/node": nil, "/opt/node/bin/node": {"/opt/node"},
		"/home/me/.nvm/versions/node/v20/bin/node": {"/home/me/.nvm/versions/node/v20"}, "/home/me/.local/bin/node": {"/home/me/.local/bin/node"},
		"/home/me/bin/node": {"/home/me/bin/node"}, "/root/bin/node": {"/root/bin/node"},
	}
	for program, want := range tests {
		if diff := cmp.Diff(want, home(program)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", program, diff)
		}
	}
}

func TestVersions(t *testing.T) {
	tests := map[string]bool{
		"": true, "3": true, "3.11": true, "3.11.7": true, "python3.11": true, "cpython@3.11": true, ">=3.10": true, "/usr/bin/python3": true,
		"3.1": false, "3.12": false, "2": false, ">=3.12": false, "pypy": false, ">3": false,
	}
	for asked, want := range tests {
		if got := matchesVersion("3.11.7", asked); got != want {
			t.Errorf("3.11.7 is %q: %v", asked, got)
		}
	}
}

// TestModules fetches the modules of a go.sum from a proxy, which is a directory here.
func TestModules(t *testing.T) {
	needs(t, "go")
	t.Run("plain", func(t *testing.T) { testModules(t, nil) })
	t.Run("boxed", func(t *testing.T) {
		needsBox(t)
		b := &boxed{log: slog.New(slog.NewTextHandler(t.Output(), nil))}
		t.Cleanup(b.work.Wait)
		testModules(t, b.run)
	})
}

func testModules(t *testing.T, run Run) {
	t.Helper()
	proxy, module := t.TempDir(), "example.com/words@v1.0.0/"
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{"go.mod": "module example.com/words\n", "words.go": "package words\n"} {
		f, err := w.Create(module + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plant(filepath.Join(proxy, "example.com/words/@v"), map[string]string{
		"v1.0.0.info": `{"Version":"v1.0.0"}`, "v1.0.0.mod": "module example.com/words\n", "v1.0.0.zip": b.String(), "list": "v1.0.0\n",
	})
	whole, err := dirhash.HashZip(filepath.Join(proxy, "example.com/words/@v/v1.0.0.zip"), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("module example.com/words\n")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + pathOf(), "GOPROXY=file://" + proxy + ",direct", "GOSUMDB=off"}
	i := open(t, Options{Environ: environ, Run: run})
	author := t.TempDir()
	plant(author, map[string]string{
		"go.mod": "module example.com/plugin\n\ngo 1.21\n\nrequire example.com/words v1.0.0\n",
		"go.sum": "example.com/words v1.0.0 " + whole + "\nexample.com/words v1.0.0/go.mod " + mod + "\n",
	})
	tree, err := i.Locked(t.Context(), filepath.Join(author, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tree.GoCache, "example.com/words@v1.0.0/words.go")); err != nil {
		t.Error(err)
	}
	plant(author, map[string]string{"go.sum": "example.com/words v1.0.0 h1:" + strings.Repeat("A", 43) + "=\nexample.com/words v1.0.0/go.mod " + mod + "\n"})
	if tree, err := i.Locked(t.Context(), filepath.Join(author, "go.sum")); err == nil || !strings.Contains(err.Error(), "NOT match") {
		t.Errorf("with another digest: %+v, %v", tree, err)
	}
}

func TestLockFiles(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	lock := func(at, rest string) string {
		return fmt.Sprintf(`{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},%q:{%s}}}`, at, rest)
	}
	good := map[string][]string{
		"package-lock.json": {
			`{"lockfileVersion":3,"packages":{"":{}}}`, lock("node_modules/a", `"integrity":"sha512-x","resolved":"https://r.example/a.tgz"`),
			lock("node_modules/a", `"integrity":"sha512-x"`), lock("node_modules/a/node_modules/b", `"inBundle":true`),
		},
		"requirements.txt": {"", "# nothing\n", "a==1 --hash=sha256:" + sum + "\n", "a[x]==1.0 ; python_version > '3' \\\n    --hash=sha256:" + sum + " \\\n    --hash=sha256:" + sum + "\n    # via b\n"},
	}
	bad := map[string][]string{
		"package-lock.json": {
			"", "{}", `{"lockfileVersion":1,"dependencies":{}}`, lock("node_modules/a", `"resolved":"https://r.example/a.tgz"`),
			lock("node_modules/a", `"integrity":"sha512-x","resolved":"git+ssh://git@example.com/a.git#1"`), lock("node_modules/a", `"integrity":"sha512-x","resolved":"file:../a"`),
			lock("node_modules/a", `"link":true,"resolved":"packages/a"`), lock("../a", `"integrity":"sha512-x"`),
		},
		"requirements.txt": {
			"a\n", "a==1\n", "a>=1 --hash=sha256:" + sum, "-e .\n", "--index-url https://evil.example/\n", "https://evil.example/a.whl --hash=sha256:" + sum, "-r other.txt\n",
			"a==1 ; python_version > '3' --index-url=https://evil.example --hash=sha256:" + sum, "a==1 --hash=md5:" + sum[:32], "a @ https://evil.example/a.whl --hash=sha256:" + sum, "a==1 --hash=sha256:" + sum + " --index-url=https://evil.example",
		},
		"yarn.lock": {""},
	}
	for want, all := range map[bool]map[string][]string{true: good, false: bad} {
		for name, texts := range all {
			for _, text := range texts {
				path := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if l, err := readLock(path); (err == nil) != want {
					t.Errorf("%s with %q: %v, %v", name, text, l.Kind, err)
				}
			}
		}
	}
}

func FuzzLockFiles(f *testing.F) {
	f.Add("a==1 --hash=sha256:" + strings.Repeat("ab", 32))
	f.Add(`{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"integrity":"sha512-x","resolved":"https://r.example/a.tgz"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if checkRequirements(text) == nil {
			for part := range strings.FieldsSeq(text) {
				if strings.HasPrefix(part, "-") && !strings.HasPrefix(part, "--hash=") && !strings.Contains(text, "#") && !strings.Contains(text, ";") {
					t.Errorf("%q has the option %q", text, part)
				}
			}
		}
		if checkNpmLock(text) == nil && !json.Valid([]byte(text)) {
			t.Errorf("%q is taken for a lock", text)
		}
	})
}
