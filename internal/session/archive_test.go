package session_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/session"
)

// A memory is an archive that forgets nothing by itself.
type memory struct {
	mu      sync.Mutex
	events  map[session.StreamID][]session.Event
	states  map[session.StreamID]session.StreamState
	owners  map[session.StreamID]string
	batches int
	away    bool
}

func newMemory() *memory {
	return &memory{
		events: map[session.StreamID][]session.Event{}, states: map[session.StreamID]session.StreamState{}, owners: map[session.StreamID]string{},
	}
}

func (m *memory) WriteEvents(_ context.Context, b *session.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errors.New("the archive is away")
	}
	m.batches++
	for _, e := range b.Events {
		m.events[e.StreamID] = append(m.events[e.StreamID], e)
		m.owners[e.StreamID] = b.Owner
		m.states[e.StreamID] = session.StreamState{}
	}
	for id, state := range m.states {
		if m.owners[id] == b.Owner && !state.Ended {
			m.states[id] = session.StreamState{Touched: b.At}
		}
	}
	for _, id := range b.Ended {
		m.states[id] = session.StreamState{Touched: b.At, Ended: true}
	}
	for _, s := range b.Dropped {
		for id := range m.states {
			if id.Session == s {
				delete(m.states, id)
				delete(m.events, id)
			}
		}
	}
	return nil
}

func (m *memory) ReadEvents(_ context.Context, id session.StreamID, after int) ([]session.Event, session.StreamState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, session.StreamState{}, errors.New("the archive is away")
	}
	var events []session.Event
	for _, e := range m.events[id] {
		if e.Seq > after {
			events = append(events, e)
		}
	}
	return events, m.states[id], nil
}

func (m *memory) TrimEvents(context.Context, time.Time, int64) error { return nil }

func (m *memory) leave(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

func (m *memory) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.batches
}

// An archived is two instances with one archive.
type archived struct {
	memory   *memory
	one, two *session.Store
}

func openArchived(t *testing.T) *archived {
	t.Helper()
	m, sealer := newMemory(), newSealer(t, session.NewKey())
	start := func(instance string) *session.Store {
		s := session.NewStore(session.Options{
			Idle: time.Hour, Max: 10, Sealer: sealer, Instance: instance, Archive: m, Log: slog.New(slog.DiscardHandler),
		})
		t.Cleanup(s.Close)
		return s
	}
	return &archived{m, start("one"), start("two")}
}

// left is the stream of a call whose client left after the first event.
func left(t *testing.T, s *session.Session) *session.Stream {
	t.Helper()
	stream := s.Open()
	client := &sink{}
	if _, err := stream.Attach(client, 0); err != nil {
		t.Fatal(err)
	}
	stream.Append([]byte("working"))
	stream.Detach(client)
	return stream
}

// rest reads what is there for a client, and how it ends.
func rest(t *testing.T, r *session.Replay) ([]string, error) {
	t.Helper()
	var got []string
	for {
		events, err := r.Next(t.Context(), time.Hour)
		if err != nil {
			return got, err
		}
		for _, e := range events {
			got = append(got, e.ID()+" "+string(e.Data))
		}
	}
}

// TestReplay reads the stream of a call that goes on at another instance.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		stream := left(t, s)
		time.Sleep(time.Second)
		r, err := a.two.Replay(t.Context(), s.Token, alice, "1-0")
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			time.Sleep(10 * time.Minute) // a long call is not taken for a dead one
			stream.Append([]byte("result"))
			stream.Close()
		})
		got, err := rest(t, r)
		wait.Wait()
		if d := cmp.Diff([]string{"1-1 working", "1-2 result"}, got); d != "" || !errors.Is(err, io.EOF) {
			t.Errorf("%v, -want +got:\n%s", err, d)
		}
		if _, err := a.two.Replay(t.Context(), s.Token, alice, "1-2"); !errors.Is(err, session.ErrForgotten) {
			t.Errorf("after the end: %v", err)
		}
		if got, err := mustReplay(t, a.one, s, "1-1").Next(t.Context(), 0); err != nil || len(got) != 1 {
			t.Errorf("at the instance itself: %v, %v", got, err)
		}
	})
}

func mustReplay(t *testing.T, store *session.Store, s *session.Session, last string) *session.Replay {
	t.Helper()
	r, err := store.Replay(t.Context(), s.Token, alice, last)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReplayDrained reads a stream that goes on at another instance while this one closes: that is not waited for.
func TestReplayDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		left(t, s)
		time.Sleep(time.Second)
		r, err := a.two.Replay(t.Context(), s.Token, alice, "1-0")
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			time.Sleep(5 * time.Second)
			a.two.Drain()
		})
		began := time.Now()
		if got, err := rest(t, r); len(got) != 1 || !errors.Is(err, io.EOF) || time.Since(began) > 6*time.Second {
			t.Errorf("after %v: %v, %v", time.Since(began), got, err)
		}
		wait.Wait()
		if _, err := a.two.Get(create(t, a.two).Token, alice); err != nil {
			t.Errorf("a session of an instance that closes: %v", err)
		}
	})
}

