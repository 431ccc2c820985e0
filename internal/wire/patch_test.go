package wire

import (
	"math"
	"strconv"
	"sync"
	"testing"
)

func TestAppendPatched(t *testing.T) {
	for _, tt := range []struct {
		patches []Patch
		want    string
	}{
		{nil, "0123456789"},
		{[]Patch{{Span{2, 4}, []byte("ab")}}, "01ab456789"},
		{[]Patch{{Span{0, 1}, nil}, {Span{9, 10}, nil}}, "12345678"},
		{[]Patch{{Span{3, 3}, []byte("x")}, {Span{3, 3}, []byte("y")}, {Span{3, 4}, []byte("z")}}, "012xyz456789"},
		{[]Patch{{Span{10, 10}, []byte("end")}}, "0123456789end"},
		{[]Patch{{Span{0, 10}, []byte("all")}}, "all"},
	} {
		if got := string(AppendPatched([]byte(">"), []byte("0123456789"), tt.patches...)); got != ">"+tt.want {
			t.Errorf("%v: %s, want >%s", tt.patches, got, tt.want)
		}
	}
}

func TestAppendPatchedMisuse(t *testing.T) {
	for name, patches := range map[string][]Patch{
		"absent":       {{Span{}, []byte("x")}},
		"behind":       {{Span{3, 11}, nil}},
		"backwards":    {{Span{4, 3}, nil}},
		"overlapping":  {{Span{1, 4}, nil}, {Span{3, 5}, nil}},
		"out of order": {{Span{5, 6}, nil}, {Span{1, 2}, nil}},
		"negative":     {{Span{-1, 2}, nil}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			AppendPatched(nil, []byte("0123456789"), patches...)
		}()
	}
}

// FuzzPatch compares with replacements made one by one, from the last to the first.
func FuzzPatch(f *testing.F) {
	f.Add("0123456789", "ab", uint(1), uint(2), uint(0), uint(3))
	f.Fuzz(func(t *testing.T, src, with string, gap1, length1, gap2, length2 uint) {
		n := uint(len(src))
		clip := func(from, more uint) uint { return from + min(more, n-from) }
		start1 := clip(0, gap1)
		end1 := clip(start1, length1)
		start2 := clip(end1, gap2)
		end2 := clip(start2, length2)
		if end1 == 0 || end2 == 0 {
			return
		}
		want := src[:start2] + with + src[end2:]
		want = want[:start1] + with + with + want[end1:]
		got := AppendPatched(nil, []byte(src), Patch{Span{int(start1), int(end1)}, []byte(with + with)}, Patch{Span{int(start2), int(end2)}, []byte(with)})
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestIDs(t *testing.T) {
	var ids IDs
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for range 8 {
		all.Go(func() {
			for range 100 {
				id := ids.Next()
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != 800 || seen[0] {
		t.Errorf("%d ids of 800 are different", len(seen))
	}
}

func TestParseInt(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 10, -10, 42, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1} {
		if got, ok := ParseInt(AppendInt(nil, n)); !ok || got != n {
			t.Errorf("ParseInt(%d) = %d, %v", n, got, ok)
		}
	}
	for _, raw := range []string{"", "-", "-0", "00", "01", "-01", "+1", "1.0", "1e0", `"1"`, " 1", "1 ", "null", "9223372036854775808", "-9223372036854775809", "18446744073709551617", "99999999999999999999"} {
		if got, ok := ParseInt([]byte(raw)); ok {
			t.Errorf("ParseInt(%s) = %d", raw, got)
		}
	}
}

func FuzzParseInt(f *testing.F) {
	f.Add("9223372036854775807")
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := ParseInt([]byte(raw))
		want, err := strconv.ParseInt(raw, 10, 64)
		canonical := err == nil && strconv.FormatInt(want, 10) == raw
		if ok != canonical || ok && got != want {
			t.Errorf("ParseInt(%q) = %d, %v; strconv %d, %v", raw, got, ok, want, err)
		}
	})
}
