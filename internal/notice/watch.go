package notice

import (
	"context"
	"log/slog"
	"sync"
)

// Servers are who is asked to tell of resources.
type Servers interface {
	// Subscribe asks a server to tell of a resource. Asked again it does nothing.
	Subscribe(ctx context.Context, server, uri string) error
	// Unsubscribe takes that back from whoever was asked.
	Unsubscribe(ctx context.Context, uri string) error
	// Owners are the servers that have the resource now.
	Owners(uri string) []string
}

// Watches brings two things together: the Hub counts who wants to be told of a resource, and servers were asked to tell. It does so for
// each resource in turn, so that a client is told of success only where a server has agreed, and no server hears of an end before the
// beginning. Its methods may be called concurrently.
type Watches struct {
	hub     *Hub
	servers Servers
	log     *slog.Logger

	mu   sync.Mutex
	busy map[string]chan struct{} // by URI; closed when its turn is over
	// stale holds at most one wish to look at all URIs again.
	stale chan struct{}
}

// NewWatches returns Watches of nothing.
func NewWatches(hub *Hub, servers Servers, log *slog.Logger) *Watches {
	return &Watches{hub: hub, servers: servers, log: log, busy: map[string]chan struct{}{}, stale: make(chan struct{}, 1)}
}

// enter waits for the URI's turn, until ctx ends. The function ends the turn.
func (w *Watches) enter(ctx context.Context, uri string) (leave func(), err error) {
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
	mine := make(chan struct{})
	w.busy[uri] = mine
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.busy, uri)
		close(mine)
	}, nil
}

// Subscribe has a session told of a resource that the server has.
func (w *Watches) Subscribe(ctx context.Context, session, server, uri string) error {
	leave, err := w.enter(ctx, uri)
	if err != nil {
		return err
	}
	defer leave()
	isNew, err := w.hub.Subscribe(session, uri)
	if err != nil {
		return err
	}
	err = w.servers.Subscribe(ctx, server, uri)
	if err != nil && isNew {
		w.hub.Unsubscribe(session, uri)
	}
	return err
}

// Unsubscribe undoes Subscribe.
func (w *Watches) Unsubscribe(ctx context.Context, session, uri string) {
	if w.hub.Unsubscribe(session, uri) {
		w.Forget(ctx, uri)
	}
}

// Begin counts a stream among those who want to be told of a resource that the server has, if that tells of it.
func (w *Watches) Begin(ctx context.Context, server, uri string) bool {
	leave, err := w.enter(ctx, uri)
	if err != nil {
		return false
	}
	defer leave()
	if err := w.servers.Subscribe(ctx, server, uri); err != nil {
		w.log.DebugContext(ctx, "not subscribed", slog.String("uri", uri), slog.Any("error", err))
		return false
	}
	w.hub.Watch(uri)
	return true
}

// End undoes Begin for each of the resources.
func (w *Watches) End(ctx context.Context, uris []string) {
	for _, uri := range uris {
		if w.hub.Unwatch(uri) {
			w.Forget(ctx, uri)
		}
	}
}

// Forget tells the servers of resources that nobody wants to be told of them any more, as far as that is still so.
func (w *Watches) Forget(ctx context.Context, uris ...string) {
	for _, uri := range uris {
		w.forget(ctx, uri)
	}
}

func (w *Watches) forget(ctx context.Context, uri string) {
	leave, err := w.enter(ctx, uri)
	if err != nil {
		return
	}
	defer leave()
	if w.hub.Wanted(uri) {
		return
	}
	if err := w.servers.Unsubscribe(ctx, uri); err != nil {
		w.log.DebugContext(ctx, "not unsubscribed", slog.String("uri", uri), slog.Any("error", err))
	}
}

// Stale says that a server may have come back, or a resource have moved to another one. It does not wait.
func (w *Watches) Stale() {
	select {
	case w.stale <- struct{}{}:
	default:
	}
}

// Renew asks again, whenever something is stale, for what servers do not tell of although somebody wants to know. It ends with ctx.
func (w *Watches) Renew(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.stale:
		}
		for _, uri := range w.hub.Watched() {
			w.renew(ctx, uri)
		}
	}
}

func (w *Watches) renew(ctx context.Context, uri string) {
	leave, err := w.enter(ctx, uri)
	if err != nil {
		return
	}
	defer leave()
	if !w.hub.Wanted(uri) {
		return
	}
	for _, server := range w.servers.Owners(uri) {
		if err := w.servers.Subscribe(ctx, server, uri); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "subscription lost", slog.String("uri", uri), slog.Any("error", err))
		}
	}
}
