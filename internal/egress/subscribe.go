package egress

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// askTimeout is how long a server may take to answer to a subscription.
const askTimeout = 30 * time.Second

// Subscribe asks the server to tell of changes of a resource, which go to Events; it asks once, however often it is called. The
// subscription outlives the session with the server, and the server itself where one of the same name takes its place, unless
// they refuse it. What is done for one resource must be done in turn.
func (p *Pool) Subscribe(ctx context.Context, name, uri string) error {
	return p.settled(ctx, name, func(s *server) error { return s.subscribe(ctx, uri) })
}

// Unsubscribe undoes Subscribe at every server. Servers that have no session now are not told.
func (p *Pool) Unsubscribe(ctx context.Context, uri string) error {
	var errs []error
	for _, s := range p.forget(uri) {
		if session := s.home.current(); session != nil {
			errs = append(errs, s.tell(ctx, session, mcp.MethodUnsubscribe, uri))
		}
	}
	return errors.Join(errs...)
}

// forget takes a resource out of the subscriptions and returns the servers that had it there. No server is replaced meanwhile.
func (p *Pool) forget(uri string) []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var had []*server
	for _, s := range p.servers {
		if s.subs.remove(uri) {
			had = append(had, s)
		}
	}
	return had
}

// SubscribeOwn asks a server to tell the client of a call of changes of a resource, or no longer, if the server has a session for
// that client alone: then updates come through that session, to Clients. It reports false if there is none.
func (p *Pool) SubscribeOwn(ctx context.Context, d mcp.Destination, call *mcp.Call) (own bool, err error) {
	err = p.settled(ctx, d.Server, func(s *server) error {
		own, err = s.subscribeOwn(ctx, d.Name, call)
		return err
	})
	return own, err
}

// settled does something at a server, and again at the one that has taken its place meanwhile.
func (p *Pool) settled(ctx context.Context, name string, do func(*server) error) error {
	for {
		s, err := p.server(name)
		if err != nil {
			return err
		}
		if err = s.begin(); err == nil {
			err = do(s)
			s.calls.Done()
		}
		if now, _ := p.server(name); now == s || ctx.Err() != nil {
			return err
		}
	}
}

func (s *server) subscribe(ctx context.Context, uri string) error {
	if s.subs.has(uri) {
		return nil
	}
	session, err := s.ready(ctx)
	if err != nil {
		return err
	}
	s.subs.add(uri)
	if err = s.tell(ctx, session, mcp.MethodSubscribe, uri); err != nil {
		s.subs.remove(uri)
	}
	return err
}

// tell tells the server of a change of the subscriptions.
func (s *server) tell(ctx context.Context, session *transport.Session, method, uri string) error {
	if session.Revision().Stateless {
		return s.subs.listener().renew(ctx)
	}
	return ask(ctx, session, method, uri)
}

func (s *server) subscribeOwn(ctx context.Context, uri string, call *mcp.Call) (own bool, err error) {
	if key, lease := s.owner(transport.Legacy, call); lease || call.Session == nil || key != clientKey(call.Session.ID) {
		return false, nil
	}
	at, err := s.choose(ctx, call)
	if err != nil {
		return false, err
	}
	defer at.back(true)
	if at.link.shared || at.session.Revision().Stateless {
		return false, nil
	}
	if err := ask(ctx, at.session, call.Method, uri); err != nil {
		return true, err
	}
	at.link.follow(uri, call.Method == mcp.MethodSubscribe)
	return true, nil
}

// inPlaceOf takes over what clients are subscribed to at the server whose place this one takes, if there is one. The pool's lock
// is held, and this server not started.
func (s *server) inPlaceOf(old *server) *server {
	if old == nil {
		return s
	}
	s.subs.uris = old.subs.all()
	old.mu.Lock()
	defer old.mu.Unlock()
	for key, l := range old.clients {
		own, _ := l.hello.Unsolicited.(ownSink)
		l.mu.Lock()
		if len(l.follows) > 0 && s.config.Isolation == old.config.Isolation {
			next := s.ownLink(l.hello, own.session)
			next.follows, next.floor = maps.Clone(l.follows), l.floor
			s.clients[key] = next
		}
		l.mu.Unlock()
	}
	return s
}

