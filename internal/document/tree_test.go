package document

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
)

// TestReadFile refuses what is no file of a sensible size.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	large, fits := filepath.Join(dir, "large.yaml"), filepath.Join(dir, "fits.yaml")
	for name, size := range map[string]int{large: maxBytes + 1, fits: maxBytes} {
		if err := os.WriteFile(name, bytes.Repeat([]byte("#"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, large, filepath.Join(dir, "absent.yaml")} {
		if data, err := ReadFile(path); err == nil {
			t.Errorf("%s: %d bytes, want an error", path, len(data))
		}
	}
	if data, err := ReadFile(fits); err != nil || len(data) != maxBytes {
		t.Errorf("%d bytes, error = %v", len(data), err)
	}
}

// TestText reads files as editors on other systems write them, and no others.
func TestText(t *testing.T) {
	for _, text := range []string{"\uFEFFcount: 9000\n", "count: 9000\r\ninner:\r\n  password: x\r\n", "# 포트\ncount: 9000", "---\ncount: 9000\n...\n", "{count: 9000}"} {
		if s, d := read("shop.yaml", "", text); d.Err() != nil || s.Count != 9000 {
			t.Errorf("%q: shop = %+v, error = %v", text, s, d.Err())
		}
	}
	for _, text := range []string{"title: \"\xff\"", "\x00", "\xff\xfec\x00o\x00"} {
		if s, d := read("shop.yaml", "", text); d.Err() == nil {
			t.Errorf("%q: shop = %+v, want an error", text, s)
		}
	}
	for _, text := range []string{"", "  \n", "# only a comment\n", "---\n"} {
		if _, d := read("shop.yaml", "", text); d.Err() != nil {
			t.Errorf("%q: error = %v", text, d.Err())
		}
	}
	for _, text := range []string{"", "  \n", "{}", "// a comment\n{}", "{\"count\": 9000,}"} {
		if _, d := read("shop.json", "", text); d.Err() != nil {
			t.Errorf("%q as JSON: error = %v", text, d.Err())
		}
	}
}

// TestYAML follows anchors, merge keys and the tags of plain YAML.
func TestYAML(t *testing.T) {
	s, d := read("shop.yaml", "", `
inner: !!map {password: !!str secret}
? count
: !!int 9000
title: >-
  corner
words: &words !!seq [a]
stands:
  one: &one {owner: &who x, env: {N: !!str 8080, T: !!str true}}
  two: &two {owner: y}
  three:
    <<: [*two, *one]
lists: {all: *words}
`)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	one, three := s.Stands[0], s.Stands[2]
	if s.Count != 9000 || s.Inner.Password != "secret" || s.Title != "corner" || one.Env["N"] != "8080" || one.Env["T"] != "true" {
		t.Errorf("shop = %+v", s)
	}
	if three.Owner != "y" || three.Env["N"] != "8080" || s.Lists["all"][0] != "a" {
		t.Errorf("shop = %+v", s)
	}
}

// TestMany tells the first of very many faults, and does so quickly.
func TestMany(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "countt%d: 1\n", i)
	}
	_, d := read("shop.yaml", "", b.String())
	faults, ok := errors.AsType[Faults](d.Err())
	if !ok || len(faults) != maxFaults+1 || faults[maxFaults].Message != "and 4900 more" {
		t.Errorf("%d faults, the last %v", len(faults), faults[len(faults)-1])
	}
}

// TestLong refuses a file with more in it than anyone writes.
func TestLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("#\n", maxParts+1), "words: [" + strings.Repeat("a,", maxParts) + "]"} {
		_, d := read("shop.yaml", "", text)
		if faults, ok := errors.AsType[Faults](d.Err()); !ok || len(faults) != 1 {
			t.Errorf("error = %v", d.Err())
		}
	}
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
		if _, why := tooMuch(data, maxParts); why != "" || !json.Valid(data) || dec.Decode(&want) != nil {
			t.Skip("no JSON of sensible size")
		}
		got, err := Values("shop.json", data)
		if err != nil {
			known := strings.Contains(err.Error(), "already set") || strings.Contains(err.Error(), "surrogate")
			if !known && utf8.Valid(data) {
				t.Errorf("%s is refused: %v", data, err)
			}
			return
		}
		if diff := cmp.Diff(want, got); diff != "" && utf8.Valid(data) {
			t.Errorf("%s (-encoding/json +ours)\n%s", data, diff)
		}
	})
}
