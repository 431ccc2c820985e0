package session_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/session"
)

// open opens a stream of a session of its own.
func open(t *testing.T) *session.Stream {
	t.Helper()
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
	t.Cleanup(store.Close)
	return create(t, store).Open()
}

func create(t *testing.T, store *session.Store) *session.Session {
	t.Helper()
	s, err := store.Create(session.Hello{Caller: alice})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A sink reads events into memory until it breaks.
type sink struct {
	events []string
	broken bool
}

func (s *sink) Event(id string, data []byte) error {
	if s.broken {
		return errors.New("broken")
	}
	s.events = append(s.events, id+" "+string(data))
	return nil
}

func TestStream(t *testing.T) {
	stream := open(t)
	first, second := &sink{}, &sink{}
	left, err := stream.Attach(first, 0)
	if err != nil {
		t.Fatal(err)
	}
	stream.Append([]byte("a"))
	first.broken = true
	stream.Append([]byte("b")) // lost on the way, and kept
	<-left
	stream.Append([]byte("c"))
	left, err = stream.Attach(second, 1)
	if err != nil {
		t.Fatal(err)
	}
	stream.Append([]byte("d"))
	stream.Close()
	<-left
	stream.Append([]byte("e"))
	if d := cmp.Diff([]string{"1-2 b", "1-3 c", "1-4 d"}, second.events); d != "" {
		t.Errorf("events after the first, -want +got:\n%s", d)
	}
	if err := stream.Kept(5); !errors.Is(err, session.ErrForgotten) {
		t.Errorf("an event that never was: error = %v", err)
	}
}

// TestStreamIsBounded fills a stream that nobody reads.
func TestStreamIsBounded(t *testing.T) {
	stream := open(t)
	for i := range 5000 {
		stream.Append(fmt.Append(nil, i))
	}
	if err := stream.Kept(1); !errors.Is(err, session.ErrForgotten) {
		t.Errorf("the oldest events: error = %v, want %v", err, session.ErrForgotten)
	}
	last := &sink{}
	if _, err := stream.Attach(last, 4998); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"1-4999 4998", "1-5000 4999"}, last.events); d != "" {
		t.Errorf("the newest events, -want +got:\n%s", d)
	}
}

// TestTakeOver reads one stream over two connections: the newer one wins.
func TestTakeOver(t *testing.T) {
	stream := open(t)
	first, second := &sink{}, &sink{}
	left, _ := stream.Attach(first, 0)
	if _, err := stream.Attach(second, 0); err != nil {
		t.Fatal(err)
	}
	<-left
	stream.Detach(first) // no longer its business
	stream.Append([]byte("a"))
	if len(first.events) != 0 || len(second.events) != 1 {
		t.Errorf("first saw %v, second %v", first.events, second.events)
	}
}

// TestEmptyEvent keeps the event that tells a client an id apart from one without data.
func TestEmptyEvent(t *testing.T) {
	stream := open(t)
	live, later := &exact{}, &exact{}
	if _, err := stream.Attach(live, 0); err != nil {
		t.Fatal(err)
	}
	stream.Append([]byte{})
	if _, err := stream.Attach(later, 0); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]*exact{"live": live, "replayed": later} {
		if d := cmp.Diff([][]byte{{}}, got.data); d != "" {
			t.Errorf("%s, -want +got:\n%s", name, d)
		}
	}
}

// An exact sink notes the data of each event as it is given.
type exact struct{ data [][]byte }

func (e *exact) Event(_ string, data []byte) error {
	e.data = append(e.data, data)
	return nil
}

// A drain reads events and keeps nothing.
type drain struct{}

func (drain) Event(string, []byte) error { return nil }

const mega = 1 << 20

var large = make([]byte, 9*mega)

// call is a tool call that logs a line and returns size bytes, over a connection or without one.
func call(t *testing.T, s *session.Session, size int, connected bool) *session.Stream {
	t.Helper()
	stream := s.Open()
	if connected {
		if _, err := stream.Attach(drain{}, 0); err != nil {
			t.Fatal(err)
		}
	}
	stream.Append([]byte("a line"))
	stream.Append(large[:size])
	stream.Close()
	return stream
}