// revive opens the sessions of clients that are subscribed to something and have lost theirs.
func (s *server) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.clients {
		l.mu.Lock()
		fine := len(l.follows) == 0 || l.alive() != nil
		l.mu.Unlock()
		if fine {
			continue
		}
		s.work.Go(func() {
			if _, err := l.get(s.root); err != nil {
				s.log.WarnContext(s.root, "subscriptions of a client lost", slog.Any("error", err))
			}
		})
	}
}

// follow notes that the link's client is subscribed to a resource, or no longer, so that the session is kept and the
// subscription taken over to the next one.
func (l *link) follow(uri string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !on {
		delete(l.follows, uri)
		return
	}
	if l.follows == nil {
		l.follows = map[string]struct{}{}
	}
	l.follows[uri] = struct{}{}
}

// refollow subscribes again on a new session.
func (l *link) refollow(session *transport.Session) {
	l.mu.Lock()
	uris := slices.Sorted(maps.Keys(l.follows))
	l.mu.Unlock()
	l.server.resubscribe(session, uris, func(uri string) { l.follow(uri, false) })
}

// resubscribe subscribes on a new session of the legacy era and does not wait. What the server refuses is lost.
func (s *server) resubscribe(session *transport.Session, uris []string, lost func(uri string)) {
	s.work.Go(func() {
		for _, uri := range uris {
			err := ask(s.root, session, mcp.MethodSubscribe, uri)
			if err == nil || isDone(session.Done()) || s.root.Err() != nil {
				continue
			}
			lost(uri)
			s.log.WarnContext(s.root, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
		}
	})
}

// subscriptions are the resources of a server that somebody is subscribed to, all through the home session: each asked for in
// the legacy era, all together on one stream in the modern one.
type subscriptions struct {
	mu     sync.Mutex
	uris   map[string]struct{}
	stream *listener // of the modern session in force
}

func (t *subscriptions) has(uri string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.uris[uri]
	return ok
}

func (t *subscriptions) add(uri string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.uris == nil {
		t.uris = map[string]struct{}{}
	}
	t.uris[uri] = struct{}{}
}

// remove reports whether there was one.
func (t *subscriptions) remove(uri string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.uris[uri]
	delete(t.uris, uri)
	return ok
}

// all returns a copy.
func (t *subscriptions) all() map[string]struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.uris)
}

func (t *subscriptions) listener() *listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stream
}

// ask subscribes or unsubscribes at a legacy server.
func ask(ctx context.Context, s *transport.Session, method, uri string) error {
	params := append(wire.AppendQuote([]byte(`{"uri":`), uri), '}')
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, mcp.Errorf(mcp.CodeInternal, mcp.Timeout,
		"the server did not answer to %s within %s", method, askTimeout))
	defer cancel()
	a, err := s.Call(ctx, transport.Request{Method: method, Params: params}, nil)
	if err != nil {
		return err
	}
	defer a.Release()
	if e := a.Err(s.Revision()); e != nil {
		return e
	}
	return nil
}

// attend takes the subscriptions over to a new home session. It does not wait for the server.
func (t *subscriptions) attend(s *server, session *transport.Session) {
	if session.Revision().Stateless {
		l := &listener{server: s, session: session, again: make(chan chan struct{})}
		t.mu.Lock()
		t.stream = l
		t.mu.Unlock()
		s.work.Go(l.run)
		return
	}
	s.resubscribe(session, slices.Sorted(maps.Keys(t.all())), func(uri string) { t.remove(uri) })
}

// A listener keeps the stream of changes of a modern session open (subscriptions/listen).
type listener struct {
	server  *server
	session *transport.Session
	again   chan chan struct{} // asks for a new stream; the channel within is closed when the server has acknowledged it
}

