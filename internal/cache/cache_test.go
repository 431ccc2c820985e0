package cache

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func free(*Entry) error { return nil }

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{TTL: time.Minute, Entries: 3, Bytes: 10})
		put := func(key string, size int) {
			t.Helper()
			if err := c.Put(&Entry{Key: key, Content: make([]byte, size)}, free); err != nil {
				t.Error(err)
			}
		}
		for i := range 3 {
			put(strconv.Itoa(i), 2)
		}
		c.Get("0")
		put("3", 2)
		if got := c.Evicted(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("evicted %q, want 1, which was used least", got)
		}
		put("3", 10)
		if got := c.Evicted(); !slices.Equal(got, []string{"2", "0"}) || c.size != 10 {
			t.Errorf("evicted %q with %d bytes left, want 2 and 0", got, c.size)
		}
		refused := errors.New("no")
		err := c.Put(&Entry{Key: "3"}, func(now *Entry) error {
			if now == nil || len(now.Content) != 10 {
				t.Errorf("there is %+v", now)
			}
			return refused
		})
		if !errors.Is(err, refused) || c.Get("3") == nil {
			t.Errorf("a refused change: %v", err)
		}
		time.Sleep(time.Minute)
		if c.Get("3") != nil {
			t.Error("after its time an entry is still there")
		}
		if err := c.Put(&Entry{Key: "4"}, free); err != nil {
			t.Error(err)
		}
		if got := c.Expired(); !slices.Equal(got, []string{"3"}) || c.Get("4") == nil || c.size != 0 {
			t.Errorf("expired %q with %d bytes left", got, c.size)
		}
	})
}
