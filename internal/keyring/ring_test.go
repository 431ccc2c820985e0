package keyring

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// shelf is a store in memory, which can be taken away.
type shelf struct {
	mu       sync.Mutex
	revision int64
	keys     map[string]Key
	at       map[string]int64
	asked    int
	uses     map[string]Use
	away     error         // what it answers, if that is not nil
	slow     time.Duration // before it answers
}

func newShelf() *shelf {
	return &shelf{revision: 1, keys: map[string]Key{}, at: map[string]int64{}, uses: map[string]Use{}}
}

func (s *shelf) KeyChanges(ctx context.Context, since int64) (Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.slow > 0 {
		select {
		case <-ctx.Done():
			return Changes{}, ctx.Err()
		case <-time.After(s.slow):
		}
	}
	if s.away != nil {
		return Changes{}, s.away
	}
	if since == s.revision {
		return Changes{Revision: since}, nil
	}
	c := Changes{Revision: s.revision, All: since == 0 || since > s.revision}
	for id, k := range s.keys {
		if s.at[id] > since || c.All {
			c.Keys = append(c.Keys, k)
		}
	}
	return c, nil
}

func (s *shelf) UseKeys(_ context.Context, uses []Use) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return s.away
	}
	for _, u := range uses {
		sum := s.uses[u.ID]
		s.uses[u.ID] = Use{ID: u.ID, Times: sum.Times + u.Times, Last: u.Last}
	}
	return nil
}

// set puts a key there, or another in its place.
func (s *shelf) set(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	s.keys[k.ID], s.at[k.ID] = k, s.revision
}

func (s *shelf) takeAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// add makes a key and returns its secret.
func (s *shelf) add(id string, change func(*Key)) (secret string) {
	secret = Mint(id)
	k := Key{ID: id, Name: "name of " + id, Scopes: []string{"read:x"}, Secrets: []Secret{{Hash: Hash(secret)}}}
	if change != nil {
		change(&k)
	}
	s.set(k)
	return secret
}

// names makes callers of keys by their names.
type names struct{ made int }

func (n *names) Holder(k *Key) mcp.Caller {
	n.made++
	return mcp.Caller{ID: k.Name, Scopes: k.Scopes}
}

func open(tb testing.TB, s Store) *Ring {
	tb.Helper()
	r, err := Open(tb.Context(), Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

// show shows a secret and returns who holds it, or why that cannot be told.
func show(r *Ring, by Resolver, secret string) string {
	hash := Hash(secret)
	switch c, err := r.Find(secret, &hash, by); {
	case err != nil:
		return string(err.Reason)
	case c == nil:
		return "nobody"
	default:
		return c.ID
	}
}

const (
	first  = "0000000001"
	second = "0000000002"
)

func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, nil)
		r := open(t, s)
		if got := show(r, by, secret); got != "name of "+first {
			t.Errorf("the holder is %s", got)
		}
		began := time.Now()
		for _, wrong := range []string{"", "x", secret[:len(secret)-1], secret + "x", Mint("")} {
			if got := show(r, by, wrong); got != "nobody" {
				t.Errorf("%q is of %s", wrong, got)
			}
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("what cannot be a secret of ours took %v", d)
		}
		// A wrong secret of a key that is there and one of no key at all are the same.
		for _, wrong := range []string{Mint(first), Mint("nonesuch00")} {
			if got := show(r, by, wrong); got != "nobody" {
				t.Errorf("a wrong secret is of %s", got)
			}
		}
		// A new key works at once.
		if got := show(r, by, s.add(second, nil)); got != "name of "+second {
			t.Errorf("the holder of a new key is %s", got)
		}
		if show(r, by, secret); by.made != 2 {
			t.Errorf("%d callers were made, want one for each key", by.made)
		}
		other := &names{}
		if show(r, other, secret); other.made != 1 {
			t.Error("the caller of another configuration is used")
		}
	})
}

// TestUnknownSecretsAskTheStoreSeldom wants a flood of unknown secrets to cost the store little.
func TestUnknownSecretsAskTheStoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		r := open(t, s)
		var flood sync.WaitGroup
		for range 500 {
			flood.Go(func() {
				for range 10 {
					show(r, &names{}, Mint("nonesuch00"))
				}
			})
		}
		began := time.Now()
		flood.Wait()
		most := int(time.Since(began)/gap) + 3
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.asked > most {
			t.Errorf("the store was asked %d times in %v, want %d at most", s.asked, time.Since(began), most)
		}
	})
}

