package session

import (
	"container/list"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrForgotten says that events after the asked-for one are no longer kept.
var ErrForgotten = errors.New("events of this stream have been forgotten")

// A Sink is the connection on which a stream is read. Its methods are called by
// one goroutine at a time.
type Sink interface {
	// Event writes one event. After an error the sink is not used again.
	Event(id string, data []byte) error
}

// A Stream is a sequence of events that a client reads, over one connection
// after the other. What is appended is kept, within the bounds of its session and
// of the store; the zero value is a stream of no session and keeps nothing. Its
// methods may be called concurrently.
type Stream struct {
	// folder and number are where it is kept and its name there; nil and zero
	// where it is not.
	folder *folder
	number int

	// These are guarded by the shelf.
	first   int // number of events[0]; events are numbered from 1
	events  [][]byte
	size    int
	rank    rank
	since   time.Time // when it got the rank
	filed   bool      // it stands in its folder
	list    *list.List
	element *list.Element // its place in list

	mu sync.Mutex
	// last is the number of the newest event, and told that of the newest one that
	// was written to a connection.
	last, told int
	sink       Sink
	// left is closed when the sink reads no longer.
	left   chan struct{}
	closed bool
	// general marks the stream for what belongs to no call.
	general bool
	// archived says that the client has left while the call went on, so that the
	// archive has the events; size is how much it has.
	archived     bool
	archivedSize int
}

// Append adds an event and writes it to the connection that reads, if there is
// one. Data that is empty, and not nil, is an event too: it tells the client an id.
func (s *Stream) Append(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.last++
	var event []byte
	if s.folder != nil {
		event = s.folder.keep(s, data)
	}
	if s.archived {
		s.archive(event)
	}
	if s.sink != nil {
		s.tell(s.last, data)
	}
}

// archive adds the newest event to the archive. One that is too large is missing
// there, and so is all that follows.
func (s *Stream) archive(event []byte) {
	s.archivedSize += len(event) + eventBytes
	if event == nil || s.archivedSize > sessionBytes {
		s.archivedSize = sessionBytes
		return
	}
	s.folder.spool.add(&Event{StreamID{s.folder.session, s.number}, s.last, event})
}

// Leave says that the client has left, as far as is known: what it does not read can
// be had from the archive, if the call goes on.
func (s *Stream) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
}

// leave gives the archive what is kept of a stream whose client has left while the
// call goes on.
func (s *Stream) leave() {
	if s.archived || s.closed || s.general || s.folder == nil || s.folder.spool == nil {
		return
	}
	events, size := s.folder.kept(s)
	s.archived, s.archivedSize = true, size
	s.folder.spool.begin(events)
}

// tell writes an event to the connection that reads.
func (s *Stream) tell(number int, data []byte) {
	if s.sink.Event(s.eventID(number), data) != nil {
		s.detach()
		return
	}
	s.told = number
}

// Attach lets sink read the stream from the event after that of number seq on.
// A sink that reads already is detached. The returned channel is closed when
// sink reads no longer: the stream is closed, writing failed, another sink has
// taken over, or what comes next was forgotten while sink was reading.
func (s *Stream) Attach(sink Sink, seq int) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kept(seq); err != nil {
		return nil, err
	}
	s.detach()
	s.sink, s.left, s.told = sink, make(chan struct{}), seq
	left := s.left
	for number := seq + 1; s.sink != nil && number <= s.last; number++ {
		data, ok := s.folder.event(s, number)
		if !ok {
			s.detach()
			return left, nil
		}
		s.tell(number, data)
	}
	if s.closed {
		s.detach()
	}
	s.settle()
	return left, nil
}

// settle says how much the stream would be missed.
func (s *Stream) settle() {
	if s.folder == nil {
		return
	}
	r := busy
	switch {
	case s.closed && s.told == s.last:
		r = read
	case s.closed || (s.general && s.sink == nil):
		r = idle
	}
	s.folder.setRank(s, r)
}

// Kept reports whether the stream still holds every event after that of number seq.
func (s *Stream) Kept(seq int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept(seq)
}

func (s *Stream) kept(seq int) error {
	if seq == s.last || (s.folder != nil && s.folder.follows(s, seq)) {
		return nil
	}
	return ErrForgotten
}

// Detach ends the reading by sink, if it reads.
func (s *Stream) Detach(sink Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink == sink {
		s.detach()
	}
}

func (s *Stream) detach() {
	if s.sink != nil {
		s.sink = nil
		close(s.left)
		s.settle()
		s.leave()
	}
}

// Close ends the stream: what is in it can still be read, nothing is added.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archived && !s.closed {
		s.folder.spool.finish(StreamID{s.folder.session, s.number})
	}
	s.closed = true
	s.detach()
	s.settle()
}

// Forget ends a stream that is not whole: nobody can resume it.
func (s *Stream) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.detach()
	if s.folder != nil {
		s.folder.forget(s)
	}
}

// eventID is the id of an event; empty where nothing can be resumed.
func (s *Stream) eventID(number int) string {
	if s.folder == nil {
		return ""
	}
	return eventID(s.number, number)
}

func eventID(stream, event int) string {
	return strconv.FormatInt(int64(stream), 36) + "-" + strconv.Itoa(event)
}

// parseEventID takes an event id apart into the numbers of the stream and of the event.
func parseEventID(id string) (stream, event int, ok bool) {
	before, after, _ := strings.Cut(id, "-")
	number, err := strconv.ParseInt(before, 36, 0)
	if err != nil {
		return 0, 0, false
	}
	event, err = strconv.Atoi(after)
	return int(number), event, err == nil && event >= 0
}

// SetGeneral marks the stream as the one for what belongs to no call.
func (s *Stream) SetGeneral() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.general = true
}

// General reports whether the stream is for what belongs to no call.
func (s *Stream) General() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.general
}
