package store_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/store"
)

var _ session.Archive = (*store.Store)(nil)

func events(id session.StreamID, first int, data ...string) []session.Event {
	var all []session.Event
	for i, d := range data {
		all = append(all, session.Event{StreamID: id, Seq: first + i, Data: []byte(d)})
	}
	return all
}

func writeEvents(t *testing.T, s *store.Store, b *session.Batch) {
	t.Helper()
	if err := s.WriteEvents(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// readEvents returns the data of the events after the one of that number, and the state.
func readEvents(t *testing.T, s *store.Store, id session.StreamID, after int) ([]string, session.StreamState) {
	t.Helper()
	all, state, err := s.ReadEvents(t.Context(), id, after)
	if err != nil {
		t.Fatal(err)
	}
	var data []string
	for _, e := range all {
		if e.StreamID != id || e.Data == nil {
			t.Errorf("event %+v of %+v", e, id)
		}
		data = append(data, fmt.Sprint(e.Seq, " ", string(e.Data)))
	}
	return data, state
}

func TestEvents(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		a, b, c := session.StreamID{Session: "s", Number: 1}, session.StreamID{Session: "s", Number: 2}, session.StreamID{Session: "t", Number: 1}
		start := time.Unix(1_000_000, 0)
		writeEvents(t, s, &session.Batch{Owner: "one", At: start, Events: append(events(a, 1, "", "x"), events(c, 7, "z")...)})
		writeEvents(t, s, &session.Batch{Owner: "two", At: start, Events: events(b, 1, "y")})
		// Events that are there already stay; the owner's streams that go on are touched.
		later := start.Add(time.Minute)
		writeEvents(t, s, &session.Batch{Owner: "one", At: later, Events: events(a, 2, "other", "\x00"), Ended: []session.StreamID{c, {Session: "none"}}})
		for name, w := range map[string]struct {
			id    session.StreamID
			after int
			data  []string
			state session.StreamState
		}{
			"all":             {a, 0, []string{"1 ", "2 x", "3 \x00"}, session.StreamState{Touched: later}},
			"after the first": {a, 1, []string{"2 x", "3 \x00"}, session.StreamState{Touched: later}},
			"after all":       {a, 3, nil, session.StreamState{Touched: later}},
			"of another":      {b, 0, []string{"1 y"}, session.StreamState{Touched: start}},
			"ended":           {c, 0, []string{"7 z"}, session.StreamState{Touched: later, Ended: true}},
			"unknown":         {session.StreamID{Session: "u", Number: 1}, 0, nil, session.StreamState{}},
		} {
			data, state := readEvents(t, s, w.id, w.after)
			if d := cmp.Diff(w.data, data); d != "" {
				t.Errorf("%s, -want +got:\n%s", name, d)
			}
			if d := cmp.Diff(w.state, state); d != "" {
				t.Errorf("%s, -want +got:\n%s", name, d)
			}
		}
		writeEvents(t, s, &session.Batch{Owner: "one", At: start.Add(time.Hour), Dropped: []string{"s"}})
		for id, want := range map[session.StreamID]bool{a: false, b: false, c: true} {
			if data, state := readEvents(t, s, id, 0); (len(data) > 0) != want || state.Touched.IsZero() == want {
				t.Errorf("%+v after its session was dropped: %v", id, data)
			}
		}
	})
}

// TestEventsAreTrimmed forgets old streams, and the oldest of too many, with their events.
func TestEventsAreTrimmed(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		start := time.Unix(1_000_000, 0)
		for i := range 10 {
			id := session.StreamID{Session: strconv.Itoa(i), Number: 1}
			writeEvents(t, s, &session.Batch{
				Owner: strconv.Itoa(i), At: start.Add(time.Duration(i) * time.Minute), Events: events(id, 1, strings.Repeat("x", 1000-64)),
			})
		}
		if err := s.TrimEvents(t.Context(), start.Add(3*time.Minute), 5000); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			data, _ := readEvents(t, s, session.StreamID{Session: strconv.Itoa(i), Number: 1}, 0)
			if want := i >= 5; (len(data) > 0) != want {
				t.Errorf("stream %d is there: %v, want %v", i, !want, want)
			}
		}
	})
}

// TestLargeEvents reads a stream in parts.
func TestLargeEvents(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		id := session.StreamID{Session: "s", Number: 1}
		large := strings.Repeat("x", 700<<10)
		writeEvents(t, s, &session.Batch{Owner: "one", At: time.Now(), Events: events(id, 1, large, large, large)})
		for _, w := range []struct{ after, want int }{{0, 2}, {2, 1}, {3, 0}} {
			if data, _ := readEvents(t, s, id, w.after); len(data) != w.want {
				t.Errorf("%d events after %d, want %d", len(data), w.after, w.want)
			}
		}
	})
}

// TestArchive lets a client leave in the middle of a call, and read the end from
// another instance after the first one has stopped.
func TestArchive(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		log := slog.New(slog.DiscardHandler)
		start := func(instance string) *session.Store {
			db := open(t, at)
			sealer, err := session.OpenSealer(t.Context(), db, log)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sealer.Close)
			sessions := session.NewStore(session.Options{
				Idle: time.Hour, Max: 10, Sealer: sealer, Instance: instance, Archive: db, Log: log,
			})
			t.Cleanup(sessions.Close)
			return sessions
		}
		alice := &mcp.Caller{ID: "alice"}
		one := start("one")
		s, err := one.Create(session.Hello{Caller: alice})
		if err != nil {
			t.Fatal(err)
		}
		stream := s.Open()
		var gone client
		if _, err := stream.Attach(&gone, 0); err != nil {
			t.Fatal(err)
		}
		stream.Append([]byte("working"))
		stream.Detach(&gone)
		stream.Append([]byte("result"))
		stream.Close()
		one.Close()
		two := start("two")
		r, err := two.Replay(t.Context(), s.Token, alice, "1-1")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			some, err := r.Next(t.Context(), time.Minute)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range some {
				got = append(got, e.ID()+" "+string(e.Data))
			}
		}
		if d := cmp.Diff([]string{"1-2 result"}, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

type client struct{}

func (*client) Event(string, []byte) error { return nil }
