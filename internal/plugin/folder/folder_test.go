package folder

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// put writes files below a directory; names that end in a slash are directories, modes of programs are given by a leading "!".
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name, program := strings.CutPrefix(name, "!")
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if program {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFind tells plugins from what lies beside them.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"a.mjs": "", "b.ts": "", "c.py": "", "d.wasm": "", "!e": "", "f/go.mod": "", "!g/run": "", "h/main.py": "", "i/package.json": "{}", "j/index.ts": "",
		"k/plugin.yaml": "command: node\n", "l/src/index.js": "", "empty/README.md": "",
		"README.md": "", "b.d.ts": "", "package.json": "", "!notes.txt": "", "_x.py": "", ".y.py": "", "z.py~": "", "node_modules/a/index.js": "",
		"plain": "", "c.plugin.yaml": "hosts: [example.com]\n", "with space.py": "",
	})
	var got []string
	for _, p := range Find([]string{dir}) {
		what := p.Name + " " + string(p.Kind)
		if p.Fault != "" {
			what = p.Name + " !"
		}
		got = append(got, what)
	}
	want := "a node,b node,c python,d wasm,e program,empty !,f go,g program,h python,i node,j node,k program,l node,with space !"
	if strings.Join(got, ",") != want {
		t.Errorf("found %s\nwant  %s", strings.Join(got, ","), want)
	}
}

// TestFindTwins lets the first of two keep their name.
func TestFindTwins(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	put(t, one, map[string]string{"a.mjs": ""})
	put(t, two, map[string]string{"a.py": ""})
	got := Find([]string{one, two, filepath.Join(one, "missing")})
	if len(got) != 2 || got[0].Fault != "" || !strings.Contains(got[1].Fault, "rename one") {
		t.Errorf("found %+v", got)
	}
}

// TestSnap gives each content a digest of its own, and copies what it has seen.
func TestSnap(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.py": "x = 1\n", "b.py": "", "a.plugin.yaml": "hosts: [example.com]\nmemory: 64MiB\n", "requirements.txt": "x\n"})
	snap := func() *Snapshot {
		t.Helper()
		p, err := One(filepath.Join(dir, "a.py"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Snap()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := snap()
	if first.Manifest.Hosts[0] != "example.com" || first.Manifest.Memory != 64<<20 {
		t.Errorf("the manifest is %+v", first.Manifest)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := first.CopyTo(to); err != nil {
		t.Fatal(err)
	}
	copied, _ := os.ReadDir(to)
	if len(copied) != 3 {
		t.Errorf("%d files are copied, want the plugin, its manifest and its lock file", len(copied))
	}
	put(t, dir, map[string]string{"b.py": "another\n"})
	if again := snap(); again.Digest != first.Digest {
		t.Error("another file changes the digest")
	}
	stamp := first.Stamp()
	put(t, dir, map[string]string{"a.py": "x = 22\n"})
	if again := snap(); again.Digest == first.Digest || again.Stamp() == stamp {
		t.Error("a change is not seen")
	}
	if err := first.CopyTo(filepath.Join(t.TempDir(), "copy")); !IsMoved(err) {
		t.Errorf("what is not there any more is copied: %v", err)
	}
}

// TestSnapEscapes refuses links that lead out of a directory.
func TestSnapEscapes(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"secret": "s", "p/main.py": ""})
	if err := os.Symlink(filepath.Join("..", "secret"), filepath.Join(dir, "p", "link")); err != nil {
		t.Skip(err)
	}
	p, err := One(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Snap(); err == nil || !strings.Contains(err.Error(), "out of the plugin") {
		t.Errorf("a link out of the directory: %v", err)
	}
}

// TestManifest tells every fault with its place.
func TestManifest(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"p/main.py": "", "p/plugin.yaml": "host: [x]\nexec: many\n"})
	p, err := One(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Snap()
	for _, want := range []string{"p/plugin.yaml:1", "p/plugin.yaml:2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one at %s", err, want)
		}
	}
}

// TestWatch tells of files that change, in directories that come too.
func TestWatch(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "plugins")
	looks := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		Watch(ctx, []string{dir}, slog.New(slog.DiscardHandler), func() {
			select {
			case looks <- struct{}{}:
			default:
			}
		})
	})
	defer watching.Wait()
	defer cancel()
	told := func(what string, within time.Duration) {
		t.Helper()
		select {
		case <-looks:
		case <-time.After(within):
			t.Fatalf("nobody looks %s", what)
		}
		for {
			select {
			case <-looks:
			case <-time.After(3 * settle):
				return
			}
		}
	}
	told("at the beginning", 10*time.Second)
	put(t, dir, map[string]string{"a/main.py": "1"})
	told("when a directory comes", 10*time.Second)
	put(t, dir, map[string]string{"a/main.py": "2"})
	told("when a file below it changes", 10*time.Second)
}
