// Package changes keeps up with what a server says has changed: it subscribes to resources, one by one in the legacy era and
// all together on one stream in the modern era, and again on each new session.
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

// askTimeout is how long a server may take to answer to a subscription.
const askTimeout = 30 * time.Second

// A Server is what a Set must know of the server that it belongs to.
type Server struct {
	Name string
	// Single says that a session may bear one stream of changes only: servers in this process, and some over a pipe.
	Single bool
	// Sink is told what the server says.
	Sink transport.Sink
	// Missed is called when changes may have been missed.
	Missed func()
	Log    *slog.Logger
	// Root ends with the server, which waits for Work.
	Root context.Context //nolint:containedctx // of what the server owns
	Work *sync.WaitGroup
}

// A Set is the resources of a server that somebody is subscribed to, all through one session at a time. Its methods may be
// called concurrently.
type Set struct {
	Server

	mu     sync.Mutex
	uris   map[string]struct{}
	stream *listener // of the modern session in force
}

// NewSet returns a Set without resources.
func NewSet(s Server) *Set { return &Set{Server: s, uris: map[string]struct{}{}} }

// Has reports whether somebody is subscribed to the resource.
func (t *Set) Has(uri string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.uris[uri]
	return ok
}

// Add notes a resource. The server is told by Tell.
func (t *Set) Add(uri string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uris[uri] = struct{}{}
}

// Remove forgets a resource and reports whether it was there.
func (t *Set) Remove(uri string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.uris[uri]
	delete(t.uris, uri)
	return ok
}

// TakeOver takes the resources of another Set too. Session is the one that the server has already, nil if it has none; it is told of them
// without waiting for it.
func (t *Set) TakeOver(from *Set, session *transport.Session) {
	uris := from.all()
	t.mu.Lock()
	maps.Copy(t.uris, uris)
	l := t.stream
	t.mu.Unlock()
	switch {
	case session == nil || len(uris) == 0:
	case session.Revision().Stateless:
		t.Work.Go(func() { _ = l.renew(t.Root, "") }) // what the server refuses, the stream itself leaves out
	default:
		t.Resubscribe(session, slices.Sorted(maps.Keys(uris)), func(uri string) { t.Remove(uri) })
	}
}

// all returns a copy.
func (t *Set) all() map[string]struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.uris)
}

// Resubscribe subscribes on a new session of the legacy era and does not wait. What the server refuses is lost.
func (t *Set) Resubscribe(session *transport.Session, uris []string, lost func(uri string)) {
	t.Work.Go(func() {
		for _, uri := range uris {
			err := Ask(t.Root, session, mcp.MethodSubscribe, uri)
			if err == nil || isDone(session.Done()) || t.Root.Err() != nil {
				continue
			}
			lost(uri)
			t.Log.WarnContext(t.Root, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
		}
	})
}

// Ask subscribes or unsubscribes at a legacy server.
func Ask(ctx context.Context, s *transport.Session, method, uri string) error {
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

// Attend takes the subscriptions over to a new session. It does not wait for the server.
func (t *Set) Attend(session *transport.Session) {
	if session.Revision().Stateless {
		l := &listener{set: t, session: session, again: make(chan wish), refused: map[string]*mcp.Error{}}
		t.mu.Lock()
		t.stream = l
		t.mu.Unlock()
		t.Work.Go(l.run)
		return
	}
	t.Resubscribe(session, slices.Sorted(maps.Keys(t.all())), func(uri string) { t.Remove(uri) })
}

// Tell tells the server of a change of the subscriptions, by a method of the legacy era or in the modern era's way.
func (t *Set) Tell(ctx context.Context, session *transport.Session, method, uri string) error {
	if !session.Revision().Stateless {
		return Ask(ctx, session, method, uri)
	}
	t.mu.Lock()
	l := t.stream
	t.mu.Unlock()
	return l.renew(ctx, uri)
}