func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, nil)
		r := open(t, s)
		hash := Hash(secret)
		caller, _ := r.Find(secret, &hash, by)
		k := s.keys[first]
		k.Revoked, k.Secrets = time.Now(), nil
		s.set(k)
		began := time.Now()
		<-caller.Over
		if d := time.Since(began); d > time.Second {
			t.Errorf("streams end after %v", d)
		}
		if got := show(r, by, secret); got != "nobody" {
			t.Errorf("a revoked key is of %s", got)
		}
	})
}

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, func(k *Key) { k.Expires = time.Now().Add(time.Hour) })
		r := open(t, s)
		hash := Hash(secret)
		caller, _ := r.Find(secret, &hash, by)
		time.Sleep(time.Hour - time.Millisecond)
		if show(r, by, secret) == "nobody" || caller.Expired() {
			t.Error("the key ended before its time")
		}
		time.Sleep(time.Millisecond)
		if got := show(r, by, secret); got != "nobody" {
			t.Errorf("an expired key is of %s", got)
		}
		time.Sleep(time.Second)
		if !caller.Expired() {
			t.Error("streams go on")
		}
	})
}

// TestRotated has an old secret hold until its end, and the streams of each end with it alone.
func TestRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		old := s.add(first, nil)
		r := open(t, s)
		hash := Hash(old)
		before, _ := r.Find(old, &hash, by)
		k := s.keys[first]
		k.Secrets[0].Ends = time.Now().Add(time.Minute)
		fresh := Mint(first)
		k.Secrets = append(k.Secrets, Secret{Hash: Hash(fresh)})
		s.set(k)
		time.Sleep(time.Second)
		hash = Hash(fresh)
		after, _ := r.Find(fresh, &hash, by)
		if show(r, by, old) != "name of "+first || after == nil || before.Expired() {
			t.Fatal("not both secrets hold")
		}
		time.Sleep(time.Minute)
		if show(r, by, old) != "nobody" || !before.Expired() {
			t.Error("the old secret holds beyond its end")
		}
		if show(r, by, fresh) != "name of "+first || after.Expired() {
			t.Error("the new secret does not hold")
		}
	})
}

func TestStoreAway(t *testing.T) {
	gone := errors.New("gone")
	for _, grace := range []time.Duration{0, time.Minute} {
		t.Run(grace.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, by := newShelf(), &names{}
				secret := s.add(first, nil)
				expiring := s.add(second, func(k *Key) { k.Expires = time.Now().Add(30 * time.Second) })
				r := open(t, s)
				r.SetGrace(grace)
				hash := Hash(secret)
				caller, _ := r.Find(secret, &hash, by)
				s.takeAway(gone)
				time.Sleep(900 * time.Millisecond)
				if got := show(r, by, secret); got != caller.ID {
					t.Errorf("within a second: %s", got)
				}
				time.Sleep(grace + 500*time.Millisecond)
				if got := show(r, by, secret); got != "unavailable" {
					t.Errorf("beyond the grace of %v: %s", grace, got)
				}
				if got := show(r, by, Mint("nonesuch00")); got != "unavailable" {
					t.Errorf("an unknown secret: %s", got)
				}
				if got := show(r, by, "nonsense"); got != "nobody" {
					t.Errorf("what cannot be a secret: %s", got)
				}
				if caller.Expired() {
					t.Error("streams end at once")
				}
				time.Sleep(abandon + time.Second)
				if !caller.Expired() {
					t.Error("streams go on for ever although nobody knows whether their key holds")
				}
				s.takeAway(nil)
				time.Sleep(2 * interval)
				if got := show(r, by, secret); got != caller.ID {
					t.Errorf("when the store is back: %s", got)
				}
				time.Sleep(time.Minute)
				if got := show(r, by, expiring); got != "nobody" {
					t.Errorf("an expired key when the store is back: %s", got)
				}
			})
		})
	}
}

// TestGraceKnowsExpiry wants the grace to let in nobody whose key has expired, nor who was not known.
func TestGraceKnowsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, func(k *Key) { k.Expires = time.Now().Add(10 * time.Second) })
		r := open(t, s)
		r.SetGrace(time.Minute)
		s.takeAway(errors.New("gone"))
		unknown := s.add(second, nil)
		time.Sleep(5 * time.Second)
		if show(r, by, secret) != "name of "+first || show(r, by, unknown) != "unavailable" {
			t.Error("the grace is not for those that are known")
		}
		time.Sleep(5 * time.Second)
		if got := show(r, by, secret); got == "name of "+first {
			t.Errorf("an expired key within the grace: %s", got)
		}
	})
}

