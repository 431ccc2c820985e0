package changes

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

// A listener keeps the stream of changes of a modern session open (subscriptions/listen).
type listener struct {
	set     *Set
	session *transport.Session
	again   chan wish // asks for a new stream
	// refused is why the server does not tell of resources that somebody wants to know of: they are left out of the stream, which it
	// would refuse as a whole. It belongs to run.
	refused map[string]*mcp.Error
}

// A wish is for a new stream, because of a change of who is subscribed to a resource.
type wish struct {
	uri string
	// answer takes nil when the server has acknowledged the stream, or why it has not. It has room for that.
	answer chan error
}

// renew opens a new stream, with the subscriptions as they are now, and waits until the server has acknowledged it.
func (l *listener) renew(ctx context.Context, uri string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ackTimeout, mcp.Errorf(mcp.CodeInternal, mcp.Upstream,
		"server %q does not acknowledge the subscription", l.set.Name))
	defer cancel()
	w := wish{uri, make(chan error, 1)}
	select {
	case l.again <- w:
	case <-l.session.Done():
		return l.session.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-w.answer:
		return err
	case <-l.session.Done():
		return l.session.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run keeps the stream open until the session ends.
func (l *listener) run() {
	var old *stream
	var wanted *wish
	for failures := 0; ; {
		now := l.replace(old, wanted)
		old, wanted = nil, nil
		select {
		case w := <-l.again:
			old, wanted, failures = now, &w, 0
			continue
		case <-now.over:
		case <-l.session.Done():
			now.stop()
			return
		case <-l.set.Root.Done():
			now.stop()
			return
		}
		now.stop()
		if l.leaveOut(now, "") {
			continue
		}
		if failures++; !l.pause(now, failures, &wanted) {
			return
		}
	}
}

// pause waits before a stream that has ended is opened again; it reports false when the session ends first. What was missed
// meanwhile may have changed the lists.
func (l *listener) pause(end *stream, failures int, wanted **wish) bool {
	var later <-chan time.Time
	if !end.refused {
		timer := time.NewTimer(min(time.Second<<min(failures-1, 6), time.Minute))
		defer timer.Stop()
		later = timer.C
	}
	select {
	case <-later:
		l.set.Missed()
		return true
	case w := <-l.again:
		*wanted = &w
		return true
	case <-l.session.Done():
		return false
	case <-l.set.Root.Done():
		return false
	}
}

// replace opens a stream in the place of an old one, if there is one. The old one goes on until the new one is there, so that
// nothing is missed. Where there can be only one it ends first, and the lists may have changed in between. What was wanted, unless it
// is nil, is answered when the server has agreed and the old one is gone.
func (l *listener) replace(old *stream, wanted *wish) *stream {
	if old != nil && l.set.Single {
		old.stop()
	}
	if wanted == nil {
		return l.open()
	}
	clear(l.refused) // what was refused may be there again
	next := l.open()
	for l.settle(next); l.leaveOut(next, wanted.uri); l.settle(next) {
		next.stop()
		next = l.open()
	}
	switch {
	case old == nil:
	case l.set.Single:
		l.set.Missed()
	default:
		old.stop()
	}
	switch why := l.refused[wanted.uri]; {
	case why != nil:
		wanted.answer <- why
	case isDone(next.acknowledged) && slices.Contains(next.silent, wanted.uri):
		wanted.answer <- mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "server %q does not tell of changes of %s; is there such a resource?", l.set.Name, wanted.uri)
	case isDone(next.acknowledged):
		wanted.answer <- nil
	case isDone(next.over) && next.fault != nil:
		wanted.answer <- next.fault
	}
	return next
}

// leaveOut reports whether the server has refused a stream because of one resource, which is left out from now on: the one that its
// error names, or else the newest one, which is empty if none is new.
func (l *listener) leaveOut(st *stream, newest string) bool {
	if isDone(st.acknowledged) || !isDone(st.over) || st.fault == nil {
		return false
	}
	uri, _ := wire.Unquote(wire.Get(st.fault.Data, "uri"))
	if !slices.Contains(st.uris, uri) {
		uri = newest
	}
	if !slices.Contains(st.uris, uri) {
		return false
	}
	l.refused[uri] = st.fault
	if uri != newest {
		l.set.Log.WarnContext(l.set.Root, "subscription lost", slog.String("uri", uri), slog.Any("error", st.fault))
	}
	return true
}

