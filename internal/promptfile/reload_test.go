package promptfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/promptfile"
)

// says waits until a prompt has that text.
func (b *bench) says(t *testing.T, name, want string) {
	t.Helper()
	eventually(t, name+" says "+want, func() bool {
		text, _, err := b.get(t, name, nil, nil)
		if err != nil {
			text = err.Error()
		}
		return strings.Contains(text, want)
	})
}

// announced counts the announcements until there have been none for a while.
func (b *bench) announced() int {
	for n := 0; ; n++ {
		select {
		case <-b.changes:
		case <-time.After(400 * time.Millisecond):
			return n
		}
	}
}

// TestReload follows the folder: texts, lists, faults, and their end.
func TestReload(t *testing.T) {
	b := open(t, map[string]string{"a.md": "one", "b.md": "---\nparent: a\n---\nb"})
	b.says(t, "a", "user: one")
	b.announced()
	write(t, b.dir, map[string]string{"a.md": "two"})
	b.says(t, "b", "user: two\nuser: b")
	if n := b.announced(); n != 0 {
		t.Errorf("%d announcements of a list that has not changed", n)
	}
	write(t, b.dir, map[string]string{"a.md": "{{ broken"})
	eventually(t, "the fault is told", func() bool { return strings.Contains(b.log.String(), "the old version of this file stays in force") })
	if text, _, err := b.get(t, "b", nil, nil); err != nil || text != "user: two\nuser: b" {
		t.Errorf("%q, %v", text, err)
	}
	write(t, b.dir, map[string]string{"a.md": "three", "c.md": "{{ name }}"})
	b.says(t, "a", "three")
	eventually(t, "the new one is listed", func() bool { return b.list(t)["c"] != nil })
	eventually(t, "the list is announced", func() bool { return len(b.changes) > 0 })
	if n := b.announced(); n > 3 {
		t.Errorf("%d announcements", n)
	}
	if n := strings.Count(b.log.String(), "old version"); n != 1 {
		t.Errorf("the fault was told %d times: %s", n, b.log)
	}
	if err := os.Remove(filepath.Join(b.dir, "c.md")); err != nil {
		t.Fatal(err)
	}
	b.says(t, "c", "unknown prompt")
}

// TestStart leaves out what has faults, and says so.
func TestStart(t *testing.T) {
	b := open(t, map[string]string{"a.md": "one", "bad.md": "{{ broken"})
	if len(b.list(t)) != 1 {
		t.Errorf("%d prompts", len(b.list(t)))
	}
	if log := b.log.String(); !strings.Contains(log, "bad.md:1:") || !strings.Contains(log, "is left out") {
		t.Errorf("log: %s", log)
	}
}

// TestRename replaces the whole folder, as people and deployments do.
func TestRename(t *testing.T) {
	b := open(t, map[string]string{"a.md": "one"})
	b.says(t, "a", "one")
	parent := filepath.Dir(b.dir)
	fresh := filepath.Join(parent, "fresh")
	for i := range 3 {
		if err := os.Mkdir(fresh, 0o700); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint("round ", i)
		write(t, fresh, map[string]string{"a.md": want})
		if err := os.Rename(b.dir, filepath.Join(parent, fmt.Sprint("old", i))); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			eventually(t, "the loss is told", func() bool { return strings.Contains(b.log.String(), "the prompts of this folder stay as they were") })
			b.says(t, "a", "round 0")
		}
		if err := os.Rename(fresh, b.dir); err != nil {
			t.Fatal(err)
		}
		b.says(t, "a", want)
		write(t, b.dir, map[string]string{"a.md": want + " again"}) // the new folder is watched too
		b.says(t, "a", want+" again")
	}
}

// TestLinks follows links within the folder, as mounted configurations have them, and none that leads out.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making links needs a privilege")
	}
	dir, outside := filepath.Join(t.TempDir(), "prompts"), filepath.Join(t.TempDir(), "secret.md")
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "..1"), 0o700), os.Mkdir(filepath.Join(dir, "..2"), 0o700),
		os.WriteFile(outside, []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(dir, "..1", "a.md"), []byte("one"), 0o600), os.WriteFile(filepath.Join(dir, "..2", "a.md"), []byte("two"), 0o600),
		os.Symlink("..1", filepath.Join(dir, "..data")), os.Symlink(filepath.Join("..data", "a.md"), filepath.Join(dir, "a.md")),
		os.Symlink(outside, filepath.Join(dir, "out.md")), os.Mkdir(filepath.Join(dir, "folder.md"), 0o700))
	b := openDirs(t, dir)
	b.says(t, "a", "one")
	if len(b.list(t)) != 1 || !strings.Contains(b.log.String(), "out.md: the file cannot be read") {
		t.Errorf("%d prompts, log: %s", len(b.list(t)), b.log)
	}
	must(os.Symlink("..2", filepath.Join(dir, "..next")), os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
	b.says(t, "a", "two")
}

// TestFolders takes names in the order of the folders.
func TestFolders(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	write(t, one, map[string]string{"a.md": "first"})
	write(t, two, map[string]string{"a.md": "second", "b.md": "---\nparent: a\n---\n"})
	b := openDirs(t, one, two)
	b.says(t, "b", "first")
	if !strings.Contains(b.log.String(), "the name a is that of") {
		t.Errorf("log: %s", b.log)
	}
}

// TestNoFolder refuses a folder that is not there.
func TestNoFolder(t *testing.T) {
	_, err := promptfile.New(promptfile.Options{Dirs: []string{filepath.Join(t.TempDir(), "nope")}})
	if err == nil || !strings.Contains(err.Error(), "name a folder that is there") {
		t.Errorf("error = %v", err)
	}
}

// TestHostileFiles leaves out what is too large, too many or no file, and goes on.
func TestHostileFiles(t *testing.T) {
	b := open(t, map[string]string{
		"good.md": "fine", "large.md": strings.Repeat("x", 1<<20+1), "deep.yaml": "messages: " + strings.Repeat("[", 5000),
		"bomb.yaml": "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nvariables: {x: [*e,*e,*e,*e,*e,*e,*e,*e,*e]}",
		"nul.md":    "---\ntitle: \"a\\0b\"\n---\nx", "many.md": strings.Repeat("x\n--- user\n", 100) + "x",
	})
	if got := b.list(t); len(got) != 1 || got["good"] == nil {
		t.Errorf("%d prompts", len(got))
	}
	for _, name := range []string{"large.md: the file is larger", "deep.yaml", "bomb.yaml", "nul.md", "more than 64 messages"} {
		if !strings.Contains(b.log.String(), name) {
			t.Errorf("%s is not told: %s", name, b.log)
		}
	}
}

// TestParallel renders while files change: each rendering is of one state.
func TestParallel(t *testing.T) {
	b := open(t, map[string]string{"a.md": "0", "b.md": "---\nparent: a\n---\n{% include 'a' %}"})
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				text, _, err := b.get(t, "b", nil, nil)
				one, two, _ := strings.Cut(text, "\n")
				if err != nil || one != two {
					t.Errorf("%q, %v", text, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		write(t, b.dir, map[string]string{"a.md": strconv.Itoa(i)})
		b.list(t) // which looks at the folder
	}
	b.says(t, "b", "19")
	close(done)
	wg.Wait()
}
