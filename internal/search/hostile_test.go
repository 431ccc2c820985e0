package search

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostileTree is what a repository can be that takes little room: many directories, each with rules that cost much to read.
func hostileTree(t *testing.T, directories int, rules string) *Tree {
	t.Helper()
	dir := t.TempDir()
	for i := range directories {
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i), "sub")
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"../.gitignore": rules, "a.txt": "needle\n"} {
			if err := os.WriteFile(filepath.Join(sub, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// TestManyRules has each of some directories say at length what is ignored: a search takes bounded memory and time, and leaves out
// what it does not know the rules of.
func TestManyRules(t *testing.T) {
	var rules strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&rules, "x%d*[a-f]?y*%dz*[!0-9]w*v*\n", i, i)
	}
	tree := hostileTree(t, 40, rules.String())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	out, err := NewEngine(tree).Search(t.Context(), Question{Query: "needle", Base: "."})
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	if err != nil || !out.Truncated || len(out.Matches) > 5 {
		t.Errorf("%d matches, truncated %v, %v", len(out.Matches), out.Truncated, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 || took > 8*time.Second {
		t.Errorf("the search took %d MiB and %v", used>>20, took)
	}
	if _, err := tree.Text(".", "d1/sub/a.txt"); err == nil {
		t.Error("a file is shown of which it is not known whether it is ignored")
	}
}

// TestWalkEnds has a walk end within a directory.
func TestWalkEnds(t *testing.T) {
	tree := hostileTree(t, 3, "a\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out, err := tree.walk(ctx, ".", ".")
	if err != nil || !out.cut || len(out.files) > 0 {
		t.Errorf("%v, %v", out, err)
	}
}