// settle waits until a stream is there, or is not to be had.
func (l *listener) settle(st *stream) {
	timer := time.NewTimer(ackTimeout)
	defer timer.Stop()
	select {
	case <-st.acknowledged:
	case <-st.over:
	case <-timer.C:
	case <-l.session.Done():
	case <-l.set.Root.Done():
	}
}

// ackTimeout is how long a server may take to acknowledge a stream.
const ackTimeout = 5 * time.Second

// A stream is one subscriptions/listen.
type stream struct {
	stop func()
	over chan struct{} // closed when it has ended
	// acknowledged is closed when the server has agreed to it.
	acknowledged chan struct{}
	uris         []string   // the resources that it is about
	silent       []string   // those of them that the server has not agreed to tell of; set before acknowledged is closed
	refused      bool       // the server ended it at once: it has nothing to tell of; set before over is closed
	fault        *mcp.Error // with which the server ended it; set before over is closed
}

// open opens a stream for what the server can tell of and somebody wants to know.
func (l *listener) open() *stream {
	st := &stream{over: make(chan struct{}), acknowledged: make(chan struct{}), uris: l.uris()}
	ctx, cancel := context.WithCancel(l.set.Root)
	id := l.session.NextID()
	sink := &listenSink{Sink: l.set.Sink, stream: st}
	request := transport.Request{ID: id, Method: mcp.MethodListen, Params: listenParams(st.uris)}
	opened := time.Now()
	l.set.Work.Go(func() {
		defer close(st.over)
		a, err := l.session.Call(ctx, request, sink)
		st.refused = err == nil && time.Since(opened) < time.Second
		if err == nil {
			st.fault = a.Err(l.session.Revision())
			a.Release()
		} else if ctx.Err() == nil {
			l.set.Log.DebugContext(ctx, "stream of changes ended", slog.Any("error", err))
		}
	})
	st.stop = func() {
		l.hangUp(st, id)
		cancel()
		<-st.over
	}
	return st
}

// hangUp ends the only stream of a session in a way that the server can answer to: some keep only one stream for a session, and must
// have done with the old one before the new one comes.
func (l *listener) hangUp(st *stream, id int64) {
	const patience = 300 * time.Millisecond
	if !l.set.Single || isDone(st.over) || isDone(l.session.Done()) || l.set.Root.Err() != nil {
		return
	}
	params := append(wire.AppendInt([]byte(`{"requestId":`), id), '}')
	if err := l.session.Notify(l.set.Root, mcp.NoticeCancelled, params); err != nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-st.over:
	case <-timer.C:
	}
}

// uris returns the resources that somebody wants to know of and the server has not refused.
func (l *listener) uris() []string {
	all := l.set.all()
	maps.DeleteFunc(all, func(uri string, _ struct{}) bool { return l.refused[uri] != nil })
	return slices.Sorted(maps.Keys(all))
}

// listenParams returns the parameters of subscriptions/listen.
func listenParams(uris []string) []byte {
	dst := []byte(`{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true`)
	for i, uri := range uris {
		if i == 0 {
			dst = append(dst, `,"resourceSubscriptions":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = wire.AppendQuote(dst, uri)
	}
	if len(uris) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}

// A listenSink is the Sink of a stream of changes.
type listenSink struct {
	transport.Sink

	once   sync.Once
	stream *stream
}

// Notice passes changes on.
func (l *listenSink) Notice(m *wire.Message) {
	if string(m.MethodName()) == mcp.NoticeAcknowledged {
		l.once.Do(func() {
			if agreed := wire.Get(m.Bytes(m.Body()), "notifications"); agreed != nil {
				l.stream.silent = without(l.stream.uris, wire.Get(agreed, "resourceSubscriptions"))
			}
			close(l.stream.acknowledged)
		})
		return
	}
	l.Sink.Notice(m)
}

// without returns the texts that are not among the elements of a JSON array.
func without(texts []string, array []byte) []string {
	among := map[string]bool{}
	for one := range wire.Elements(array) {
		text, _ := wire.Unquote(one)
		among[text] = true
	}
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return among[text] })
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
