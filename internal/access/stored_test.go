package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// shelf is a store of keys in memory.
type shelf struct {
	mu       sync.Mutex
	revision int64
	keys     map[string]keyring.Key
}

func (s *shelf) KeyChanges(_ context.Context, since int64) (keyring.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := keyring.Changes{Revision: s.revision, All: true}
	if since != s.revision {
		for _, k := range s.keys {
			c.Keys = append(c.Keys, k)
		}
	} else {
		c.All = false
	}
	return c, nil
}

func (s *shelf) UseKeys(context.Context, []keyring.Use) error { return nil }

// add makes a key and returns its secret.
func (s *shelf) add(name string, scopes, roles []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := keyring.NewID()
	secret := keyring.Mint(id)
	s.revision++
	s.keys[name] = keyring.Key{ID: id, Name: name, Scopes: scopes, Roles: roles, Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}}}
	return secret
}

func (s *shelf) drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	delete(s.keys, name)
}

func ringOf(tb testing.TB) (*keyring.Ring, *shelf) {
	tb.Helper()
	s := &shelf{revision: 1, keys: map[string]keyring.Key{}}
	r, err := keyring.Open(context.WithoutCancel(tb.Context()), keyring.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r, s
}

func TestStoredKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, s := ringOf(t)
		a := mustNew(t, Options{
			Keys: []Key{{Name: "local", Hash: HashKey("x")}}, Ring: ring,
			Scopes: map[string]config.Scope{
				"read:docs": {Names: []string{"file.*", "file:///docs/*"}}, "write:docs": {Names: []string{"file:///docs/*"}}, "invoke:pay": {Names: []string{"pay.*"}},
				"deny:secret": {Names: []string{"file.delete", "file:///docs/secret/*", "pay.refund"}},
			},
			Roles: map[string][]string{"reader": {"read:docs", "deny:secret"}, "clerk": {"invoke:pay"}},
		})
		tests := []struct {
			name          string
			scopes, roles []string
			sees, not     []string // tools, or resources
		}{
			{"scopes", []string{"read:docs"}, nil, []string{"file.read", "file.delete", "file:///docs/secret/x"}, []string{"pay.now"}},
			{"roles", nil, []string{"reader"}, []string{"file.read", "file:///docs/a"}, []string{
				"file.delete", "FILE.Delete", "file:///docs/secret/x", "file:///docs/%73ecret/x", "file:///docs/%2573ecret/x", "file:///docs/SECRET/x",
				"file:///docs//secret/x", "file:///docs/./secret/x", `file:///docs\secret/x`, "file:///docs/secret/x?y", "file:///docs/a/../secret/x",
			}},
			{"denied by one, granted by another", []string{"invoke:pay"}, []string{"reader"}, []string{"pay.now"}, []string{"pay.refund"}},
			{"two roles", nil, []string{"clerk", "reader"}, []string{"pay.now", "file.read"}, []string{"pay.refund"}},
			{"everything", []string{"*"}, nil, []string{"pay.refund", "file:///x", "file.delete"}, nil},
			{"everything but", []string{"*", "deny:secret"}, nil, []string{"other", "file:///x"}, []string{"pay.refund", "file:///docs/secret/x"}},
			{"only a denial", []string{"deny:secret"}, nil, nil, []string{"pay.refund", "pay.now", "file.read"}},
			{"what is not there any more", []string{"read:gone"}, []string{"gone"}, nil, []string{"pay.now", "file.read", ""}},
			{"nothing", nil, nil, nil, []string{"pay.now", "file.read"}},
		}
		for _, tt := range tests {
			caller, err := a.Bearer(s.add(tt.name, tt.scopes, tt.roles))
			if err != nil || caller.ID != tt.name || caller.Admin {
				t.Fatalf("%s: %+v, %v", tt.name, caller, err)
			}
			for _, name := range tt.sees {
				if kind := kindOf(name); !caller.View.Sees(kind, name) || !caller.View.Lists(kind, name) {
					t.Errorf("%s does not see %s", tt.name, name)
				}
			}
			for _, name := range tt.not {
				if kind := kindOf(name); caller.View.Sees(kind, name) || caller.View.Lists(kind, name) || caller.View.Writes(name) {
					t.Errorf("%s sees %s", tt.name, name)
				}
			}
		}
		one, _ := a.Bearer(s.add("one", []string{"read:docs"}, nil))
		other, _ := a.Bearer(s.add("other", nil, []string{"reader"}))
		if one.View.ID == other.View.ID {
			t.Error("a view that denies has the ID of one that does not")
		}
	})
}

func kindOf(name string) mcp.Kind {
	if len(name) > 4 && name[:4] == "file" && name[4] == ':' {
		return mcp.Resource
	}
	return mcp.Tool
}

