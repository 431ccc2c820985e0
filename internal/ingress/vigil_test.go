package ingress

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// An answerer counts how often it said that it is still to come.
type answerer struct{ said atomic.Int32 }

func (a *answerer) alive() { a.said.Add(1) }

// TestVigil watches over answers that come soon and over some that take long.
func TestVigil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v vigil
		var long, soon, blocked answerer
		var first, second watch
		v.begin(&first, &long)
		time.Sleep(12 * time.Second)
		v.begin(&second, &soon)
		time.Sleep(12 * time.Second)
		v.end(&second)
		if n := long.said.Load(); n != 0 {
			t.Errorf("said %d times after 24 seconds", n)
		}
		v.begin(&second, &blocked) // again, at the end of the list
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if n := long.said.Load(); n != 1 {
			t.Errorf("said %d times after 31 seconds, want 1", n)
		}
		time.Sleep(75 * time.Second)
		synctest.Wait()
		if n, m := long.said.Load(), blocked.said.Load(); n != 4 || m != 4 && m != 3 {
			t.Errorf("said %d and %d times in the end", n, m)
		}
		v.end(&first)
		v.end(&second)
		before := long.said.Load()
		time.Sleep(time.Minute)
		if soon.said.Load() != 0 || long.said.Load() != before || v.first != nil || v.last != nil || v.next != nil {
			t.Errorf("something is left: %+v", &v)
		}
	})
}

// TestVigilOrder ends watches from the middle, the front and the back of the list.
func TestVigilOrder(t *testing.T) {
	var v vigil
	var a answerer
	all := make([]watch, 5)
	for i := range all {
		v.begin(&all[i], &a)
	}
	for _, i := range []int{2, 0, 4, 1, 3} {
		v.end(&all[i])
		n := 0
		for w := v.first; w != nil; w = w.after {
			if w.after == nil && w != v.last || w.after != nil && w.after.before != w {
				t.Fatal("the list is broken")
			}
			n++
		}
		for w := v.last; w != nil; w = w.before {
			n--
		}
		if n != 0 {
			t.Fatal("the list is longer in one direction")
		}
	}
	if v.first != nil || v.last != nil {
		t.Error("the list is not empty")
	}
}

// BenchmarkVigil is what a call that comes soon pays.
func BenchmarkVigil(b *testing.B) {
	var v vigil
	var a answerer
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var w watch
		for pb.Next() {
			v.begin(&w, &a)
			v.end(&w)
		}
	})
}
