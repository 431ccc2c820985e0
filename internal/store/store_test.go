package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
)

// TestShared lets two instances write records into one store: none is lost and
// the numbers have no gap.
func TestShared(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		a, b := open(t, at), open(t, at)
		var writing sync.WaitGroup
		for _, s := range []*store.Store{a, b} {
			for w := range 4 {
				writing.Go(func() {
					for i := range 20 {
						rows := []audit.Row{{Body: fmt.Appendf(nil, `{"w":%d,"i":%d}`, w, i)}, {Body: []byte(`{}`), Salt: []byte("s"), Arguments: []byte("a")}}
						if err := s.AppendRecords(t.Context(), rows); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		writing.Wait()
		seq := int64(0)
		for r, err := range a.Records(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if seq++; r.Seq != seq {
				t.Fatalf("record %d has number %d", seq, r.Seq)
			}
		}
		if seq != 320 {
			t.Errorf("%d records, want 320", seq)
		}
	})
}

func TestReopen(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		row := audit.Row{Body: []byte(`{"a":1}`), Salt: []byte{1}, Arguments: []byte("x"), Result: []byte("y")}
		if err := s.AppendRecords(t.Context(), []audit.Row{row}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for r, err := range open(t, at).Records(t.Context(), 0) {
			if err != nil || r.Seq != 1 || string(r.Body) != `{"a":1}` || string(r.Arguments) != "x" || string(r.Result) != "y" {
				t.Errorf("read %+v, %v", r, err)
			}
		}
	})
}

func TestNotADatabase(t *testing.T) {
	if _, err := store.Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory was opened as a database")
	}
}

// TestManyAtOnce writes as many records as need statements of every size, in order.
func TestManyAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		const n = 77
		s := open(t, at)
		var rows []audit.Row
		for i := range n {
			rows = append(rows, audit.Row{Body: fmt.Appendf(nil, `{"i":%d}`, i+1), Salt: fmt.Append(nil, i), Result: fmt.Append(nil, "r", i)})
		}
		if err := s.AppendRecords(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		read := 0
		for r, err := range s.Records(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			want := rows[read]
			read++
			if r.Seq != int64(read) || string(r.Body) != string(want.Body) || string(r.Salt) != string(want.Salt) ||
				len(r.Arguments) != 0 || string(r.Result) != string(want.Result) {
				t.Errorf("record %d is %d %s %s %s %s", read, r.Seq, r.Body, r.Salt, r.Arguments, r.Result)
			}
		}
		if read != n {
			t.Errorf("%d records, want %d", read, n)
		}
	})
}

func BenchmarkAppendRecords(b *testing.B) {
	for name, at := range map[string]func(*testing.B) string{
		"sqlite":   func(b *testing.B) string { b.Helper(); return filepath.Join(b.TempDir(), "sumun.db") },
		"postgres": func(b *testing.B) string { b.Helper(); return pgtest.Own(b, pgtest.Options{Durable: true}).DSN },
	} {
		for _, n := range []int{1, 150, 500, 1000} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				s, err := store.Open(b.Context(), at(b))
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				rows := slices.Repeat([]audit.Row{{Body: bytes.Repeat([]byte("x"), 500), Salt: make([]byte, 16)}}, n)
				b.ReportAllocs()
				for b.Loop() {
					if err := s.AppendRecords(context.WithoutCancel(b.Context()), rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// TestFileGone writes nothing into a file that was removed or replaced while it was open, and goes on when it is back.
func TestFileGone(t *testing.T) {
	dir := t.TempDir()
	path, away := filepath.Join(dir, "sumun.db"), filepath.Join(dir, "away.db")
	s := open(t, "sqlite:"+path)
	write := func() error { return s.AppendRecords(t.Context(), []audit.Row{{Body: []byte(`{}`)}}) }
	for name, other := range map[string]func() error{
		"removed":  func() error { return nil },
		"replaced": func() error { return os.WriteFile(path, nil, 0o600) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(path, away), other()); err != nil {
			t.Fatal(err)
		}
		if err := write(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: writing ended with %v", name, err)
		}
		if err := os.Rename(away, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.LastRecord(t.Context()); n != 3 || err != nil {
		t.Errorf("%d records, %v", n, err)
	}
}
