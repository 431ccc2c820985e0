package store_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/store"
)

var _ session.Keys = (*store.Store)(nil)

func sealingKeys(t *testing.T, s *store.Store) [][]byte {
	t.Helper()
	keys, err := s.SealingKeys(t.Context(), session.NewKey)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestSealingKeysAgree starts instances at once: all seal with one key.
func TestSealingKeysAgree(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		var mu sync.Mutex
		var all [][]byte
		var starting sync.WaitGroup
		for range 4 {
			starting.Go(func() {
				s, err := store.Open(t.Context(), at)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				keys, err := s.SealingKeys(t.Context(), session.NewKey)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || len(keys) != 1 {
					t.Errorf("%d keys, %v", len(keys), err)
					return
				}
				all = append(all, keys[0])
			})
		}
		starting.Wait()
		for _, key := range all {
			if !bytes.Equal(key, all[0]) || len(key) != session.KeyBytes {
				t.Errorf("the instances seal with %x", all)
				break
			}
		}
	})
}

// TestSealingKeysRotate lets the keys age: the next one is known a day before it
// seals, and the one before opens until no token of it is good.
func TestSealingKeysRotate(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		db := direct(t, at)
		age := func(days int) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), `UPDATE sealing_key SET starts = starts - $1`, days*24*60*60); err != nil {
				t.Fatal(err)
			}
		}
		const day = 24 * time.Hour
		first := sealingKeys(t, s)
		if session.KeyLife != 30*day || session.TokenLife != 30*day || session.KeyNotice != day {
			t.Fatal("the days below are others")
		}
		age(28)
		if keys := sealingKeys(t, s); !slices.EqualFunc(keys, first, bytes.Equal) {
			t.Errorf("after 28 days: %x, want %x", keys, first)
		}
		age(1)
		known := sealingKeys(t, s)
		if len(known) != 2 || !bytes.Equal(known[0], first[0]) {
			t.Fatalf("after 29 days: %x, want %x and the next one", known, first)
		}
		want := [][]byte{known[1], known[0]}
		for _, days := range []int{1, 28} { // 30 and 58 days
			age(days)
			if keys := sealingKeys(t, s); !slices.EqualFunc(keys, want, bytes.Equal) {
				t.Errorf("then: %x, want %x", keys, want)
			}
		}
		age(3) // 61: the third is known since a moment, the first is past
		if keys := sealingKeys(t, s); len(keys) != 2 || !bytes.Equal(keys[0], want[0]) || bytes.Equal(keys[1], want[1]) {
			t.Errorf("after 61 days: %x, want %x and a third", keys, want[:1])
		}
	})
}

// TestClockBehind reads the keys by a clock that is behind the one that made them.
func TestClockBehind(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		first := sealingKeys(t, s)
		db := direct(t, at)
		if _, err := db.ExecContext(t.Context(), `UPDATE sealing_key SET starts = starts + 600`); err != nil {
			t.Fatal(err)
		}
		if keys := sealingKeys(t, s); !slices.EqualFunc(keys, first, bytes.Equal) {
			t.Errorf("%x, want %x", keys, first)
		}
	})
}
