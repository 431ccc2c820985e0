package egress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/changes"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// How a server is watched.
const (
	firstWait    = 250 * time.Millisecond // before the second attempt to reach it
	longestWait  = 30 * time.Second
	shortPause   = 2 * time.Second  // between attempts, if somebody wants the server
	pause        = 30 * time.Second // the same for a server that failed too often
	longPause    = 5 * time.Minute  // and if nobody does
	budget       = 10               // attempts within budgetTime
	budgetTime   = 10 * time.Minute
	steady       = time.Minute // after which an open session counts as a success
	removedGrace = 10 * time.Second
)

// A server is one server of the configuration with all sessions that are open with it. No lock is held while something is sent
// or waited for.
type server struct {
	pool      *Pool
	config    config.Server
	inProcess *sdk.Server
	restarted bool // it takes the place of one with the same configuration
	version   uint64
	before    *server     // whose place it has taken, as long as calls may be for that; guarded by the pool's lock
	aside     atomic.Bool // it is not, or not any more, what its name stands for: nobody is told of it
	target    transport.Target
	carrier   *http1.Transport // what carries requests over HTTP; nil for other servers
	log       *slog.Logger

	root context.Context //nolint:containedctx // of everything that the server owns
	end  context.CancelFunc
	work sync.WaitGroup // the watch, attempts to open sessions, sessions that are closing

	home  *link         // watched
	tried chan struct{} // closed when the home was tried once
	wish  chan struct{} // somebody wants a server that is failing

	subs    *changes.Set // resources that somebody is subscribed to, through the home
	refused atomic.Int64
	unheard atomic.Int64 // log messages that belong to no single client

	mu       sync.Mutex
	now      Status
	spoken   [3]knowledge     // by era
	other    *link            // the home in the other era, opened when needed
	clients  map[string]*link // sessions that belong to one client or caller, by clientKey and callerKey
	leased   map[string][]*link
	busy     map[*link]string // leases that are out, with whose calls they serve
	sessions int              // open or opening, the home's included
	closing  bool
	calls    sync.WaitGroup // in flight; none begins once closing is set
	flows    map[*flow]struct{}
	attempt  chan struct{} // closed when the attempt to open the home under way, or the next, has failed
	resting  bool          // no such attempt is made for a while
}

// knowledge is whether a server speaks an era.
type knowledge uint8

const (
	unsure knowledge = iota
	yes
	no
)

// newServer returns a server that has to be started. The pool's lock is held.
func newServer(p *Pool, c config.Server, in *sdk.Server) *server {
	s := &server{
		pool: p, config: c, inProcess: in, log: p.opts.Log.With(slog.String("server", c.Name)),
		tried: make(chan struct{}), wish: make(chan struct{}, 1), attempt: make(chan struct{}),
		clients: map[string]*link{}, leased: map[string][]*link{}, busy: map[*link]string{},
		flows: map[*flow]struct{}{},
	}
	p.started++
	s.version = p.started
	s.root, s.end = context.WithCancel(p.root)
	s.target = s.newTarget()
	s.home = &link{
		server: s, shared: true, hello: transport.Hello{Info: p.info, Unsolicited: homeSink{s}},
		opened: func(session *transport.Session) { s.subs.Attend(session) },
	}
	s.subs = changes.NewSet(changes.Server{
		Name: c.Name, Single: c.URL == "", Sink: homeSink{s}, Missed: s.changed, Log: s.log, Root: s.root, Work: &s.work,
	})
	s.now = Status{Server: c.Name, State: Starting, Transport: s.transport(), Since: time.Now()}
	if c.Disabled {
		s.now.State = Disabled
		close(s.tried)
	}
	return s
}

// start begins to watch the server, unless it is disabled.
func (s *server) start() *server {
	if !s.config.Disabled {
		s.work.Go(s.watch)
		s.work.Go(s.sweep)
	}
	return s
}

// is reports whether the server is what a configuration wants.
func (s *server) is(c *config.Server, in *sdk.Server) bool {
	return s.inProcess == in && s.config.Equal(*c)
}