// renew opens a new stream, with the subscriptions as they are now, and waits until the server has acknowledged it.
func (l *listener) renew(ctx context.Context) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience, mcp.Errorf(mcp.CodeInternal, mcp.Upstream,
		"server %q does not acknowledge the subscription", l.server.config.Name))
	defer cancel()
	acknowledged := make(chan struct{})
	select {
	case l.again <- acknowledged:
	case <-l.session.Done():
		return l.session.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-acknowledged:
		return nil
	case <-l.session.Done():
		return l.session.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run keeps the stream open until the session ends.
func (l *listener) run() {
	var acknowledged chan struct{}
	for failures := 0; ; {
		end := l.open(acknowledged)
		acknowledged = nil
		select {
		case acknowledged = <-l.again:
			end.stop()
			failures = 0
			continue
		case <-end.over:
		case <-l.session.Done():
			end.stop()
			return
		case <-l.server.root.Done():
			end.stop()
			return
		}
		end.stop()
		if failures++; !l.pause(end, failures, &acknowledged) {
			return
		}
	}
}

// pause waits before a stream that has ended is opened again; it reports false when the session ends first. What was missed
// meanwhile may have changed the lists.
func (l *listener) pause(end *stream, failures int, acknowledged *chan struct{}) bool {
	var later <-chan time.Time
	if !end.refused {
		timer := time.NewTimer(min(time.Second<<min(failures-1, 6), time.Minute))
		defer timer.Stop()
		later = timer.C
	}
	select {
	case <-later:
		l.server.changed()
		return true
	case *acknowledged = <-l.again:
		return true
	case <-l.session.Done():
		return false
	case <-l.server.root.Done():
		return false
	}
}

// A stream is one subscriptions/listen.
type stream struct {
	stop    func()
	over    chan struct{} // closed when it has ended
	refused bool          // the server ended it at once: it has nothing to tell of; set before over is closed
}

// open opens a stream for what the server can tell of and somebody wants to know.
func (l *listener) open(acknowledged chan struct{}) *stream {
	st := &stream{over: make(chan struct{})}
	ctx, cancel := context.WithCancel(l.server.root)
	id := l.session.NextID()
	sink := &listenSink{homeSink: homeSink{l.server}, acknowledged: acknowledged}
	request := transport.Request{ID: id, Method: mcp.MethodListen, Params: l.wanted()}
	opened := time.Now()
	l.server.work.Go(func() {
		defer close(st.over)
		a, err := l.session.Call(ctx, request, sink)
		st.refused = err == nil && time.Since(opened) < time.Second
		if err == nil {
			a.Release()
		} else if ctx.Err() == nil {
			l.server.log.DebugContext(ctx, "stream of changes ended", slog.Any("error", err))
		}
	})
	st.stop = func() {
		l.hangUp(st, id)
		cancel()
		<-st.over
	}
	return st
}

// hangUp ends a stream over a pipe in a way that the server can answer to: some keep only one stream for a session, and must
// have done with the old one before the new one comes.
func (l *listener) hangUp(st *stream, id int64) {
	const patience = 300 * time.Millisecond
	if l.server.config.URL != "" || isDone(st.over) || isDone(l.session.Done()) || l.server.root.Err() != nil {
		return
	}
	params := append(wire.AppendInt([]byte(`{"requestId":`), id), '}')
	if err := l.session.Notify(l.server.root, mcp.NoticeCancelled, params); err != nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-st.over:
	case <-timer.C:
	}
}

// wanted returns the parameters of subscriptions/listen.
func (l *listener) wanted() []byte {
	dst := []byte(`{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true`)
	for i, uri := range slices.Sorted(maps.Keys(l.server.subs.all())) {
		if i == 0 {
			dst = append(dst, `,"resourceSubscriptions":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = wire.AppendQuote(dst, uri)
	}
	if len(dst) > 0 && dst[len(dst)-1] == '"' {
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}

// A listenSink is the Sink of a stream of changes.
type listenSink struct {
	homeSink

	once         sync.Once
	acknowledged chan struct{} // nil if nobody waits
}

// Notice passes changes on.
func (l *listenSink) Notice(m *wire.Message) {
	if string(m.MethodName()) == mcp.NoticeAcknowledged {
		if l.acknowledged != nil {
			l.once.Do(func() { close(l.acknowledged) })
		}
		return
	}
	l.homeSink.Notice(m)
}
