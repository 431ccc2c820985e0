package egress

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/serving"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A link is the place of one session with a server. The session is opened when it is needed, and again when it was lost.
type link struct {
	server *server
	hello  transport.Hello
	caller string                   // whom the session shows to be asking; empty for nobody
	shared bool                     // by calls of several clients
	opened func(*transport.Session) // is told of a session before anybody can use it; may be nil

	serving serving.Calls // the calls that it serves, unless it is shared

	mu      sync.Mutex
	session *transport.Session  // open, or lost and to be closed
	opening chan struct{}       // closed when the attempt under way is over; nil if there is none
	waiting chan struct{}       // closed when a session is there; nil if nobody waits
	err     error               // of the last attempt
	failed  time.Time           // when that was
	uses    int                 // calls that use it now
	used    time.Time           // when the last of them ended
	follows map[string]struct{} // resources that the link's one client is subscribed to
	tasks   time.Time           // until when tasks of the link's one client may run
	level   string              // the level of log messages that the session has been told
	floor   string              // the level that the link's one client wants
	closed  bool
}

// errNotReady says that a session was not opened in time.
var errNotReady = errors.New("not ready yet")

// reconsider is how long a failed attempt to open a session speaks for the next one.
const reconsider = time.Second

// current returns the session, nil if it is not open or has been lost.
func (l *link) current() *transport.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive()
}

func (l *link) alive() *transport.Session {
	if l.session != nil && !isDone(l.session.Done()) {
		return l.session
	}
	return nil
}

// await waits until somebody else has opened the session, or until failed is closed.
func (l *link) await(ctx context.Context, failed <-chan struct{}) (*transport.Session, error) {
	for {
		l.mu.Lock()
		if s := l.alive(); s != nil {
			l.mu.Unlock()
			return s, nil
		}
		if l.waiting == nil {
			l.waiting = make(chan struct{})
		}
		waiting := l.waiting
		l.mu.Unlock()
		select {
		case <-waiting:
		case <-failed:
			return nil, errNotReady
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-l.server.root.Done():
			return nil, errNotReady
		}
	}
}

// get returns the session and opens it first if it is not. Attempts go on when ctx ends, for those who come next.
func (l *link) get(ctx context.Context) (*transport.Session, error) {
	for first := true; ; first = false {
		l.mu.Lock()
		switch s := l.alive(); {
		case s != nil:
			l.mu.Unlock()
			return s, nil
		case l.opening == nil && (!first || time.Since(l.failed) < reconsider) && l.err != nil:
			err := l.err
			l.mu.Unlock()
			return nil, err
		case l.opening == nil:
			l.opening = make(chan struct{})
			l.server.work.Go(func() { _, _ = l.attempt(l.server.root) })
		}
		opening := l.opening
		l.mu.Unlock()
		select {
		case <-opening:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// open opens the session for the one who watches it.
func (l *link) open(ctx context.Context) (*transport.Session, error) {
	l.mu.Lock()
	l.opening = make(chan struct{})
	l.mu.Unlock()
	return l.attempt(ctx)
}

// attempt opens the session once. The caller has set opening.
func (l *link) attempt(ctx context.Context) (*transport.Session, error) {
	l.mu.Lock()
	old := l.session
	l.session = nil
	l.mu.Unlock()
	if old != nil {
		old.Close()
		l.server.gone()
	}
	session, err := l.server.dial(ctx, l)
	if err == nil && l.opened != nil {
		l.opened(session)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.closed {
		unwanted := session
		l.server.work.Go(func() {
			unwanted.Close()
			l.server.gone()
		})
		session, err = nil, errNotReady
	}
	l.session, l.err, l.level, l.used = session, err, "", time.Now()
	if e := mcp.AsError(err); err != nil && (e == nil || e.Reason != mcp.Unavailable) {
		l.failed = l.used
	}
	if err == nil && l.waiting != nil {
		close(l.waiting)
		l.waiting = nil
	}
	close(l.opening)
	l.opening = nil
	return session, err
}

// dial opens a session with the server for a link, if the server may have one more.
func (s *server) dial(ctx context.Context, l *link) (*transport.Session, error) {
	if err := s.room(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	target := s.target
	s.mu.Unlock()
	if of := s.pool.opts.Credentials; of != nil && s.carrier != nil {
		if who := of(s.config.Name, l.caller); who != nil {
			target.RoundTripper = s.carrier.As(who)
		}
	}
	var err error
	if of := s.pool.opts.Command; of != nil && target.Command != nil {
		target.Command, err = of(ctx, s.config)
	}
	var session *transport.Session
	if err == nil {
		session, err = transport.Open(ctx, target, l.hello)
	}
	if err != nil {
		s.gone()
	}
	return session, err
}

// room counts a session that is about to be opened. Where the server has as many as it may, an idle one has to go.
func (s *server) room() error {
	s.mu.Lock()
	if s.sessions < s.config.MaxSessions {
		s.sessions++
		s.mu.Unlock()
		return nil
	}
	idle := s.takeIdle(func(l *link) bool { return l.current() != nil }, 1)
	if len(idle) == 0 {
		s.mu.Unlock()
		return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable,
			"all %d sessions with server %q are in use; try again later or raise maxSessions", s.config.MaxSessions, s.config.Name)
	}
	s.sessions++
	s.mu.Unlock()
	s.work.Go(idle[0].close)
	return nil
}

// gone counts a session off that was closed or could not be opened.
func (s *server) gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions--
}

// hold notes that a call uses the link; it reports false if the link is closed.
func (l *link) hold() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.uses++
	return true
}

// release notes that the call has ended.
func (l *link) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uses--
	l.used = time.Now()
}

// idle reports whether no call uses the link, since when.
func (l *link) idle() (since time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used, l.uses == 0 && l.opening == nil && len(l.follows) == 0 && !time.Now().Before(l.tasks)
}

// keep keeps the session of a client that has begun a task, which may run as long as a call, and its answer be fetched.
func (l *link) keep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = time.Now().Add(l.server.config.MaxRuntime)
}

// close ends the session for good.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	session := l.session
	l.session = nil
	l.mu.Unlock()
	if session != nil {
		session.Close()
		l.server.gone()
	}
}

// loud reports whether a log message is severe enough for the link's one client.
func (l *link) loud(m *wire.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor == "" || severe(m, l.floor)
}

// severe reports whether a log message is of the level or above it.
func severe(m *wire.Message, level string) bool {
	its, _ := wire.Unquote(m.Bytes(m.Member("level")))
	return mcp.Rank(its) >= mcp.Rank(level)
}

// setLevel tells a legacy session how severe log messages must be: exactly so, or else at least that verbose, for sessions that
// are shared.
func (l *link) setLevel(ctx context.Context, s *transport.Session, level string, exactly bool) {
	if s.Revision().Stateless || level == "" {
		return
	}
	l.mu.Lock()
	if exactly {
		l.floor = level
	}
	known := wire.Get(s.Capabilities(), "logging") == nil || l.level == level || !exactly && l.level != "" && mcp.Rank(l.level) <= mcp.Rank(level)
	if !known {
		l.level = level
	}
	l.mu.Unlock()
	if known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	params := append(wire.AppendQuote([]byte(`{"level":`), level), '}')
	a, err := s.Call(ctx, transport.Request{Method: mcp.MethodSetLevel, Params: params}, nil)
	if err != nil {
		l.server.log.DebugContext(ctx, "log level not set", slog.Any("error", err))
		return
	}
	a.Release()
}