func (s *server) transport() string {
	switch {
	case s.inProcess != nil:
		return "inproc"
	case s.config.Type == "sse", s.config.Type == "websocket":
		return s.config.Type
	case s.config.URL != "":
		return "http"
	default:
		return "stdio"
	}
}

// newTarget returns where the server is.
func (s *server) newTarget() transport.Target {
	c := &s.config
	t := transport.Target{Name: c.Name, Log: s.pool.opts.Log, StartTimeout: c.StartTimeout, InProcess: s.inProcess}
	switch {
	case s.inProcess != nil:
	case c.URL != "":
		t.URL, t.Header, t.Events = c.URL, http.Header{}, c.Type == "sse"
		for name, value := range c.Headers {
			t.Header.Set(name, value)
		}
		s.carrier = http1.Secured(c.URL, s.pool.opts.TLS)
		t.RoundTripper = s.carrier
	default:
		t.Command = &sandbox.Command{Path: c.Command, Args: c.Args, Env: c.Env, Dir: c.Cwd, Reaper: s.pool.opts.Reaper}
	}
	return t
}

// watch keeps the home session open: it opens it, and opens it again when it is lost, at first soon and then more and more
// seldom.
func (s *server) watch() {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstWait, longestWait
	var attempts []time.Time
	for {
		attempts = recent(append(attempts, time.Now()))
		lived, err := s.live()
		if s.root.Err() != nil {
			return
		}
		next := wait.NextBackOff()
		if lived > steady || lived > brief && forgotten(err) { // it was well until now, or is, and has only lost the session
			wait.Reset()
			next, attempts = 0, nil
		}
		spent := len(attempts) > budget
		s.failed(err, spent)
		if lived == 0 {
			s.giveUp()
		}
		if !s.rest(next, spent) {
			return
		}
	}
}

// brief is how long a session must have lasted for its loss to be no failure of the server, which can be asked for another one.
const brief = 250 * time.Millisecond

// forgotten reports whether a server has only forgotten the session: nothing was under way that might have done it.
func forgotten(err error) bool {
	e, ok := errors.AsType[*transport.LostError](err)
	return ok && !e.Sent
}

// live opens the home and waits until it is lost. It returns how long it was open, 0 if it could not be opened, and why it is not.
func (s *server) live() (time.Duration, error) {
	session, err := s.home.open(s.root)
	if err != nil {
		return 0, err
	}
	opened := time.Now()
	s.greeted(session)
	select {
	case <-session.Done():
	case <-s.root.Done():
	}
	return max(time.Since(opened), 1), session.Err()
}

// giveUp tells those who wait for the home that the attempt to open it has failed.
func (s *server) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.attempt)
	s.attempt = make(chan struct{})
}

// recent returns the attempts that count against the budget.
func recent(attempts []time.Time) []time.Time {
	for len(attempts) > 0 && time.Since(attempts[0]) > budgetTime {
		attempts = attempts[1:]
	}
	return attempts
}

// greeted notes that the home is open, and takes up what was kept with the one before.
func (s *server) greeted(session *transport.Session) {
	era := transport.EraOf(session.Revision())
	s.mu.Lock()
	s.spoken[era] = yes
	if era == transport.Legacy && s.target.Era == transport.AnyEra {
		s.spoken[transport.Modern] = no // it was tried first
	}
	s.target.Era, s.target.Events = era, session.Events()
	again := isDone(s.tried)
	s.mu.Unlock()
	s.set(func(now *Status) {
		now.State, now.Era, now.Revision, now.LastError = Ready, era.String(), session.Revision().Name, ""
		now.Transport = s.transport()
		if session.Events() {
			now.Transport = "sse"
		}
		if again {
			now.Restarts++
		}
	})
	level := slog.LevelInfo
	if s.inProcess != nil {
		level = slog.LevelDebug // nobody has to be told that we are there ourselves
	}
	s.log.Log(s.root, level, "server ready", slog.String("revision", session.Revision().Name))
	s.markTried()
	s.revive()
	if again || s.restarted {
		s.changed()
	}
}

