package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func allow([]byte) error { return nil }

func place(t *testing.T, all *Files, path string) Place {
	t.Helper()
	at, err := all.Locate(path)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.md", "old")
	put(t, dir, "empty", "")
	if err := os.Chmod(filepath.Join(dir, "a.md"), 0o640); err != nil {
		t.Fatal(err)
	}
	all := open(t, dir, true)
	for _, tt := range []struct{ path, before, after string }{
		{"a.md", "old", "new"},
		{"empty", "", "full"},
		{"new.md", "absent", "made"},
		{"deep/below/new.md", "absent", ""},
	} {
		err := all.Replace(place(t, all, tt.path), []byte(tt.after), func(now []byte) error {
			if got := string(now); (now == nil) != (tt.before == "absent") || now != nil && got != tt.before {
				t.Errorf("%s: before, %q was there, want %q", tt.path, got, tt.before)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, tt.path)); err != nil || string(got) != tt.after {
			t.Errorf("%s = %q, %v; want %q", tt.path, got, err, tt.after)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "a.md")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the permissions are %v, %v; want 0640", info.Mode(), err)
	}
	onlyKnown(t, dir, "a.md", "empty", "new.md", "deep/below/new.md")
}

// onlyKnown wants no other file in dir, such as a temporary one.
func onlyKnown(t *testing.T, dir string, known ...string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !bytes.Contains([]byte("\n"+strings.Join(known, "\n")+"\n"), []byte("\n"+p+"\n")) {
			t.Errorf("%s was left behind", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReplaceRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.md", "old")
	all := open(t, dir, true)
	refused := errors.New("no")
	for _, path := range []string{"a.md", "b.md"} {
		if err := all.Replace(place(t, all, path), []byte("new"), func([]byte) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("%s: %v, want the refusal", path, err)
		}
	}
	if err := all.Replace(place(t, all, "a.md"), make([]byte, MaxBytes+1), allow); !errors.Is(err, ErrTooLong) {
		t.Errorf("too much: %v", err)
	}
	if err := open(t, dir, false).Replace(place(t, open(t, dir, false), "a.md"), nil, allow); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a directory that is only read: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a.md")); err != nil || string(got) != "old" {
		t.Errorf("a.md = %q, %v", got, err)
	}
	onlyKnown(t, dir, "a.md")
}

// TestReplaceStaysInRoot writes to whatever might lead out of the directory, or is no file.
// TestReplaceNowhere says of a path that cannot be that it cannot be, not that nothing is there.
func TestReplaceNowhere(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.md", "x")
	all := open(t, dir, true)
	for _, path := range []string{"a.md/b", "a.md/b/c", strings.Repeat("n", 300), strings.Repeat("n", 300) + "/a"} {
		if err := all.Replace(place(t, all, path), []byte("new"), allow); !errors.Is(err, errPlace) {
			t.Errorf("%.20s: %v", path, err)
		}
	}
	onlyKnown(t, dir, "a.md")
}

func TestReplaceStaysInRoot(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "root")
	put(t, outer, "secret.txt", "secret")
	put(t, outer, "other/secret.txt", "secret")
	put(t, dir, "a.md", "inside")
	put(t, dir, "sub/b.md", "inside")
	for link, target := range map[string]string{
		"out.txt": "../secret.txt", "out-abs": filepath.Join(outer, "secret.txt"), "out-dir": "../other", "up": "..", "in.md": "a.md",
		"dangling": "../new.txt", "dangling-in": "nowhere", "loop": "loop", "null": "/dev/null", "in-dir": "sub",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links: %v", err)
		}
	}
	all := open(t, dir, true)
	for _, path := range []string{
		"out.txt", "out-abs", "out-dir/secret.txt", "out-dir/new.txt", "out-dir/deep/new.txt", "up/secret.txt", "up/new.txt", "in.md", "dangling",
		"dangling-in", "dangling-in/x", "loop", "loop/x", "null", "sub", "a.md/b.md", "a.md/b/c.md", strings.Repeat("a/", 1000) + "b",
	} {
		if err := all.Replace(place(t, all, path), []byte("changed"), allow); err == nil {
			t.Errorf("%s was written", path)
		} else if strings.Contains(err.Error(), outer) {
			t.Errorf("%s: the error tells where the directory is: %v", path, err)
		}
	}
	if err := all.Replace(place(t, all, "in-dir/c.md"), []byte("through a link within"), allow); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"../x", "/etc/x", ".env", "sub/.git/config", "a\x00b", "sub/../../x", `..\x`} {
		if _, err := all.Locate(path); err == nil {
			t.Errorf("%q can be written", path)
		}
	}
	for _, name := range []string{"secret.txt", "other/secret.txt"} {
		if got, err := os.ReadFile(filepath.Join(outer, name)); err != nil || string(got) != "secret" {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
	onlyKnown(t, outer, "secret.txt", "other/secret.txt", "root/a.md", "root/sub/b.md", "root/sub/c.md", "root/out.txt", "root/out-abs",
		"root/out-dir", "root/up", "root/in.md", "root/dangling", "root/dangling-in", "root/loop", "root/null", "root/in-dir")
}

// TestReplaceIsWhole reads while there is writing: what is read is always one of the whole contents.
func TestReplaceIsWhole(t *testing.T) {
	dir := t.TempDir()
	all := open(t, dir, true)
	at := place(t, all, "a.txt")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 100_000+i) }
	if err := all.Replace(at, content(0), allow); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if err := all.Replace(at, content(i), allow); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		got, _, err := at.Read(MaxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if want := content(int(got[0] - 'a')); !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes of %c", len(got), got[0])
		}
	}
	wg.Wait()
	onlyKnown(t, dir, "a.txt")
}

func FuzzUnescapePath(f *testing.F) {
	for _, seed := range []string{"a/b", "a%20b", "%41", "a//b", ".", "%2e%2e/x", "%", "ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		p, ok := UnescapePath(escaped)
		if ok && EscapePath(p) != escaped {
			t.Errorf("%q is another spelling of %q", escaped, p)
		}
		again, ok := UnescapePath(EscapePath(escaped))
		if ok != !hasDotPart(escaped) || ok && again != escaped {
			t.Errorf("%q comes back as %q, %v", escaped, again, ok)
		}
	})
}