// TestSlowStore wants a store that needs a while to refuse nobody.
func TestSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, nil)
		r := open(t, s)
		s.mu.Lock()
		s.slow = 450 * time.Millisecond
		s.mu.Unlock()
		for range 50 {
			time.Sleep(37 * time.Millisecond)
			if got := show(r, by, secret); got != "name of "+first {
				t.Fatalf("refused: %s", got)
			}
		}
	})
}

// TestOlderStore puts an older database in the place of the store, as a backup does.
func TestOlderStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		kept := s.add(first, nil)
		lost := s.add(second, nil)
		r := open(t, s)
		s.mu.Lock()
		delete(s.keys, second)
		s.revision = 1
		s.mu.Unlock()
		time.Sleep(time.Second)
		if show(r, by, kept) != "name of "+first || show(r, by, lost) != "nobody" {
			t.Error("the keys are not those of the store")
		}
	})
}

func TestUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, by := newShelf(), &names{}
		secret := s.add(first, nil)
		r := open(t, s)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 250 {
					show(r, by, secret)
				}
			})
		}
		all.Wait()
		s.takeAway(errors.New("gone"))
		time.Sleep(behind + time.Second)
		s.takeAway(nil)
		time.Sleep(time.Second)
		k := s.keys[first] // the count is of the key, whatever is changed of it
		k.Scopes = []string{"other"}
		s.set(k)
		time.Sleep(time.Second)
		for range 5 {
			show(r, by, secret)
		}
		last := time.Now()
		r.Close()
		if got := s.uses[first]; got.Times != 1005 || got.Last.Sub(last).Abs() > time.Second {
			t.Errorf("uses = %+v, want 1005 at %v", got, last)
		}
	})
}

// TestManyAtOnce changes keys while they are used, for the race detector.
func TestManyAtOnce(t *testing.T) {
	s := newShelf()
	var secrets []string
	for i := range 50 {
		secrets = append(secrets, s.add(fmt.Sprintf("%010d", i), nil))
	}
	r := open(t, s)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			by := &names{}
			for range 100 {
				for _, secret := range secrets {
					hash := Hash(secret)
					if h := r.held(&hash); h != nil {
						h.caller(by)
					}
				}
			}
		})
	}
	all.Go(func() {
		for i := range 50 {
			k := s.keys[fmt.Sprintf("%010d", i)]
			k.Secrets = slices.Clone(k.Secrets)
			k.Secrets[0].Ends = time.Now()
			s.set(k)
			r.ask1()
		}
	})
	all.Wait()
	for _, secret := range secrets {
		if got := show(r, &names{}, secret); got != "nobody" {
			t.Fatalf("a secret that has ended is of %s", got)
		}
	}
}

func TestSecret(t *testing.T) {
	id := NewID()
	secret := Mint(id)
	if len(id) != 10 || !IsIssued(secret) || !IsSecret(secret) || secret[6:16] != id || Hash(secret) != sha256.Sum256([]byte(secret)) {
		t.Errorf("id %s, secret %s", id, secret)
	}
	for i := range secret {
		wrong := []byte(secret)
		wrong[i] ^= 1
		if IsSecret(string(wrong)) {
			t.Errorf("%s passes for a secret", wrong)
		}
	}
	if lone := Mint(""); !IsSecret(lone) || IsIssued(lone) {
		t.Errorf("secret without an id: %s", lone)
	}
}

func TestCheckName(t *testing.T) {
	for name, good := range map[string]bool{
		"ci": true, "Team-1.bot_x": true, "9": true,
		"": false, "local": false, "apiKey": false, "anonymous": false, "a b": false, "-x": false, ".": false, "a\nb": false, "ключ": false,
		"a/b": false, "a|b": false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzSecret(f *testing.F) {
	f.Add(Mint("0123456789"))
	f.Add(Mint(""))
	f.Add("sumun_")
	f.Fuzz(func(t *testing.T, s string) {
		if IsIssued(s) && !IsSecret(s) {
			t.Error("issued, but no secret")
		}
		if IsSecret(s) && (len(s) < 55 || s[:6] != "sumun_") {
			t.Error("the form is wrong")
		}
		Hash(s)
	})
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, by := newShelf(), &names{}
			var secrets []string
			for i := range n {
				secrets = append(secrets, s.add(fmt.Sprintf("%010d", i), nil))
			}
			r := open(b, s)
			secret := secrets[n/2]
			b.ReportAllocs()
			for b.Loop() {
				hash := Hash(secret)
				if c, err := r.Find(secret, &hash, by); c == nil || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
