// Package session keeps the clients of the legacy era for as long as they stay:
// what they said of themselves, their calls in flight, the questions that wait
// for them, and the events of their streams, so that a broken stream resumes.
package session

import (
	"cmp"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Reasons why a session is not to be had.
var (
	// ErrUnknown says that there is no such session, or no longer.
	ErrUnknown = errors.New("unknown session")
	// ErrForeign says that what is asked for belongs to another caller.
	ErrForeign = errors.New("it belongs to another caller")
	// ErrFull says that no further session can be opened now.
	ErrFull = errors.New("too many sessions; try again later")
	// ErrShare says that the caller has as many sessions as one may have.
	ErrShare = errors.New("this caller has too many sessions; end some, or wait until idle ones expire")
)

// Options configures a Store.
type Options struct {
	// Idle is how long a session without a call or an open stream is kept.
	Idle time.Duration
	// Max is how many sessions there may be at once.
	Max int
	// MaxPerCaller is how many of them one caller may have: a tenth unless it is
	// set, and at least 1,000.
	MaxPerCaller int
	// KeepBytes bounds what is kept of all streams for resumption: 256 MiB unless it is set.
	KeepBytes int
	// Sealer makes and checks the tokens of sessions. Without one, only this store
	// knows its tokens.
	Sealer *Sealer
	// Instance tells this instance's sessions from those of others.
	Instance string
	// Archive keeps events beyond this instance's life; nil where memory is enough.
	Archive Archive
	// Log takes what goes wrong with the archive.
	Log *slog.Logger
	// Ended is told of each session that ended, once, outside of any lock.
	Ended func(id string)
}

// A Store holds the sessions of one instance. It outlives a configuration. Its
// methods may be called concurrently.
type Store struct {
	options Options
	shelf   shelf
	// spool writes to the archive; nil without one.
	spool *spool
	// halt closes stop, which ends the sweeping and what is read from the archive.
	halt  func()
	stop  chan struct{}
	swept sync.WaitGroup

	mu sync.Mutex
	// sessions holds every open session by its token; nil once the store is closed.
	sessions map[string]*Session
	// callers counts them by the caller's ID.
	callers map[string]int
}

// NewStore returns an empty store. Close ends it.
func NewStore(o Options) *Store {
	if o.Sealer == nil {
		o.Sealer, _ = NewSealer(NewKey()) // such a key is good
	}
	o.MaxPerCaller = cmp.Or(o.MaxPerCaller, max(o.Max/10, 1000))
	s := &Store{
		options: o, stop: make(chan struct{}), sessions: map[string]*Session{}, callers: map[string]int{},
		shelf: shelf{max: cmp.Or(o.KeepBytes, storeBytes)},
	}
	if o.Archive != nil {
		s.spool = openSpool(o.Archive, o.Instance, o.Log)
	}
	s.halt = sync.OnceFunc(func() { close(s.stop) })
	s.swept.Go(s.sweep)
	return s
}

// A Hello is what a client says of itself when it opens a session.
type Hello struct {
	Caller                   *mcp.Caller
	Revision                 *mcp.Revision
	Capabilities, ClientInfo []byte
}

// revision is the name of the revision; empty where none is said.
func (h *Hello) revision() string {
	if h.Revision == nil {
		return ""
	}
	return h.Revision.Name
}

// Create opens a session for a client.
func (s *Store) Create(h Hello) (*Session, error) {
	session := newSession(rand.Text(), h, &s.shelf, s.spool)
	session.Token = s.issue(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sessions == nil || len(s.sessions) >= s.options.Max:
		return nil, ErrFull
	case s.callers[h.Caller.ID] >= s.options.MaxPerCaller:
		return nil, ErrShare
	}
	s.sessions[session.Token] = session
	s.callers[h.Caller.ID]++
	return session, nil
}

// Get returns the session of that token if caller opened it. The session does not
// expire until Release is called. The error is ErrForeign or ErrUnknown, of which
// ErrEnded and ErrElsewhere say more.
func (s *Store) Get(token string, caller *mcp.Caller) (*Session, error) {
	s.mu.Lock()
	session := s.sessions[token]
	s.mu.Unlock()
	switch {
	case session == nil:
		return nil, s.explain(token, caller)
	case session.Caller.ID != caller.ID:
		return nil, ErrForeign
	case !session.acquire():
		return nil, ErrEnded
	}
	return session, nil
}

// End ends a session: its calls are cancelled and its streams closed. Ending it
// again does nothing.
func (s *Store) End(session *Session) {
	s.mu.Lock()
	_, open := s.sessions[session.Token]
	if open {
		delete(s.sessions, session.Token)
		s.release(session.Caller.ID)
	}
	s.mu.Unlock()
	if open {
		s.finish(session)
		session.streams.drop()
	}
}

// release gives a caller's share of one session back. It is called with the lock held.
func (s *Store) release(caller string) {
	s.callers[caller]--
	if s.callers[caller] == 0 {
		delete(s.callers, caller)
	}
}

func (s *Store) finish(session *Session) {
	session.end()
	if s.options.Ended != nil {
		s.options.Ended(session.ID)
	}
}

// Len returns the number of open sessions.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Drain ends the reading of streams from the archive, which may go on for as long as
// another instance does. Sessions go on until Close, but none ends for idleness.
func (s *Store) Drain() { s.halt() }

// Close ends every session. No session can be opened afterwards. Closing again does nothing.
func (s *Store) Close() {
	s.halt()
	s.swept.Wait()
	s.mu.Lock()
	sessions := s.sessions
	s.sessions = nil
	s.mu.Unlock()
	for _, session := range sessions {
		s.finish(session)
	}
	if s.spool != nil {
		s.spool.close()
	}
}

// sweep ends idle sessions until the store closes.
func (s *Store) sweep() {
	tick := time.NewTicker(max(s.options.Idle/8, time.Second))
	defer tick.Stop()
	tidy := time.NewTicker(linger)
	defer tidy.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-tidy.C:
			s.shelf.tidy(now.Add(-linger))
		case now := <-tick.C:
			for _, session := range s.idle(now) {
				s.End(session)
			}
		}
	}
}

func (s *Store) idle(now time.Time) []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var idle []*Session
	for _, session := range s.sessions {
		if session.expire(now.Add(-s.options.Idle)) {
			idle = append(idle, session)
		}
	}
	return idle
}
