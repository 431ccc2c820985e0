package install

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
