package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/store"
)

// addKey makes a key in the store and returns it with its secret.
func addKey(t *testing.T, s *store.Store, name string, expires time.Time) (keyring.Key, string) {
	t.Helper()
	id := keyring.NewID()
	secret := keyring.Mint(id)
	k := keyring.Key{
		ID: id, Name: name, Scopes: []string{"read:file", "invoke:x"}, Roles: []string{"reader"}, Created: time.Now().Truncate(time.Millisecond),
		Expires: expires, Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}},
	}
	if err := s.AddKey(t.Context(), &k); err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func TestKeys(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		s := open(t, address)
		soon := time.Now().Add(time.Hour).Truncate(time.Millisecond)
		ci, _ := addKey(t, s, "ci", soon)
		addKey(t, s, "other", time.Time{})
		if err := s.AddKey(t.Context(), &keyring.Key{ID: "x", Name: "ci", Secrets: make([]keyring.Secret, 1)}); !errors.Is(err, keyring.ErrTaken) {
			t.Errorf("a name is given twice: %v", err)
		}
		now := time.Now().Truncate(time.Millisecond)
		for range 2 {
			if err := s.UseKeys(t.Context(), []keyring.Use{{ID: ci.ID, Times: 3, Last: now}, {ID: "gone", Times: 1, Last: now}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.UseKeys(t.Context(), []keyring.Use{{ID: ci.ID, Times: 1, Last: now.Add(-time.Hour)}}); err != nil {
			t.Fatal(err)
		}
		ci.Uses, ci.LastUsed = 7, now
		keys, err := open(t, address).Keys(t.Context())
		if err != nil || len(keys) != 2 {
			t.Fatalf("keys = %v, %v", keys, err)
		}
		if diff := cmp.Diff(ci, keys[0], cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("the key read is another one (-want +got)\n%s", diff)
		}
	})
}

func TestKeyChanges(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		s := open(t, address)
		at := int64(0)
		expect := func(what string, all bool, want ...string) {
			t.Helper()
			c, err := s.KeyChanges(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range c.Keys {
				got = append(got, fmt.Sprintf("%s %s %d", k.Name, k.State(time.Now()), len(k.Secrets)))
			}
			if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" || c.All != all {
				t.Errorf("%s: all %v (-want +got)\n%s", what, c.All, diff)
			}
			at = c.Revision
		}
		expect("at first", true)
		expect("nothing has changed", false)
		a, _ := addKey(t, s, "a", time.Time{})
		addKey(t, s, "b", time.Time{})
		expect("two are new", false, "a valid 1", "b valid 1")
		mint := func(id string) [32]byte { return keyring.Hash(keyring.Mint(id)) }
		if _, err := s.RotateKey(t.Context(), a.ID, time.Now().Add(time.Hour), time.Time{}, mint); err != nil {
			t.Fatal(err)
		}
		if err := s.UseKeys(t.Context(), []keyring.Use{{ID: a.ID, Times: 1, Last: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		expect("one was rotated, and used", false, "a valid 2")
		if k, err := s.RotateKey(t.Context(), "a", time.Now(), time.Now().Add(time.Hour), mint); err != nil || len(k.Secrets) != 1 || k.Expires.IsZero() {
			t.Errorf("rotated without overlap: %+v, %v", k, err)
		}
		if k, err := s.RevokeKey(t.Context(), "b"); err != nil || k.State(time.Now()) != "revoked" {
			t.Errorf("revoked: %+v, %v", k, err)
		}
		expect("one was rotated, one revoked", false, "a valid 1", "b revoked 0")
		at += 100
		expect("the database is an older one", true, "a valid 1")
		for _, ref := range []string{"nobody", ""} {
			if _, err := s.RevokeKey(t.Context(), ref); !errors.Is(err, keyring.ErrUnknown) {
				t.Errorf("revoking %q: %v", ref, err)
			}
		}
		for _, ref := range []string{"b"} {
			_, again := s.RevokeKey(t.Context(), ref)
			_, rotated := s.RotateKey(t.Context(), ref, time.Now(), time.Time{}, mint)
			if !errors.Is(again, keyring.ErrOver) || !errors.Is(rotated, keyring.ErrOver) {
				t.Errorf("a revoked key: %v, %v", again, rotated)
			}
		}
		old, _ := addKey(t, s, "old", time.Now().Add(-time.Hour))
		if _, err := s.RotateKey(t.Context(), old.ID, time.Now(), time.Time{}, mint); !errors.Is(err, keyring.ErrOver) {
			t.Errorf("an expired key is rotated: %v", err)
		}
	})
}

// named makes callers of keys by their names.
type named struct{}

func (named) Holder(k *keyring.Key) mcp.Caller { return mcp.Caller{ID: k.Name} }

// TestTwoInstances has two rings on one database, of which one is changed through neither.
func TestTwoInstances(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		var rings []*keyring.Ring
		for range 2 {
			r, err := keyring.Open(t.Context(), keyring.Options{Store: open(t, address), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.Close)
			rings = append(rings, r)
		}
		desk := open(t, address)
		find := func(r *keyring.Ring, secret string) *mcp.Caller {
			hash := keyring.Hash(secret)
			c, err := r.Find(secret, &hash, named{})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		_, secret := addKey(t, desk, "ci", time.Time{})
		callers := []*mcp.Caller{find(rings[0], secret), find(rings[1], secret)}
		if callers[0] == nil || callers[1] == nil {
			t.Fatal("a new key is not let in at once")
		}
		began := time.Now()
		if _, err := desk.RevokeKey(t.Context(), "ci"); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i, r := range rings {
			all.Go(func() {
				<-callers[i].Over
				if d := time.Since(began); d > time.Second {
					t.Errorf("instance %d ended its streams after %v", i, d)
				}
				if find(r, secret) != nil {
					t.Errorf("instance %d lets a revoked key in", i)
				}
			})
		}
		all.Wait()
		keys, err := desk.Keys(t.Context())
		if err != nil || len(keys) != 1 || keys[0].State(time.Now()) != "revoked" {
			t.Fatalf("keys = %+v, %v", keys, err)
		}
		for _, r := range rings {
			r.Close()
		}
		if keys, err = desk.Keys(t.Context()); err != nil || keys[0].Uses != 2 || keys[0].LastUsed.IsZero() {
			t.Errorf("uses of both instances = %+v, %v, want 2", keys, err)
		}
	})
}

// TestKeysChangedAtOnce rotates one key from many sides: each has its turn, and no change is missed.
func TestKeysChangedAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		first := open(t, address)
		k, _ := addKey(t, first, "ci", time.Time{})
		var all sync.WaitGroup
		for range 3 {
			s := open(t, address)
			all.Go(func() {
				for range 5 {
					_, err := s.RotateKey(t.Context(), k.ID, time.Now().Add(time.Hour), time.Time{},
						func(id string) [32]byte { return keyring.Hash(keyring.Mint(id)) })
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		c, err := first.KeyChanges(t.Context(), 2)
		if err != nil || c.Revision != 17 || len(c.Keys) != 1 || len(c.Keys[0].Secrets) != 16 {
			t.Errorf("changes = %+v, %v, want revision 17 and 16 secrets", c, err)
		}
	})
}
