package session

import (
	"context"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Session is one client of the legacy era. Its methods may be called concurrently.
type Session struct {
	mcp.Session
	Hello

	// Token is what the client shows to use the session: visible ASCII, and secret.
	Token string

	// Calls ends with the session.
	*Calls

	mu sync.Mutex
	// level is the least severe log message that the client asked for.
	level string
	// busy counts the requests and streams that use the session now.
	busy  int
	used  time.Time
	ended bool
	// questions holds where an answer goes, by the id of the question.
	questions map[int64]chan<- mcp.Answer
	asked     int64
	// streams are those that can be resumed.
	streams folder
}

func newSession(id string, h Hello, keep *shelf, spool *spool) *Session {
	// A session is no part of the request that opened it.
	calls := NewCalls(context.Background()) //nolint:forbidigo // ends with the session
	return &Session{
		Session: mcp.Session{ID: id}, Hello: h, Calls: calls, used: time.Now(),
		streams: folder{shelf: keep, spool: spool, session: id},
	}
}

func (s *Session) acquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.busy++
	return true
}

// Release ends one use that Get began.
func (s *Session) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.used = time.Now()
}

// expire marks the session as ended if nobody has used it since.
func (s *Session) expire(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == 0 && s.used.Before(since) {
		s.ended = true
	}
	return s.ended
}

func (s *Session) end() {
	s.End()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	for _, stream := range s.streams.clear() {
		stream.Close()
	}
}

// Level returns the least severe log message that the client asked for; empty
// until it asked.
func (s *Session) Level() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.level
}

// SetLevel sets what Level returns.
func (s *Session) SetLevel(level string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = level
}

// Ask reserves an id for a question and returns where its answer will come. The
// returned function gives the id back; the caller must call it.
func (s *Session) Ask() (int64, <-chan mcp.Answer, func()) {
	answer := make(chan mcp.Answer, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	id := s.asked
	if s.questions == nil {
		s.questions = map[int64]chan<- mcp.Answer{}
	}
	s.questions[id] = answer
	return id, answer, func() {
		s.mu.Lock()
		delete(s.questions, id)
		s.mu.Unlock()
	}
}

// Answer hands a client's answer to the question of that id. It reports false
// when no question waits for it.
func (s *Session) Answer(id int64, a mcp.Answer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, ok := s.questions[id]
	if ok {
		delete(s.questions, id)
		answer <- a
	}
	return ok
}

// Open opens a stream of the session. Old idle streams are forgotten to keep
// their number bounded.
func (s *Session) Open() *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return &Stream{closed: true}
	}
	return s.streams.open()
}

// Resume finds the stream that a Last-Event-ID belongs to, and the number of the
// last event that the client has seen.
func (s *Session) Resume(lastEventID string) (*Stream, int, bool) {
	number, seq, ok := parseEventID(lastEventID)
	if !ok {
		return nil, 0, false
	}
	stream := s.streams.find(number)
	return stream, seq, stream != nil
}