// TestDenyOfNamedResources reads by name what is denied by its URI.
func TestDenyOfNamedResources(t *testing.T) {
	a := mustNew(t, Options{
		Keys:   []Key{{Name: "k", Hash: HashKey("k"), Scopes: []string{"read:n", "deny:s"}}},
		Scopes: map[string]config.Scope{"read:n": {Names: []string{"file.read"}}, "deny:s": {Names: []string{"file:///secret/*"}}},
	})
	caller, _ := a.Bearer("k")
	for uri, want := range map[string]bool{"file:///docs/a": true, "file:///secret/a": false} {
		call := &mcp.Call{Caller: caller, Method: mcp.MethodRead, Dialect: mcp.MethodReadResource, Name: uri, Asked: "file.read", Revision: mcp.Latest()}
		if err := authorize(call); (err == nil) != want {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestStoredKeysAllocateNothing(t *testing.T) {
	ring, s := ringOf(t)
	a := mustNew(t, Options{Ring: ring})
	key := s.add("ci", nil, nil)
	if _, err := a.Bearer(key); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = a.Bearer(key) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestWhile ends streams when their key is over, and lets calls end by themselves.
func TestWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, s := ringOf(t)
		a := mustNew(t, Options{Ring: ring})
		caller, _ := a.Bearer(s.add("ci", []string{"*"}, nil))
		h := While(mcp.HandlerFunc(
			func(ctx context.Context, _ *mcp.Call, _ mcp.Reply) error {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(time.Hour):
					return nil
				}
			}))
		var calls sync.WaitGroup
		for method, want := range map[string]bool{mcp.MethodListen: true, mcp.MethodToolsCall: false} {
			calls.Go(func() {
				err := h.Handle(t.Context(), &mcp.Call{Caller: caller, Method: method}, nil)
				told, ok := errors.AsType[*mcp.Error](err)
				if ended := ok && told.Reason == mcp.Unauthenticated; ended != want {
					t.Errorf("%s: %v", method, err)
				}
			})
		}
		time.Sleep(time.Minute)
		s.drop("ci")
		calls.Wait()
		if err := authorize(&mcp.Call{Caller: caller, Method: mcp.MethodToolsList}); err == nil {
			t.Error("a caller whose key is over is let through")
		}
	})
}

func BenchmarkStored(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := &shelf{revision: 1, keys: map[string]keyring.Key{}}
			var key string
			for i := range n {
				key = s.add(fmt.Sprint("key-", i), []string{"*"}, nil)
			}
			ring, err := keyring.Open(b.Context(), keyring.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer ring.Close()
			a := mustNew(b, Options{Ring: ring})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Bearer(key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzDenial writes what is denied in other ways: it stays denied.
func FuzzDenial(f *testing.F) {
	f.Add("file:///docs/secret/a b.txt", uint8(12), uint8(1))
	f.Add("https://example.com/secret/%41", uint8(30), uint8(2))
	f.Fuzz(func(t *testing.T, uri string, at, times uint8) {
		d := newDenial(patterns{uri}, nil)
		if !d.denies(mcp.Resource, uri, mcp.ToRead) {
			t.Fatalf("%q is not denied", uri)
		}
		if int(at) >= len(uri) || uri[at] == '%' {
			return
		}
		other := uri[:at] + fmt.Sprintf("%%%02X", uri[at]) + uri[at+1:]
		for range times % 3 {
			other = strings.ReplaceAll(other, "%", "%25")
		}
		if strings.ContainsAny(uri, "%?#\\") || !strings.HasPrefix(uri, "file:///") { // these mean something in URIs
			return
		}
		if !d.denies(mcp.Resource, other, mcp.ToRead) {
			t.Errorf("%q is denied, %q is not", uri, other)
		}
	})
}

// TestAgainByRing knows who holds a key of the store as long as that holds: streams ask for each thing that they are told.
func TestAgainByRing(t *testing.T) {
	t.Parallel()
	ring, err := keyring.Open(t.Context(), keyring.Options{Store: &shelf{keys: map[string]keyring.Key{}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	a, err := New(Options{Ring: ring, Scopes: map[string]config.Scope{"read:a": {Names: []string{"a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	was := a.Holder(&keyring.Key{Name: "ci", Scopes: []string{"read:a"}})
	was.Over = over
	if now := a.Again(&was); now == nil || now.ID != "ci" || !now.View.Sees(mcp.Tool, "a") {
		t.Errorf("again it is %+v", now)
	}
	close(over)
	if now := a.Again(&was); now != nil {
		t.Errorf("when it is over it is %+v", now)
	}
}
