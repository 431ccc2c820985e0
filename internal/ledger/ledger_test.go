package ledger

import (
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New()
		first, changed := l.See("a", "1")
		if changed || first != time.Now().UnixMilli() {
			t.Errorf("the first state has the revision %d and is a change: %v", first, changed)
		}
		last := first
		for _, tt := range []struct {
			name, etag string
			changed    bool
			grows      bool
		}{
			{"a", "1", false, false},
			{"a", "2", true, true},
			{"a", "1", true, true}, // as it was once is another state
			{"a", "", true, true},
			{"a", "", false, false},
			{"a", "1", true, true},
			{"b", "1", false, true},
		} {
			revision, changed := l.See(tt.name, tt.etag)
			if changed != tt.changed || (revision > last) != tt.grows || revision < last {
				t.Errorf("%v: %d after %d, changed %v", tt, revision, last, changed)
			}
			last = revision
		}
		if revision, changed := l.See("never", ""); revision != 0 || changed {
			t.Errorf("what never was has the revision %d", revision)
		}
		time.Sleep(time.Millisecond)
		if again, _ := New().See("a", "1"); again <= first {
			t.Errorf("after a restart the revision is %d, which was given before", again)
		}
	})
}

func TestSeeIsBounded(t *testing.T) {
	l := New()
	first, _ := l.See("first", "1")
	for i := range maxKnown {
		l.See(strconv.Itoa(i), "1")
	}
	if len(l.known) != maxKnown || l.order.Len() != maxKnown {
		t.Errorf("%d are known, want %d", len(l.known), maxKnown)
	}
	if again, changed := l.See("first", "1"); again <= first || changed {
		t.Errorf("one that was forgotten: %d after %d, %v", again, first, changed)
	}
}

func TestAcquire(t *testing.T) {
	l := New()
	counts := map[string]int{"a": 0, "b": 0}
	var mu sync.Mutex // of the map, not of its values
	add := func(name string) {
		mu.Lock()
		n := counts[name]
		mu.Unlock()
		mu.Lock()
		counts[name] = n + 1
		mu.Unlock()
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 100 {
				name := []string{"a", "b"}[i%2]
				release := l.Acquire(name, true)
				add(name)
				release()
				l.Acquire(name, false)()
			}
		})
	}
	wg.Wait()
	if counts["a"] != 800 || counts["b"] != 800 || len(l.locks.held) != 0 {
		t.Errorf("%v, %d locks are left", counts, len(l.locks.held))
	}
}

// What is remembered does not grow with the names, which callers make up.
func TestSeeLongNames(t *testing.T) {
	l := New()
	const names, long = 64, 1 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range names {
		l.See(strconv.Itoa(i)+strings.Repeat("x", long), "1")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > names*long/2 {
		t.Errorf("%d bytes are kept of %d names", kept, names)
	}
	if revision := l.Revision("7" + strings.Repeat("x", long)); revision == 0 {
		t.Error("a long name is not known")
	}
}
