package session_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

var (
	alice = &mcp.Caller{ID: "alice"}
	bob   = &mcp.Caller{ID: "bob"}
)

func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []string
		store := session.NewStore(session.Options{Idle: time.Hour, Max: 2, Ended: func(id string) { ended = append(ended, id) }})
		a, err := store.Create(session.Hello{Caller: alice})
		if err != nil {
			t.Fatal(err)
		}
		b, err := store.Create(session.Hello{Caller: alice})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(session.Hello{Caller: alice}); !errors.Is(err, session.ErrFull) {
			t.Errorf("a third session: error = %v, want %v", err, session.ErrFull)
		}
		if _, err := store.Get(a.Token, bob); !errors.Is(err, session.ErrForeign) {
			t.Errorf("another caller's: error = %v, want %v", err, session.ErrForeign)
		}
		if _, err := store.Get("nope", bob); !errors.Is(err, session.ErrUnknown) {
			t.Errorf("unknown: error = %v, want %v", err, session.ErrUnknown)
		}
		if _, err := store.Get(b.Token, alice); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour) // b is in use, a is not
		if _, err := store.Get(a.Token, alice); !errors.Is(err, session.ErrUnknown) {
			t.Errorf("idle session: error = %v, want %v", err, session.ErrUnknown)
		}
		if a.Context().Err() == nil || b.Context().Err() != nil {
			t.Error("only the idle session ends")
		}
		b.Release()
		store.Close()
		store.Close() // the gate closes it when it cuts calls off, and once more at its end
		if b.Context().Err() == nil {
			t.Error("a session outlived its store")
		}
		if want := []string{a.ID, b.ID}; !slices.Equal(ended, want) {
			t.Errorf("ended %v, want %v", ended, want)
		}
	})
}

// TestShare gives no caller more than a share of the sessions.
func TestShare(t *testing.T) {
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 4, MaxPerCaller: 2})
	defer store.Close()
	var mine *session.Session
	for range 2 {
		var err error
		if mine, err = store.Create(session.Hello{Caller: alice}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Create(session.Hello{Caller: alice}); !errors.Is(err, session.ErrShare) {
		t.Errorf("over the share: error = %v, want %v", err, session.ErrShare)
	}
	if _, err := store.Create(session.Hello{Caller: bob}); err != nil {
		t.Errorf("another caller: %v", err)
	}
	store.End(mine)
	store.End(mine)
	for _, want := range []error{nil, session.ErrShare} {
		if _, err := store.Create(session.Hello{Caller: alice}); !errors.Is(err, want) {
			t.Errorf("after one has ended: error = %v, want %v", err, want)
		}
	}
}

func TestCalls(t *testing.T) {
	calls := session.NewCalls(t.Context())
	ctx, done, err := calls.Begin([]byte(`"1"`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := calls.Begin([]byte(`"1"`)); !errors.Is(err, session.ErrDuplicate) {
		t.Errorf("the same id again: error = %v, want %v", err, session.ErrDuplicate)
	}
	other, otherDone, err := calls.Begin([]byte(`1`)) // a number is another id
	if err != nil {
		t.Fatal(err)
	}
	defer otherDone()
	cause := errors.New("cancelled")
	if !calls.Cancel([]byte(`"1"`), cause) || !errors.Is(context.Cause(ctx), cause) || other.Err() != nil {
		t.Error("cancelling ends one call, with its cause")
	}
	done()
	if calls.Cancel([]byte(`"1"`), cause) {
		t.Error("a call that is done was cancelled")
	}
	calls.End()
	if other.Err() == nil {
		t.Error("a call outlived its client")
	}
}

func TestQuestions(t *testing.T) {
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
	defer store.Close()
	s, err := store.Create(session.Hello{Caller: alice})
	if err != nil {
		t.Fatal(err)
	}
	id, answer, forget := s.Ask()
	if s.Answer(id+1, mcp.Answer{}) {
		t.Error("an answer to no question was taken")
	}
	if !s.Answer(id, mcp.Answer{Result: []byte(`{}`)}) || string((<-answer).Result) != "{}" {
		t.Error("the answer did not arrive")
	}
	if s.Answer(id, mcp.Answer{}) {
		t.Error("a second answer was taken")
	}
	id, _, forget2 := s.Ask()
	forget()
	forget2()
	if s.Answer(id, mcp.Answer{}) {
		t.Error("an answer to a forgotten question was taken")
	}
}
