package egress

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Subscribe asks the server to tell of changes of a resource, which go to Events. It is counted: as many calls of Unsubscribe
// end it. A subscription outlives the session with the server.
func (p *Pool) Subscribe(ctx context.Context, name, uri string) error {
	return p.subscription(ctx, name, func(s *server, session *transport.Session) error {
		return s.subs.add(ctx, session, uri)
	})
}

// Unsubscribe undoes one Subscribe.
func (p *Pool) Unsubscribe(ctx context.Context, name, uri string) error {
	return p.subscription(ctx, name, func(s *server, session *transport.Session) error {
		return s.subs.remove(ctx, session, uri)
	})
}

// SubscribeOwn asks a server to tell the client of a call of changes of a resource, or no longer, if the server has a session for
// that client alone: then updates come through that session, to Clients. It reports false if there is none.
func (p *Pool) SubscribeOwn(ctx context.Context, d mcp.Destination, call *mcp.Call) (own bool, err error) {
	s, err := p.server(d.Server)
	if err != nil {
		return false, err
	}
	if err := s.begin(); err != nil {
		return false, err
	}
	defer s.calls.Done()
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
	if err := ask(ctx, at.session, call.Method, d.Name); err != nil {
		return true, err
	}
	at.link.follow(d.Name, call.Method == mcp.MethodSubscribe)
	return true, nil
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
	uris := slices.Collect(maps.Keys(l.follows))
	l.mu.Unlock()
	s := l.server
	for _, uri := range uris {
		s.work.Go(func() {
			if err := ask(s.root, session, mcp.MethodSubscribe, uri); err != nil {
				s.log.WarnContext(s.root, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
			}
		})
	}
}

func (p *Pool) subscription(ctx context.Context, name string, do func(*server, *transport.Session) error) error {
	s, err := p.server(name)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	session, err := s.ready(ctx)
	if err != nil {
		return err
	}
	return do(s, session)
}

// subscriptions are the resources of a server that somebody is subscribed to, all through the home session: each asked for in
// the legacy era, all together on one stream in the modern one.
type subscriptions struct {
	mu     sync.Mutex
	counts map[string]int
	stream *listener // of the modern session in force
}

// add counts a subscription and asks the server, if it is the first.
func (t *subscriptions) add(ctx context.Context, s *transport.Session, uri string) error {
	t.mu.Lock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[uri]++
	first, stream := t.counts[uri] == 1, t.stream
	t.mu.Unlock()
	if !first {
		return nil
	}
	var err error
	if s.Revision().Stateless {
		err = stream.renew(ctx)
	} else {
		err = ask(ctx, s, mcp.MethodSubscribe, uri)
	}
	if err != nil {
		t.forget(uri)
	}
	return err
}

// remove counts a subscription off and tells the server, if it was the last.
func (t *subscriptions) remove(ctx context.Context, s *transport.Session, uri string) error {
	if !t.forget(uri) {
		return nil
	}
	if s.Revision().Stateless {
		t.mu.Lock()
		stream := t.stream
		t.mu.Unlock()
		return stream.renew(ctx)
	}
	return ask(ctx, s, mcp.MethodUnsubscribe, uri)
}

// forget counts off; it reports whether that was the last one.
func (t *subscriptions) forget(uri string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.counts[uri]
	if n > 1 {
		t.counts[uri]--
		return false
	}
	delete(t.counts, uri)
	return n == 1
}

// uris returns what is subscribed to, sorted.
func (t *subscriptions) uris() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	uris := make([]string, 0, len(t.counts))
	for uri := range t.counts {
		uris = append(uris, uri)
	}
	slices.Sort(uris)
	return uris
}

// ask subscribes or unsubscribes at a legacy server.
func ask(ctx context.Context, s *transport.Session, method, uri string) error {
	params := append(wire.AppendQuote([]byte(`{"uri":`), uri), '}')
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
	uris := t.uris()
	s.work.Go(func() {
		for _, uri := range uris {
			if err := ask(s.root, session, mcp.MethodSubscribe, uri); err != nil {
				s.log.WarnContext(s.root, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
			}
		}
	})
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
	for i, uri := range l.server.subs.uris() {
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
