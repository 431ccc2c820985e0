package promptfile

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// TestPoll finds changes where the system tells of none.
func TestPoll(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // ten seconds cost nothing
		p, err := open(Options{Dirs: []string{dir}})
		if err != nil {
			t.Fatal(err)
		}
		w := &watcher{prompts: p, dirs: map[string]bool{dir: true}}
		p.wg.Go(func() { w.run(p.closed) })
		time.Sleep(time.Second)
		if err := os.WriteFile(filepath.Join(dir, "a.md"), []byte("hi"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollAll + settle)
		if p.current.Load().prompts["a"] == nil {
			t.Error("the prompt is not there")
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestConcerns looks at events in the folders and about them, and at no neighbours.
func TestConcerns(t *testing.T) {
	w := &watcher{dirs: map[string]bool{filepath.FromSlash("/x/prompts"): true}}
	for name, want := range map[string]bool{
		"/x/prompts/a.md": true, "/x/prompts": true, "/x/other": false, "/x/prompts/a/b": false, "/x": false,
	} {
		if got := w.concerns(fsnotify.Event{Name: filepath.FromSlash(name), Op: fsnotify.Write}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if w.concerns(fsnotify.Event{Name: filepath.FromSlash("/x/prompts/a.md"), Op: fsnotify.Chmod}) {
		t.Error("a change of rights is a change")
	}
}
