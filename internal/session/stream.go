package session

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"sync"
)

// How much of a stream is kept for resumption.
const (
	maxEvents     = 1024
	maxEventBytes = 8 << 20
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
// after the other. What is appended while no connection reads is kept, within
// bounds. Its methods may be called concurrently.
type Stream struct {
	id string

	mu sync.Mutex
	// first is the number of events[0]; events are numbered from 1.
	first  int
	events [][]byte
	size   int
	sink   Sink
	// left is closed when the sink reads no longer.
	left   chan struct{}
	closed bool
	// general marks the stream for what belongs to no call.
	general bool
}

// Append adds an event and writes it to the connection that reads, if there is one.
func (s *Stream) Append(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if len(s.events) == 0 && s.first == 0 {
		s.first = 1
	}
	s.events = append(s.events, bytes.Clone(data))
	s.size += len(data)
	for len(s.events) > 1 && (len(s.events) > maxEvents || s.size > maxEventBytes) {
		s.size -= len(s.events[0])
		s.events[0] = nil
		s.events = s.events[1:]
		s.first++
	}
	if s.sink != nil && s.sink.Event(s.eventID(s.first+len(s.events)-1), data) != nil {
		s.detach()
	}
}

// Attach lets sink read the stream from the event after that of number seq on.
// A sink that reads already is detached. The returned channel is closed when
// sink reads no longer: the stream is closed, writing failed, or another sink
// has taken over.
func (s *Stream) Attach(sink Sink, seq int) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.kept(seq); err != nil {
		return nil, err
	}
	last := s.first + len(s.events) - 1
	s.detach()
	s.sink, s.left = sink, make(chan struct{})
	left := s.left
	for i := seq + 1; s.first > 0 && i <= last; i++ {
		if err := sink.Event(s.eventID(i), s.events[i-s.first]); err != nil {
			s.detach()
			return left, nil // the connection is gone, and the channel says so
		}
	}
	if s.closed {
		s.detach()
	}
	return left, nil
}

// Kept reports whether the stream still holds every event after that of number seq.
func (s *Stream) Kept(seq int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept(seq)
}

func (s *Stream) kept(seq int) error {
	if seq < s.first-1 || (s.first > 0 && seq >= s.first+len(s.events)) {
		return ErrForgotten
	}
	return nil
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
	}
}

// Close ends the stream: what is in it can still be read, nothing is added.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.detach()
}

func (s *Stream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Stream) eventID(seq int) string { return s.id + "-" + strconv.Itoa(seq) }

// parseEventID takes an event id apart into the stream's id and the event's number.
func parseEventID(id string) (string, int, bool) {
	stream, number, ok := strings.Cut(id, "-")
	if !ok {
		return "", 0, false
	}
	seq, err := strconv.Atoi(number)
	return stream, seq, err == nil && seq >= 0
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