// heap is what is in use after a collection.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemory measures what large results leave behind: at most the session's 8 MiB and the store's budget, whether they
// were read or not, and nothing of those that were read a while ago.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		name                  string
		sessions, calls, size int
		connected             bool
		most                  int
	}{
		{"read", 3, 16, 4 * mega, true, 3 * 8 * mega},
		{"not read", 3, 16, 4 * mega, false, 3 * 8 * mega},
		{"larger than a session may keep", 3, 8, 9 * mega, false, 0},
		{"many sessions", 20, 2, 4 * mega, false, 64 * mega},
		{"many sessions that read", 20, 2, 4 * mega, true, 64 * mega},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := session.NewStore(session.Options{Idle: time.Hour, Max: 100, KeepBytes: 64 * mega})
				defer store.Close()
				before := heap()
				for range c.sessions {
					s := create(t, store)
					for range c.calls {
						call(t, s, c.size, c.connected)
					}
				}
				if grown := heap() - before; grown > c.most+mega {
					t.Errorf("%d MiB are kept, want at most %d", grown/mega, c.most/mega)
				}
				time.Sleep(3 * time.Minute)
				if grown := heap() - before; c.connected && grown > mega {
					t.Errorf("%d KiB are kept of what was read long ago", grown>>10)
				}
			})
		})
	}
}

// TestOpenStreamsAreBounded fills streams of calls that go on: they share one budget, and who resumes is told.
func TestOpenStreamsAreBounded(t *testing.T) {
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
	defer store.Close()
	before, s := heap(), create(t, store)
	first := s.Open()
	for range 64 {
		stream := s.Open()
		stream.Append(large[:mega])
	}
	first.Append(large)
	if grown := heap() - before; grown > 9*mega {
		t.Errorf("%d MiB are kept", grown/mega)
	}
	for id, want := range map[string]error{"2-0": session.ErrForgotten, "1-0": session.ErrForgotten, "1-1": nil, "1t-0": nil} {
		stream, seq, ok := s.Resume(id)
		if !ok {
			t.Fatalf("%s: the stream of a call that goes on is gone", id)
		}
		if err := stream.Kept(seq); !errors.Is(err, want) {
			t.Errorf("%s: error = %v, want %v", id, err, want)
		}
	}
}

// TestWhatIsForgottenFirst makes room in one session: large results that were read go before one that was not.
func TestWhatIsForgottenFirst(t *testing.T) {
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
	defer store.Close()
	s := create(t, store)
	call(t, s, 3*mega, false) // 1: its connection was cut
	call(t, s, 100, true)     // 2
	call(t, s, 4*mega, true)  // 3
	call(t, s, 3*mega, false) // 4
	for id, want := range map[string]bool{"1-1": true, "2-1": true, "3-1": false, "4-1": true} {
		if _, _, ok := s.Resume(id); ok != want {
			t.Errorf("%s: found %v, want %v", id, ok, want)
		}
	}
}

// TestListeningAgain opens the stream for what belongs to no call again and again, as a client with a bad connection
// does: old ones are forgotten, the newest goes on.
func TestListeningAgain(t *testing.T) {
	store := session.NewStore(session.Options{Idle: time.Hour, Max: 1})
	defer store.Close()
	s := create(t, store)
	var stream *session.Stream
	for range 100 {
		stream = s.Open()
		stream.SetGeneral()
		reader := &sink{}
		if _, err := stream.Attach(reader, 0); err != nil {
			t.Fatal(err)
		}
		stream.Append([]byte("a"))
		stream.Detach(reader)
	}
	if _, _, ok := s.Resume("1-1"); ok {
		t.Error("the first of a hundred is still kept")
	}
	again, seq, ok := s.Resume("2s-1")
	if !ok || again != stream {
		t.Fatal("the newest is gone")
	}
	reader := &sink{}
	if _, err := again.Attach(reader, seq); err != nil {
		t.Fatal(err)
	}
	again.Append([]byte("b"))
	if d := cmp.Diff([]string{"2s-2 b"}, reader.events); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
