package session_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

func newStore(tb testing.TB, s *session.Sealer, instance string) *session.Store {
	tb.Helper()
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1 << 17, MaxPerCaller: 1 << 17, Sealer: s, Instance: instance})
	tb.Cleanup(store.Close)
	return store
}

// TestToken shows tokens to the instance that issued them and to another one.
func TestToken(t *testing.T) {
	sealer := newSealer(t, session.NewKey())
	one, two := newStore(t, sealer, "one"), newStore(t, sealer, "two")
	open, ended := create(t, one), create(t, one)
	one.End(ended)
	for name, c := range map[string]struct {
		store  *session.Store
		token  string
		caller *mcp.Caller
		want   error
	}{
		"its client's":                {one, open.Token, alice, nil},
		"another caller's":            {one, open.Token, bob, session.ErrForeign},
		"ended":                       {one, ended.Token, alice, session.ErrEnded},
		"ended, another caller's":     {one, ended.Token, bob, session.ErrForeign},
		"elsewhere":                   {two, open.Token, alice, session.ErrElsewhere},
		"elsewhere, another caller's": {two, open.Token, bob, session.ErrForeign},
		"of another key":              {newStore(t, nil, "one"), open.Token, alice, session.ErrUnknown},
		"changed":                     {one, open.Token[:30] + "-" + open.Token[31:len(open.Token)-1], alice, session.ErrUnknown},
		"of another use":              {one, sealer.Seal(make([]byte, 100), []byte("parked call")), alice, session.ErrUnknown},
		"empty":                       {one, sealer.Seal(nil, []byte("session")), alice, session.ErrUnknown},
		"cut off": {
			one, sealer.Seal(append(make([]byte, 48), 200), []byte("session")), alice, session.ErrUnknown,
		},
		"its id": {one, open.ID, alice, session.ErrUnknown},
	} {
		got, err := c.store.Get(c.token, c.caller)
		if !errors.Is(err, c.want) || (err == nil) != (got != nil) {
			t.Errorf("%s: error = %v, want %v", name, err, c.want)
		}
		if got != nil {
			got.Release()
		}
		if err != nil && !errors.Is(err, session.ErrForeign) && !errors.Is(err, session.ErrUnknown) {
			t.Errorf("%s: %v is no unknown session", name, err)
		}
	}
	if strings.Contains(open.Token, open.ID) || bytes.ContainsFunc([]byte(open.Token), func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("token %q of %s", open.Token, open.ID)
	}
	if n := len(open.Token); n > 256 {
		t.Errorf("a token has %d bytes", n)
	}
}

// TestTokenExpires shows a token of long ago.
func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealer := newSealer(t, session.NewKey())
		one, two := newStore(t, sealer, "one"), newStore(t, sealer, "two")
		s := create(t, one)
		time.Sleep(session.TokenLife - time.Minute)
		if _, err := two.Get(s.Token, alice); !errors.Is(err, session.ErrElsewhere) {
			t.Errorf("a minute before its end: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := two.Get(s.Token, alice); !errors.Is(err, session.ErrEnded) {
			t.Errorf("a minute after: %v", err)
		}
	})
}

// TestIdleSessions bounds what 10,000 sessions take that nobody uses.
func TestIdleSessions(t *testing.T) {
	const n = 10_000
	store := newStore(t, newSealer(t, session.NewKey()), "one")
	before := heap()
	for range n {
		if _, err := store.Create(session.Hello{
			Caller: alice, Capabilities: []byte(`{"elicitation":{},"roots":{"listChanged":true}}`), ClientInfo: []byte(`{"name":"client","version":"1"}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 20*mega {
		t.Errorf("%d KiB", grown>>10)
	} else {
		t.Logf("%d bytes a session", grown/n)
	}
}

func BenchmarkCreate(b *testing.B) {
	store := newStore(b, newSealer(b, session.NewKey()), "instance")
	hello := session.Hello{Caller: alice, Revision: mcp.Latest(), Capabilities: []byte(`{"elicitation":{}}`)}
	b.ReportAllocs()
	for b.Loop() {
		s, err := store.Create(hello)
		if err != nil {
			b.Fatal(err)
		}
		store.End(s)
	}
}

func BenchmarkGet(b *testing.B) {
	store := newStore(b, newSealer(b, session.NewKey()), "instance")
	s, err := store.Create(session.Hello{Caller: alice})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Get(s.Token, alice); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}
