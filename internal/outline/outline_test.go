package outline

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestOutline compares the outlines of a file of each language with what people see in it.
func TestOutline(t *testing.T) {
	all := Languages()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(archive.Files[0].Name, func(t *testing.T) {
			l := Of(all, archive.Files[0].Name)
			var got strings.Builder
			for _, s := range l.Outline(string(archive.Files[0].Data)) {
				fmt.Fprintf(&got, "%s %s %d-%d\n", s.Kind, s.Name, s.Start, s.End)
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got.String()); diff != "" {
				t.Errorf("%s (-want +got)\n%s", l.Name, diff)
			}
		})
	}
}

func TestOf(t *testing.T) {
	all := Languages()
	for file, want := range map[string]string{
		"a/b.GO": "Go", "x.tsx": "TypeScript", "y.h": "C", "z.cpp": "C++", "Makefile": "", "a.unknown": "", "go": "", "a.d.ts": "TypeScript",
	} {
		if got := Of(all, file); got.Name != want || got.MIME == "" {
			t.Errorf("%s: %q, %q, want %q", file, got.Name, got.MIME, want)
		}
	}
}

func TestLookup(t *testing.T) {
	all := []Symbol{{Name: "A", Start: 1, End: 9}, {Name: "A.get", Start: 2, End: 3}, {Name: "B.get", Start: 11, End: 12}, {Name: "get", Start: 20, End: 20}}
	for name, want := range map[string]int{"A": 1, "A.get": 2, "get": 20, "B.get": 11, "set": 0, "et": 0} {
		got, ok := Lookup(all, name)
		if got.Start != want || ok != (want > 0) {
			t.Errorf("Lookup(%q) = %+v, %v", name, got, ok)
		}
	}
	for line, want := range map[int]string{1: "A", 2: "A.get", 4: "A", 10: "", 12: "B.get"} {
		if got, _ := Around(all, line); got.Name != want {
			t.Errorf("Around(%d) = %+v, want %q", line, got, want)
		}
	}
}

// TestBounds reads files in which no definition ends.
func TestBounds(t *testing.T) {
	all := Languages()
	for file, text := range map[string]string{
		"a.ts": strings.Repeat("class A {\n", 5000) + strings.Repeat("x", 1<<20), "a.py": "def a():\n" + strings.Repeat(" def a():\n", 5000) + strings.Repeat("  x\n", 1<<18),
		"a.go": "package a\n" + strings.Repeat("func a() {}\n", 5000),
	} {
		if got := Of(all, file).Outline(text); len(got) != maxSymbols {
			t.Errorf("%s: %d symbols, want %d", file, len(got), maxSymbols)
		}
	}
}

// FuzzOutline reads anything, and wants lines that are there.
func FuzzOutline(f *testing.F) {
	f.Add("def a(:\n  '\n", 1)
	f.Add("fn a() { '", 5)
	f.Add("class a { \"\\", 2)
	f.Add("func (", 0)
	f.Add("int a(\n\n{'\\", 6)
	all := Languages()
	f.Fuzz(func(t *testing.T, text string, n int) {
		l := &all[uint(n)%uint(len(all))]
		lines := strings.Count(text, "\n") + 1
		for _, s := range l.Outline(text) {
			if s.Name == "" || s.Start < 1 || s.End < s.Start || s.End > lines {
				t.Errorf("%s: %+v of %d lines", l.Name, s, lines)
			}
		}
	})
}
