package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sumun-mcp/sumun/internal/document"
)

// TestFile refuses what is no file of a sensible size.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("# "), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, large, filepath.Join(dir, "absent.yaml")} {
		_, err := Load(path, environment)
		if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 1 || faults[0].File != path {
			t.Errorf("%s: error = %v", path, err)
		}
	}
}

// FuzzLoad wants a value or Faults of any file, and no panic.
func FuzzLoad(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "bad", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(archive.Files[0].Name) == ".json", archive.Files[0].Data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, isJSON bool, data []byte) {
		name := "mcp.yaml"
		if isJSON {
			name = "mcp.json"
		}
		l := &loader{env: environment, config: defaults(dir)}
		l.config.Path = filepath.Join(dir, name)
		if err := l.take(document.Source{Name: l.config.Path, Dir: dir, Env: environment}, data); err == nil {
			if l.config.Listen == "" || l.config.Store == "" {
				t.Errorf("config = %+v", l.config)
			}
		} else if faults, ok := errors.AsType[Faults](err); !ok || len(faults) == 0 || faults.Error() == "" {
			t.Errorf("error = %#v", err)
		}
	})
}

// FuzzRates reads rates and flows: what their forms take is a number that bounds something, or an error.
func FuzzRates(f *testing.F) {
	for _, s := range []string{"", "50/s", "0.5/m", "0/h", "10MiB/s", "1/d", "999999999GiB/s", "/s", "1e9/s", "NaN/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, parse := range map[string]func(string) (float64, error){"rate": ParseRate, "flow": ParseFlow} {
			n, err := parse(s)
			if err == nil && s != "" && !(n > 0 && n < 1e300) {
				t.Errorf("%s %q is %v", name, s, n)
			}
		}
	})
}
