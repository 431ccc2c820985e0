//go:build unix

package search

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// largeTree makes a tree of 20,000 files of about 4 KiB in 500 directories, a needle in twenty of them.
func largeTree(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	words := make([]string, 5000)
	for i := range words {
		letters := make([]byte, 4+r.IntN(8))
		for j := range letters {
			letters[j] = byte('a' + r.IntN(26))
		}
		words[i] = string(letters)
	}
	old := time.Now().Add(-time.Hour)
	for i := range 20_000 {
		var text strings.Builder
		for line := range 80 {
			for range 6 {
				text.WriteString(words[r.IntN(len(words))] + " ")
			}
			if i%1000 == 7 && line == 40 {
				text.WriteString("findTheNeedle(42)")
			}
			text.WriteByte('\n')
		}
		name := filepath.Join(dir, fmt.Sprintf("p%02d/q%02d/f%d.go", i%20, i/20%25, i))
		put(b, name, text.String())
		if err := os.Chtimes(name, old, old); err != nil {
			b.Fatal(err)
		}
	}
	put(b, filepath.Join(dir, ".gitignore"), "*.log\nbuild/\n/dist\n*.tmp\nnode_modules/\n")
	return dir
}

// BenchmarkSearch measures searches of a large tree and of this repository: cold reads all files, warm knows them.
func BenchmarkSearch(b *testing.B) {
	for tree, dir := range map[string]string{"20000": largeTree(b), "sumun": "../.."} {
		for name, q := range map[string]Question{
			"text":    {Query: "findTheNeedle"},
			"case":    {Query: "findtheneedle", IgnoreCase: true},
			"pattern": {Query: `find\w+\(\d+\)`, Regexp: true},
			"broad":   {Query: `\d\d\d\d\d\d`, Regexp: true}, // no trigram is needed, so every file is read
		} {
			q.Base = "."
			b.Run(tree+"/"+name+"/cold", func(b *testing.B) {
				t := open(b, dir)
				defer processor(b)()
				for b.Loop() {
					search(b, NewEngine(t), q)
				}
			})
			b.Run(tree+"/"+name+"/warm", func(b *testing.B) {
				e := NewEngine(open(b, dir))
				search(b, e, q)
				defer processor(b)()
				for b.Loop() {
					search(b, e, q)
				}
				b.ReportMetric(float64(e.index.bytes)/(1<<20), "index-MiB")
			})
		}
		b.Run(tree+"/walk", func(b *testing.B) {
			t := open(b, dir)
			n := 0
			defer processor(b)()
			for b.Loop() {
				there, err := t.walk(b.Context(), ".", ".")
				if err != nil {
					b.Fatal(err)
				}
				n = len(there.files)
			}
			b.ReportMetric(float64(n), "files")
		})
	}
}

func search(b *testing.B, e *Engine, q Question) {
	b.Helper()
	if _, err := e.Search(b.Context(), q); err != nil {
		b.Fatal(err)
	}
}

// processor begins to measure processor time, which other programs disturb less than they do the time that passes; what it returns
// reports it.
func processor(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var all syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &all); err != nil {
			b.Fatal(err)
		}
		return all.Utime.Nano() + all.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/1e6/float64(b.N), "cpu-ms/op") }
}