// TestReplayIsRefused asks for what is not the client's, or not there.
func TestReplayIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		left(t, s)
		time.Sleep(time.Second)
		if _, err := a.two.Replay(t.Context(), s.Token, bob, "1-0"); !errors.Is(err, session.ErrForeign) {
			t.Errorf("another caller's: %v", err)
		}
		if _, err := a.two.Replay(t.Context(), "x", alice, "1-0"); !errors.Is(err, session.ErrUnknown) {
			t.Errorf("an unknown session's: %v", err)
		}
		for _, last := range []string{"2-0", "", "1", "1-9", "-"} {
			if _, err := a.two.Replay(t.Context(), s.Token, alice, last); last != "1-9" && !errors.Is(err, session.ErrForgotten) {
				t.Errorf("%q: %v", last, err)
			}
		}
		a.memory.leave(true)
		if _, err := a.two.Replay(t.Context(), s.Token, alice, "1-0"); err == nil || errors.Is(err, session.ErrForgotten) {
			t.Errorf("while the archive is away: %v", err)
		}
		a.memory.leave(false)
		// The client ends its session: nobody will ask any more.
		a.one.End(s)
		time.Sleep(time.Second)
		if _, err := a.two.Replay(t.Context(), s.Token, alice, "1-0"); !errors.Is(err, session.ErrForgotten) {
			t.Errorf("of a session that was ended: %v", err)
		}
		plain := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
		defer plain.Close()
		if _, err := plain.Replay(t.Context(), create(t, plain).Token, alice, "1-0"); !errors.Is(err, session.ErrForgotten) {
			t.Errorf("without an archive: %v", err)
		}
	})
}

// TestDeadInstance reads a stream whose instance has died without a word.
func TestDeadInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		left(t, s)
		time.Sleep(time.Second)
		a.memory.mu.Lock()
		for id := range a.memory.owners {
			a.memory.owners[id] = "somebody who is silent"
		}
		a.memory.mu.Unlock()
		start := time.Now()
		if got, err := rest(t, mustReplay(t, a.two, s, "1-1")); len(got) != 0 || !errors.Is(err, io.EOF) || time.Since(start) > 2*time.Minute {
			t.Errorf("%v, %v after %v", got, err, time.Since(start))
		}
	})
}

// TestNothingIsArchived makes calls as most are: nothing is written for them.
func TestNothingIsArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		for range 5 {
			s := create(t, a.one)
			call(t, s, 100, true)
			general := s.Open()
			general.SetGeneral()
			reader := &sink{}
			if _, err := general.Attach(reader, 0); err != nil {
				t.Fatal(err)
			}
			general.Append([]byte("notice"))
			general.Detach(reader)
			general.Append([]byte("notice"))
			a.one.End(s)
		}
		time.Sleep(time.Hour)
		if n := a.memory.written(); n != 0 {
			t.Errorf("%d batches", n)
		}
	})
}

// TestArchiveIsAway keeps what cannot be written now, within bounds, and the end of it.
func TestArchiveIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		a.memory.leave(true)
		stream := left(t, s)
		time.Sleep(10 * time.Second)
		stream.Append([]byte("result"))
		stream.Close()
		big := left(t, s)
		for range 20 { // more than a session may keep
			big.Append(large[:mega])
		}
		big.Close()
		time.Sleep(10 * time.Second)
		a.memory.leave(false)
		a.one.Close()
		got, err := rest(t, mustReplay(t, a.two, s, "1-0"))
		if d := cmp.Diff([]string{"1-1 working", "1-2 result"}, got); d != "" || !errors.Is(err, io.EOF) {
			t.Errorf("%v, -want +got:\n%s", err, d)
		}
		if got, err := rest(t, mustReplay(t, a.two, s, "2-0")); len(got) != 8 || !errors.Is(err, io.EOF) {
			t.Errorf("%d events of a large stream, %v", len(got), err)
		}
	})
}

// TestResultThatCouldNotBeWritten archives a call's last event when its connection broke with it.
func TestResultThatCouldNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openArchived(t)
		s := create(t, a.one)
		stream, client := s.Open(), &sink{}
		if _, err := stream.Attach(client, 0); err != nil {
			t.Fatal(err)
		}
		stream.Append([]byte("working"))
		client.broken = true
		stream.Append([]byte("result"))
		stream.Close()
		time.Sleep(time.Second)
		if got, err := rest(t, mustReplay(t, a.two, s, "1-1")); len(got) != 1 || !errors.Is(err, io.EOF) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
