package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// put writes a file for a test.
func put(t *testing.T, path, data string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
}

// read is what a file holds.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWriteNew(t *testing.T) {
	for _, private := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "a", "b", "c.json")
		f := open(t, path)
		backup, err := f.Write([]byte("x"), private)
		if f.Exists || backup != "" || err != nil {
			t.Fatalf("exists %v, backup %q, %v", f.Exists, backup, err)
		}
		want := fs.FileMode(0o644)
		if private {
			want = 0o600
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != want || read(t, path) != "x" {
			t.Errorf("%v, %v", info, err)
		}
	}
}

func TestWriteKeeps(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real.json"), filepath.Join(dir, "home", "link.json")
	put(t, target, "old", 0o640)
	if err := os.Mkdir(filepath.Dir(link), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "real.json"), link); err != nil {
		t.Fatal(err)
	}
	backup, err := open(t, link).Write([]byte("new"), true)
	if err != nil {
		t.Fatal(err)
	}
	if backup != link+".sumun-backup" || read(t, backup) != "old" {
		t.Errorf("backup %s", backup)
	}
	if to, err := os.Readlink(link); err != nil || to != filepath.Join("..", "real.json") {
		t.Errorf("the link is %q, %v", to, err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode() != 0o640 || read(t, target) != "new" {
		t.Errorf("%v, %v", info, err)
	}
	for _, d := range []string{dir, filepath.Dir(link)} {
		if left, err := filepath.Glob(filepath.Join(d, ".sumun-*")); len(left) > 0 || err != nil {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
}

// TestWriteDangling writes where a link leads, though nothing is there yet.
func TestWriteDangling(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink("dots/real.json", link); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, link).Write([]byte("x"), false); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "dots", "real.json")); got != "x" {
		t.Errorf("%q", got)
	}
}

func TestBackups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	put(t, path, "one", 0o600)
	put(t, path+".sumun-backup", "somebody's", 0o600)
	for _, data := range []string{"two", "one", "two"} {
		if _, err := open(t, path).Write([]byte(data), false); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"somebody's", "one", "two"}
	got := open(t, path).Backups()
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("backup %d: %q, want %q", i, got[i], want[i])
		}
	}
}

func TestChangedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	f := open(t, path)
	put(t, path, "theirs", 0o600)
	if _, err := f.Write([]byte("ours"), false); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that appeared: %v", err)
	}
	f = open(t, path)
	put(t, path, "theirs again", 0o600)
	if _, err := f.Write([]byte("ours"), false); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that changed: %v", err)
	}
	if got := read(t, path); got != "theirs again" {
		t.Errorf("%q", got)
	}
}

func TestNoFile(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}
