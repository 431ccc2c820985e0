package session_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/session"
)

func newSealer(tb testing.TB, keys ...[]byte) *session.Sealer {
	tb.Helper()
	s, err := session.NewSealer(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSealer(t *testing.T) {
	old, next := session.NewKey(), session.NewKey()
	before, after := newSealer(t, old), newSealer(t, next, old)
	token := before.Seal([]byte("plain"), []byte("bound"))
	if plain, err := after.Open(token, []byte("bound")); err != nil || string(plain) != "plain" {
		t.Errorf("a token of the key before: %q, %v", plain, err)
	}
	if _, err := before.Open(after.Seal(nil, nil), nil); !errors.Is(err, session.ErrForged) {
		t.Errorf("a token of another key: %v", err)
	}
	if plain, err := after.Open(after.Seal(nil, nil), nil); err != nil || len(plain) != 0 {
		t.Errorf("a token that holds nothing: %q, %v", plain, err)
	}
	if _, err := after.Open(token, []byte("elsewhere")); !errors.Is(err, session.ErrForged) {
		t.Errorf("a token for something else: %v", err)
	}
	if again := before.Seal([]byte("plain"), []byte("bound")); again == token {
		t.Error("two tokens are the same")
	}
	for i := range len(token) {
		for bit := range 8 {
			forged := []byte(token)
			forged[i] ^= 1 << bit
			if _, err := after.Open(string(forged), []byte("bound")); !errors.Is(err, session.ErrForged) {
				t.Errorf("bit %d of byte %d changed: %v", bit, i, err)
			}
		}
	}
	for _, c := range token {
		if c <= ' ' || c > '~' {
			t.Errorf("%q is not visible ASCII", c)
		}
	}
	for _, foreign := range []string{"", "round=2", strings.TrimPrefix(token, "sumun1."), "sumun1.", "sumun1.!", token + "\n", token + "A"} {
		if _, err := after.Open(foreign, []byte("bound")); !errors.Is(err, session.ErrForged) {
			t.Errorf("%q: %v", foreign, err)
		}
	}
	other, err := session.NewSealer(session.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, claims := range []string{token, token[:20], token + "A", "sumun1.", "sumun1.!"} {
		if !after.IsOurs(claims) {
			t.Errorf("%q is not taken for ours", claims)
		}
	}
	for _, foreign := range []string{"", "round=2", other.Seal([]byte("plain"), []byte("bound"))} {
		if after.IsOurs(foreign) {
			t.Errorf("%q is taken for ours", foreign)
		}
	}
}

func TestNoKey(t *testing.T) {
	for name, keys := range map[string][][]byte{"none": nil, "short": {make([]byte, 16)}, "one is short": {session.NewKey(), nil}} {
		if _, err := session.NewSealer(keys...); err == nil {
			t.Errorf("%s: a sealer was made", name)
		}
	}
}

// A ring is a store's keys.
type ring struct{ keys atomic.Pointer[[][]byte] }

func (r *ring) set(keys ...[]byte) { r.keys.Store(&keys) }

func (r *ring) SealingKeys(_ context.Context, fresh func() []byte) ([][]byte, error) {
	keys := r.keys.Load()
	if keys == nil {
		r.set(fresh())
		return *r.keys.Load(), nil
	}
	if len(*keys) == 0 {
		return nil, errors.New("the store is away")
	}
	return *keys, nil
}

// TestKeepingUp rotates the keys under a sealer that is in use.
func TestKeepingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := &ring{}
		s, err := session.OpenSealer(t.Context(), keys, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first := (*keys.keys.Load())[0]
		old := s.Seal([]byte("old"), nil)
		next := session.NewKey()
		keys.set() // the store is away for a while
		time.Sleep(3 * time.Hour)
		if _, err := s.Open(old, nil); err != nil {
			t.Errorf("while the store is away: %v", err)
		}
		keys.set(next, first)
		time.Sleep(2 * time.Hour)
		if _, err := s.Open(old, nil); err != nil {
			t.Errorf("a token of the key before: %v", err)
		}
		if _, err := newSealer(t, next).Open(s.Seal(nil, nil), nil); err != nil {
			t.Errorf("the new key does not seal: %v", err)
		}
		s.Close() // and once more at the end
	})
}

func TestNoStore(t *testing.T) {
	keys := &ring{}
	keys.set()
	if _, err := session.OpenSealer(t.Context(), keys, slog.Default()); err == nil {
		t.Error("a sealer was made without a key")
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer(f, session.NewKey())
	f.Add(s.Seal([]byte("plain"), nil))
	f.Add("sumun1.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if plain, err := s.Open(token, []byte("bound")); !errors.Is(err, session.ErrForged) {
			t.Errorf("%q holds %q, %v", token, plain, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{64, 256} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, plain := newSealer(b, session.NewKey()), make([]byte, n)
			b.ReportAllocs()
			for b.Loop() {
				s.Seal(plain, nil)
			}
		})
	}
}
