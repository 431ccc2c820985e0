package install

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

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
