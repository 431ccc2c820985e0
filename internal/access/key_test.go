package access

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestNewKey(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key := NewKey()
		if !IsKey(key) || len(key) != 55 || !strings.HasPrefix(key, "sumun_") || seen[key] {
			t.Fatalf("NewKey = %q", key)
		}
		seen[key] = true
		mistyped := []byte(key)
		if mistyped[20]++; IsKey(string(mistyped)) {
			t.Errorf("%s passes for a key", mistyped)
		}
		if IsKey(key[1:]) || IsKey(key+"x") || IsKey("") {
			t.Error("something else passes for a key")
		}
	}
}

func TestLocalKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".sumun", "local.key")
	key, created, err := LocalKey(path)
	if err != nil || !created || !IsKey(key) {
		t.Fatalf("LocalKey = %q, %v, %v", key, created, err)
	}
	again, created, err := LocalKey(path)
	if err != nil || created || again != key {
		t.Fatalf("the second time = %q, %v, %v, want %q", again, created, err, key)
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want %#o", name, info.Mode(), err, want)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the key alone", entries, err)
	}
}

func TestLocalKeyRefuses(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"others can read it", func(path string) error {
			return os.WriteFile(path, []byte(NewKey()), 0o644)
		}, "chmod 600"},
		{"damaged", func(path string) error { return os.WriteFile(path, []byte(NewKey()[:40]), 0o600) }, "remove it"},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "remove it"},
		{"endless", func(path string) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) }, "remove it"},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }, "not a file"},
		{"a link to elsewhere", func(path string) error { return os.Symlink("/etc/passwd", path) }, "local.key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.want == "chmod 600" {
				t.Skip("there are no such modes")
			}
			path := filepath.Join(t.TempDir(), "local.key")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			if key, _, err := LocalKey(path); err == nil || !strings.Contains(err.Error(), tt.want) || key != "" {
				t.Errorf("LocalKey = %q, %v, want an error with %q", key, err, tt.want)
			}
		})
	}
}

func TestLocalKeyMadeByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "local.key")
	var all sync.WaitGroup
	keys := make([]string, 16)
	made := make([]bool, len(keys))
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], made[i], err = LocalKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	makers := 0
	for i := range keys {
		if made[i] {
			makers++
		}
		if keys[i] != keys[0] {
			t.Errorf("one has %s, another %s", keys[0], keys[i])
		}
	}
	if makers != 1 {
		t.Errorf("%d say that they made the key", makers)
	}
}
