package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestFile refuses what is no file of a sensible size.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("# "), maxBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, large, filepath.Join(dir, "absent.yaml")} {
		_, err := Load(path, environment)
		if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 1 || faults[0].File != path {
			t.Errorf("%s: error = %v", path, err)
		}
	}
}

// TestText reads files as editors on other systems write them, and no others.
func TestText(t *testing.T) {
	for _, text := range []string{"\uFEFFport: 9000\n", "port: 9000\r\nlog:\r\n  level: debug\r\n", "# 포트\nport: 9000", "---\nport: 9000\n...\n", "{port: 9000}"} {
		if c, err := loadText(t, "mcp.yaml", text); err != nil || c.Port != 9000 {
			t.Errorf("%q: config = %+v, error = %v", text, c, err)
		}
	}
	for _, text := range []string{"apiKey: \"\xff\"", "\x00", "\xff\xfep\x00o\x00"} {
		if c, err := loadText(t, "mcp.yaml", text); err == nil {
			t.Errorf("%q: config = %+v, want an error", text, c)
		}
	}
	for _, text := range []string{"", "  \n", "# only a comment\n", "---\n"} {
		if _, err := loadText(t, "mcp.yaml", text); err != nil {
			t.Errorf("%q: error = %v", text, err)
		}
	}
	for _, text := range []string{"", "  \n", "{}", "// a comment\n{}", "{\"port\": 9000,}"} {
		if _, err := loadText(t, "mcp.json", text); err != nil {
			t.Errorf("%q as JSON: error = %v", text, err)
		}
	}
}

// TestYAML follows anchors, merge keys and the tags of plain YAML.
func TestYAML(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
log: !!map {level: !!str debug}
? port
: !!int 9000
publicURL: >-
  https://mcp.example.com
servers:
  one: &one {command: &cmd x, args: &args !!seq [a], env: {N: !!str 8080, T: !!str true}}
  two: &two {prefix: p, command: y}
  three:
    <<: [*two, *one]
    args: *args
`)
	if err != nil {
		t.Fatal(err)
	}
	one, three := c.Servers[0], c.Servers[2]
	if c.Port != 9000 || c.Log.Level != "debug" || c.PublicURL != "https://mcp.example.com" || one.Env["N"] != "8080" || one.Env["T"] != "true" {
		t.Errorf("config = %+v", c)
	}
	if three.Command != "y" || three.Prefix != "p" || three.Env["N"] != "8080" || three.Args[0] != "a" {
		t.Errorf("three = %+v", three)
	}
}

// TestMany tells the first of very many faults, and does so quickly.
func TestMany(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "portt%d: 1\n", i)
	}
	_, err := loadText(t, "mcp.yaml", b.String())
	faults, ok := errors.AsType[Faults](err)
	if !ok || len(faults) != maxFaults+1 || faults[maxFaults].Message != "and 4900 more" {
		t.Errorf("%d faults, the last %v", len(faults), faults[len(faults)-1])
	}
}

// TestLong refuses a file with more in it than anyone writes.
func TestLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("#\n", maxParts+1), "origins: [" + strings.Repeat("a,", maxParts) + "]"} {
		_, err := loadText(t, "mcp.yaml", text)
		if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 1 {
			t.Errorf("error = %v", err)
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
		l := newLoader(filepath.Join(dir, name), dir, environment)
		if err := l.take(data); err == nil {
			if l.config.Listen == "" || l.config.Store == "" {
				t.Errorf("config = %+v", l.config)
			}
		} else if faults, ok := errors.AsType[Faults](err); !ok || len(faults) == 0 || faults.Error() == "" {
			t.Errorf("error = %#v", err)
		}
	})
}

// FuzzJSON wants of any JSON document the tree that encoding/json sees.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":-1.5e+10,"c":"\ud83d\ude00\/\u00e9","<<":{"x":1},"d":[1,2,{"e":null}],"":true}`,
		"{\n\t\"a\"\t:\t\"x\\ty\",\r\n\"b\":[ ],\"c\":{}}",
		`{"a":"*b","c":"&d","e":"!f","g":"${X}","h":"- a","i":"# no","j":"a: b"}`,
		`{"http://x":"y:z","f":[1E5,1e5,0,-0,1.0,99999999999999999999]}`,
		`{"b":[[[]]],"a":"//","a":"/* */"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want any
		if _, why := tooMuch(data); why != "" || !json.Valid(data) || dec.Decode(&want) != nil {
			t.Skip("no JSON of sensible size")
		}
		root, faults := readJSON(newSource("mcp.json", data), data)
		if len(faults) > 0 {
			known := strings.Contains(faults.Error(), "already set") || strings.Contains(faults.Error(), "surrogate")
			if !known && utf8.Valid(data) {
				t.Errorf("%s is refused: %v", data, faults)
			}
			return
		}
		if diff := cmp.Diff(want, root.plainValue()); diff != "" && utf8.Valid(data) {
			t.Errorf("%s (-encoding/json +ours)\n%s", data, diff)
		}
	})
}
