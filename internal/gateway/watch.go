package gateway

import (
	"context"
	"log/slog"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
)

// The hub counts who wants to be told of a resource; the pool knows which servers
// were asked. What follows brings the two together, for each resource in turn, so
// that a client is told of success only where a server has agreed, and no server
// hears of an end before the beginning.

// watches has what is done for one URI done in turn. The zero value is ready.
type watches struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // by URI; closed when its turn is over
	// stale holds at most one wish to look at all URIs again.
	stale chan struct{}
}

// enter waits for the URI's turn, until ctx ends. The function ends the turn.
func (w *watches) enter(ctx context.Context, uri string) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy[uri] != nil {
		busy := w.busy[uri]
		w.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		w.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
	if w.busy == nil {
		w.busy = map[string]chan struct{}{}
	}
	mine := make(chan struct{})
	w.busy[uri] = mine
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.busy, uri)
		close(mine)
	}, nil
}

// watch subscribes a session to a resource at its server.
func (g *Gateway) watch(ctx context.Context, server string, call *mcp.Call) error {
	leave, err := g.watches.enter(ctx, call.Name)
	if err != nil {
		return err
	}
	defer leave()
	isNew, err := g.hub.Subscribe(call.Session.ID, call.Name)
	if err != nil {
		return err
	}
	err = g.pool.Subscribe(ctx, g.router.Watcher(server, call.Name), call.Name)
	if err != nil && isNew {
		g.hub.Unsubscribe(call.Session.ID, call.Name)
	}
	return err
}

// watchAll asks for the updates of the filter's resources, and leaves out of the
// filter those that cannot be watched.
func (g *Gateway) watchAll(ctx context.Context, call *mcp.Call, f *notice.Filter) {
	var watched []string
	for _, uri := range f.URIs {
		if g.watchFor(ctx, call, uri) {
			watched = append(watched, uri)
		}
	}
	f.URIs = watched
}

// watchFor counts a stream among those who want to be told of a resource, if its
// server tells of it.
func (g *Gateway) watchFor(ctx context.Context, call *mcp.Call, uri string) bool {
	resource, ok := g.shelf(call).catalog.Load().Lookup(mcp.Resource, uri)
	if !ok {
		return false
	}
	leave, err := g.watches.enter(ctx, uri)
	if err != nil {
		return false
	}
	defer leave()
	if err := g.pool.Subscribe(ctx, g.router.Watcher(resource.Dest.Server, uri), uri); err != nil {
		g.log.DebugContext(ctx, "not subscribed", slog.String("uri", uri), slog.Any("error", err))
		return false
	}
	g.hub.Watch(uri)
	return true
}

func (g *Gateway) unwatchAll(ctx context.Context, uris []string) {
	for _, uri := range uris {
		if g.hub.Unwatch(uri) {
			g.unwatch(ctx, uri)
		}
	}
}

// unwatch tells the servers of a resource that nobody wants to be told of it any
// more, if that is still so.
func (g *Gateway) unwatch(ctx context.Context, uri string) {
	leave, err := g.watches.enter(ctx, uri)
	if err != nil {
		return
	}
	defer leave()
	if g.hub.Wanted(uri) {
		return
	}
	if err := g.pool.Unsubscribe(ctx, uri); err != nil {
		g.log.DebugContext(ctx, "not unsubscribed", slog.String("uri", uri), slog.Any("error", err))
	}
}

// rewatch asks again for what servers do not tell of although somebody wants to
// know, whenever a catalogue was made anew: a server may have come back, or a
// resource have moved to another one. It ends with ctx.
func (g *Gateway) rewatch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.watches.stale:
		}
		for _, uri := range g.hub.Watched() {
			g.watchAgain(ctx, uri)
		}
	}
}

func (g *Gateway) watchAgain(ctx context.Context, uri string) {
	leave, err := g.watches.enter(ctx, uri)
	if err != nil {
		return
	}
	defer leave()
	if !g.hub.Wanted(uri) {
		return
	}
	for i := range g.shelves {
		resource, ok := g.shelves[i].catalog.Load().Lookup(mcp.Resource, uri)
		if !ok {
			continue
		}
		if err := g.pool.Subscribe(ctx, g.router.Watcher(resource.Dest.Server, uri), uri); err != nil && ctx.Err() == nil {
			g.log.WarnContext(ctx, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
		}
	}
}
