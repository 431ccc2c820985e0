package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/store"
)

func TestCredentials(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s, key := open(t, at), credential.Key{Kind: "token", Owner: "ann", Of: "mail"}
		if _, err := s.Credential(t.Context(), key); !errors.Is(err, credential.ErrNone) {
			t.Fatalf("an unknown credential: %v", err)
		}
		if _, err := s.PutCredential(t.Context(), credential.Record{Key: key, Revision: 7}); !errors.Is(err, credential.ErrChanged) {
			t.Errorf("one in place of none: %v", err)
		}
		first, err := s.PutCredential(t.Context(), credential.Record{Key: key, Sealed: []byte{0, 1, 255}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutCredential(t.Context(), credential.Record{Key: key, Sealed: []byte("other")}); !errors.Is(err, credential.ErrChanged) {
			t.Errorf("a second one: %v", err)
		}
		got, err := s.Credential(t.Context(), key)
		if err != nil || string(got.Sealed) != "\x00\x01\xff" || got.Revision != first || !got.Ends.IsZero() {
			t.Errorf("got %v, %v", got, err)
		}
		second, err := s.PutCredential(t.Context(), credential.Record{Key: key, Revision: first, Sealed: []byte("next")})
		if err != nil || second <= first {
			t.Errorf("a new revision: %d after %d, %v", second, first, err)
		}
		if err := s.DropCredential(t.Context(), credential.Record{Key: key, Revision: first}); !errors.Is(err, credential.ErrChanged) {
			t.Errorf("dropping what has changed: %v", err)
		}
		if err := s.DropCredential(t.Context(), credential.Record{Key: key, Revision: second}); err != nil {
			t.Error(err)
		}
		if err := s.DropCredential(t.Context(), credential.Record{Key: key}); err != nil {
			t.Errorf("dropping what is not there: %v", err)
		}
		third, err := s.PutCredential(t.Context(), credential.Record{Key: key, Sealed: []byte("anew")})
		if err != nil || third <= second {
			t.Errorf("a new record has revision %d after %d, %v", third, second, err)
		}
	})
}

// TestCredentialTurn has many take one turn: one gets it, until it is over, given back, or the record has changed.
func TestCredentialTurn(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, other := open(t, at), open(t, at)
		r := credential.Record{Key: credential.Key{Kind: "token", Of: "mail"}, Sealed: []byte("x")}
		var err error
		if r.Revision, err = one.PutCredential(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var got atomic.Int32
		for i := range 8 {
			all.Go(func() {
				mine, err := []*store.Store{one, other}[i%2].TurnCredential(t.Context(), r, time.Now().Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if mine {
					got.Add(1)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 {
			t.Errorf("%d have the turn", got.Load())
		}
		take := func(until time.Time) bool {
			mine, err := other.TurnCredential(t.Context(), r, until)
			if err != nil {
				t.Fatal(err)
			}
			return mine
		}
		if !take(time.Time{}) || !take(time.Now().Add(-time.Second)) || !take(time.Now().Add(time.Minute)) {
			t.Error("the turn was not given back, or is not over")
		}
		if r.Revision, err = one.PutCredential(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if !take(time.Now().Add(time.Minute)) {
			t.Error("a change does not end the turn")
		}
		r.Revision--
		if take(time.Now().Add(2*time.Minute)) || take(time.Time{}) {
			t.Error("the turn of a record that has changed is taken")
		}
	})
}

func TestLatestCredential(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		if _, err := s.LatestCredential(t.Context(), "token", "mail"); !errors.Is(err, credential.ErrNone) {
			t.Errorf("of none: %v", err)
		}
		for _, owner := range []string{"ann", "bob"} {
			if _, err := s.PutCredential(t.Context(), credential.Record{Key: credential.Key{Kind: "token", Owner: owner, Of: "mail"}, Sealed: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
		old := credential.Record{Key: credential.Key{Kind: "login", Owner: "old", Of: ""}, Sealed: []byte("x"), Ends: time.Now().Add(-time.Second)}
		if _, err := s.PutCredential(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		if owner, err := s.LatestCredential(t.Context(), "token", "mail"); owner != "bob" || err != nil {
			t.Errorf("the latest is %q, %v", owner, err)
		}
		if _, err := s.PutCredential(t.Context(), credential.Record{Key: credential.Key{Kind: "login", Owner: "new"}, Sealed: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Credential(t.Context(), old.Key); !errors.Is(err, credential.ErrNone) {
			t.Errorf("what has ended is there: %v", err)
		}
	})
}
