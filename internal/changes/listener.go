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
	again   chan chan struct{} // asks for a new stream; the channel within is closed when the server has acknowledged it
}

// renew opens a new stream, with the subscriptions as they are now, and waits until the server has acknowledged it.
func (l *listener) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ackTimeout, mcp.Errorf(mcp.CodeInternal, mcp.Upstream,
		"server %q does not acknowledge the subscription", l.set.Name))
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
	var old *stream
	for failures := 0; ; {
		end := l.replace(old, acknowledged)
		old, acknowledged = nil, nil
		select {
		case acknowledged = <-l.again:
			old, failures = end, 0
			continue
		case <-end.over:
		case <-l.session.Done():
			end.stop()
			return
		case <-l.set.Root.Done():
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
		l.set.Missed()
		return true
	case *acknowledged = <-l.again:
		return true
	case <-l.session.Done():
		return false
	case <-l.set.Root.Done():
		return false
	}
}

// replace opens a stream in the place of an old one, if there is one. The old one goes on until the new one is there, so that
// nothing is missed. Where there can be only one it ends first, and the lists may have changed in between. Acknowledged, unless it is
// nil, is closed when the server has agreed and the old one is gone.
func (l *listener) replace(old *stream, acknowledged chan struct{}) *stream {
	if old != nil && l.set.Single {
		old.stop()
	}
	next := l.open()
	if acknowledged == nil {
		return next
	}
	l.settle(next)
	switch {
	case old == nil:
	case l.set.Single:
		l.set.Missed()
	default:
		old.stop()
	}
	if isDone(next.acknowledged) {
		close(acknowledged)
	}
	return next
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
	refused      bool // the server ended it at once: it has nothing to tell of; set before over is closed
}

// open opens a stream for what the server can tell of and somebody wants to know.
func (l *listener) open() *stream {
	st := &stream{over: make(chan struct{}), acknowledged: make(chan struct{})}
	ctx, cancel := context.WithCancel(l.set.Root)
	id := l.session.NextID()
	sink := &listenSink{Sink: l.set.Sink, acknowledged: st.acknowledged}
	request := transport.Request{ID: id, Method: mcp.MethodListen, Params: l.wanted()}
	opened := time.Now()
	l.set.Work.Go(func() {
		defer close(st.over)
		a, err := l.session.Call(ctx, request, sink)
		st.refused = err == nil && time.Since(opened) < time.Second
		if err == nil {
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

// wanted returns the parameters of subscriptions/listen.
func (l *listener) wanted() []byte {
	dst := []byte(`{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true`)
	for i, uri := range slices.Sorted(maps.Keys(l.set.all())) {
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
	transport.Sink

	once         sync.Once
	acknowledged chan struct{}
}

// Notice passes changes on.
func (l *listenSink) Notice(m *wire.Message) {
	if string(m.MethodName()) == mcp.NoticeAcknowledged {
		l.once.Do(func() { close(l.acknowledged) })
		return
	}
	l.Sink.Notice(m)
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
