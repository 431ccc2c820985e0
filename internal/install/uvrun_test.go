package install

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInlineNeeds(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		fault      bool
	}{
		{name: "nothing", text: "print(1)\n"},
		{name: "some", text: "#!/usr/bin/env python3\n# /// script\n# requires-python = \">=3.10\"\n# dependencies = [\n#   \"mcp[cli]\",\n#   'httpx>=0.27',\n# ]\n# ///\nimport mcp\n", want: []string{"mcp[cli]", "httpx>=0.27"}},
		{name: "none", text: "# /// script\n# requires-python = '>=3.10'\n#\n# ///\n", want: []string{}},
		{name: "lines of Windows", text: "# /// script\r\n# dependencies = ['a']\r\n# ///\r\n", want: []string{"a"}},
		{name: "another block", text: "# /// other\n# dependencies = ['a']\n# ///\n"},
		{name: "no end", text: "# /// script\n# dependencies = ['a']\nprint(1)\n"},
		{name: "broken", text: "# /// script\n# dependencies = [\n# ///\n", fault: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.py")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := inlineNeeds(file)
			if (err != nil) != tt.fault {
				t.Fatalf("the error is %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("needs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUvRun runs scripts and programs as `uv run` does, without it.
func TestUvRun(t *testing.T) {
	needs(t, "python3")
	dir, other := t.TempDir(), t.TempDir()
	i := open(t, Options{})
	here := func(text string) Line {
		l := line(text)
		l.Dir = dir
		return l
	}
	plant(dir, map[string]string{"server.py": "import sys\nprint('plain', *sys.argv[1:])\n"})
	p := resolve(t, i, here("uv run server.py a"))
	if got := say(t, p); got != "plain a" || !slices.Contains(p.Read, filepath.Join(dir, "server.py")) || p.Dir != "" {
		t.Errorf("a script says %q: %+v", got, p)
	}
	l := line("uv --directory " + dir + " run server.py b")
	l.Dir = other
	if p = resolve(t, i, l); say(t, p) != "plain b" || p.Dir != dir {
		t.Errorf("a script of another directory is %+v", p)
	}
	for _, text := range []string{"uv run thing", "uv run --with ../x server.py"} {
		if p, err := i.Resolve(t.Context(), here(text)); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}

	plant(dir, map[string]string{"pyproject.toml": "[project]\nname = 'demo'\n", "src/deep/x.py": ""})
	if p, err := i.Resolve(t.Context(), here("uv run server.py")); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "uv sync") {
		t.Errorf("a project without an environment: %+v, %v", p, err)
	}
	if out, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", "--without-pip", filepath.Join(dir, ".venv")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	plant(dir, map[string]string{".venv/bin/demo": "#!/nowhere/python\nimport sys\nprint('demo', sys.prefix)\n"})
	if p = resolve(t, i, here("uv run demo")); say(t, p) != "demo "+filepath.Join(dir, ".venv") || !slices.Contains(p.Read, dir) {
		t.Errorf("a program of the project is %+v", p)
	}
	l = line("uv run --project " + dir + " python -c print(5)")
	l.Dir = other
	if p = resolve(t, i, l); say(t, p) != "5" || p.Command != filepath.Join(dir, ".venv/bin/python") {
		t.Errorf("the project's interpreter is %+v", p)
	}
	if p, err := i.Resolve(t.Context(), here("uv run --with a demo")); !errors.Is(err, ErrForeign) {
		t.Errorf("with packages beside the project's: %+v, %v", p, err)
	}
}

// TestUvRunInstalls installs what a script says that it requires.
func TestUvRunInstalls(t *testing.T) {
	needsPip(t)
	r := newRegistry(t)
	r.wheel(t, "demo-words", "[console_scripts]\nwords = demo_words:main\n", map[string]string{"demo_words.py": "WORD = 'hello'\ndef main():\n    print('program')\n"})
	dir := t.TempDir()
	plant(dir, map[string]string{"pyproject.toml": "[project]\n", "server.py": "# /// script\n# dependencies = ['demo-words']\n# ///\nfrom demo_words import WORD\nprint(WORD)\n"})
	i := open(t, Options{Environ: r.environ(t)})
	if got := say(t, resolve(t, i, line("uv run "+filepath.Join(dir, "server.py")))); got != "hello" {
		t.Errorf("the script says %q", got)
	}
	if got := say(t, resolve(t, i, line("uv run --no-project --with demo-words words"))); got != "program" {
		t.Errorf("the program says %q", got)
	}
}