// failed notes that the home could not be opened, or was lost.
func (s *server) failed(err error, spent bool) {
	first := !isDone(s.tried)
	why := strings.TrimPrefix(err.Error(), fmt.Sprintf("server %q: ", s.config.Name))
	s.mu.Lock()
	s.target.Events = s.config.Type == "sse" // it may come back as another
	s.mu.Unlock()
	s.set(func(now *Status) {
		now.Era, now.Revision, now.LastError = "", "", why
		now.State = Failing
		if !first && !spent && now.State == Ready {
			now.State = Starting
		}
	})
	s.log.WarnContext(s.root, "server not ready", slog.String("error", why), slog.Bool("seldom", spent))
	s.markTried()
}

// rest waits before the next attempt; it reports false when the server ends. A server is tried earlier when somebody wants it,
// but not at once.
func (s *server) rest(wait time.Duration, spent bool) bool {
	hold := min(wait, shortPause)
	if spent {
		hold, wait = pause, longPause
	}
	s.setResting(hold >= shortPause)
	defer s.setResting(false)
	if !s.sleep(hold, nil) {
		return false
	}
	s.setResting(false)
	return s.sleep(wait-hold, s.wish)
}

func (s *server) setResting(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting = on
}

// sleep waits for d or for a wish; it reports false when the server ends first.
func (s *server) sleep(d time.Duration, wish <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wish:
	case <-s.root.Done():
		return false
	}
	return true
}

func (s *server) markTried() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isDone(s.tried) {
		close(s.tried)
	}
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// changed tells that the server's lists may have changed.
func (s *server) changed() {
	if events := s.pool.opts.Events; events != nil && !s.aside.Load() {
		events.Changed(s.config.Name)
	}
}

// ready returns the home session, once the server was tried. A server that is being started again is waited for, but not one that
// is left alone for a while because it failed.
func (s *server) ready(ctx context.Context) (*transport.Session, error) {
	const patience = 10 * time.Second
	select {
	case <-s.tried:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if session := s.home.current(); session != nil {
		return session, nil
	}
	s.mu.Lock()
	resting, failed := s.resting, s.attempt
	s.mu.Unlock()
	select {
	case s.wish <- struct{}{}:
	default:
	}
	if resting {
		return nil, s.unavailable()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotReady)
	defer cancel()
	session, err := s.home.await(ctx, failed)
	if err == errNotReady { //nolint:errorlint // the cause itself
		err = s.unavailable()
	}
	return session, err
}

// ErrUnavailable is in the errors that say that a server has no session now. Why is in the log already.
var ErrUnavailable = errors.New("the server is not available")

// unavailable tells why the server cannot be called now.
func (s *server) unavailable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := s.now.LastError
	if why == "" {
		why = "it is being started"
	}
	return errors.Join(mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q is not available: %s", s.config.Name, why), ErrUnavailable)
}

// begin notes a call in flight, unless the server is ending.
func (s *server) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return s.stopping()
	}
	s.calls.Add(1)
	return nil
}

// retire closes a server that is taken away, where calls in flight may go on for a while.
func (s *server) retire(grace time.Duration) {
	ctx, cancel := context.WithTimeout(s.pool.root, grace)
	defer cancel()
	s.close(ctx)
}

// close refuses new calls, waits for those in flight until ctx ends, and ends all that the server owns.
func (s *server) close(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	idle := make(chan struct{})
	s.work.Go(func() {
		s.calls.Wait()
		close(idle)
	})
	select {
	case <-idle:
	case <-ctx.Done():
	}
	s.end()
	s.cut()
	s.mu.Lock()
	links := s.links()
	s.mu.Unlock()
	for _, l := range links {
		s.work.Go(l.close)
	}
	s.work.Wait()
	if s.carrier != nil {
		s.carrier.CloseIdleConnections()
	}
	s.set(func(now *Status) { now.State = Stopped })
}
