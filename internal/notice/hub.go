// Package notice tells clients what has changed: lists, resources they are
// subscribed to, and what a server says to one of them. Each listener has a
// mailbox of its own, in which notices are merged while it is slow or away, so
// that none waits for another.
//
// The Hub starts no goroutines: each Listen delivers in the goroutine of its caller.
package notice

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	// settle is how long a changed list is left alone before it is announced, so
	// that many changes at once are one notice.
	settle = 50 * time.Millisecond
	// patience is how long a question waits for the client's stream to open.
	patience = 5 * time.Second
	// MaxURIs is how many resources one client may be subscribed to.
	MaxURIs = 1024
	// maxURI is how long the URI of a subscription may be, in bytes.
	maxURI = 8 << 10
)

// A Hub brings notices to those who listen. It is safe for concurrent use.
type Hub struct {
	log *slog.Logger
	// announcements are the notices that lists have changed.
	announcements [lists]*wire.Message
	lost          atomic.Int64

	// mu guards what follows. It is never held while something is sent; the locks
	// of mailboxes are taken within it.
	mu sync.Mutex
	// sessions holds the mailboxes of legacy sessions, by session.
	sessions map[string]*mailbox
	// streams are the mailboxes of modern streams.
	streams map[*mailbox]struct{}
	// watched counts who wants to be told of a resource, sessions and streams alike.
	watched map[string]int
	// subscribers are the mailboxes to which the updates of a resource go.
	subscribers map[string]map[*mailbox]struct{}
}

// NewHub returns a Hub without listeners.
func NewHub(log *slog.Logger) *Hub {
	h := &Hub{
		log: log, sessions: map[string]*mailbox{}, streams: map[*mailbox]struct{}{},
		watched: map[string]int{}, subscribers: map[string]map[*mailbox]struct{}{},
	}
	for l := range lists {
		h.announcements[l] = Message([]byte(`{"jsonrpc":"2.0","method":"` + l.method() + `"}`))
	}
	return h
}

// Open makes the mailbox of a legacy session that is shown the lists of a group.
// What happens from now on is kept for it until it listens.
func (h *Hub) Open(session string, group int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[session] == nil {
		h.sessions[session] = newMailbox(Filter{Group: group, Tools: true, Prompts: true, Resources: true})
	}
}

// Drop ends a legacy session's mailbox and whoever listens to it. It returns the
// resources that nobody is subscribed to any more, so that their servers can be told.
func (h *Hub) Drop(session string) (uris []string) {
	h.mu.Lock()
	box := h.sessions[session]
	delete(h.sessions, session)
	if box != nil {
		for uri := range box.uris {
			h.detach(uri, box)
			if h.unwatch(uri) {
				uris = append(uris, uri)
			}
		}
	}
	h.mu.Unlock()
	if box != nil {
		box.close()
	}
	return uris
}

// Subscribe tells the session of a resource's updates from now on. It is new unless
// the session was subscribed before. A session that is not open, or has more than
// enough subscriptions, gets none and an *mcp.Error.
func (h *Hub) Subscribe(session, uri string) (isNew bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.sessions[session]
	switch {
	case box == nil:
		return false, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported, "the session has ended")
	case box.uris[uri]:
		return false, nil
	}
	if err := Bound(len(box.uris), uri); err != nil {
		return false, err
	}
	if box.uris == nil {
		box.uris = map[string]bool{}
	}
	box.uris[uri] = true
	h.attach(uri, box)
	h.watched[uri]++
	return true, nil
}

// Bound refuses one more subscription to the URI where there are n, with an *mcp.Error.
func Bound(n int, uri string) error {
	switch {
	case n >= MaxURIs:
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "a client may be subscribed to at most %d resources", MaxURIs)
	case len(uri) > maxURI:
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "the URI of a subscription may have at most %d bytes", maxURI)
	}
	return nil
}

// Unsubscribe undoes Subscribe. Last says that nobody is subscribed any more.
func (h *Hub) Unsubscribe(session, uri string) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.sessions[session]
	if box == nil || !box.uris[uri] {
		return false
	}
	delete(box.uris, uri)
	h.detach(uri, box)
	return h.unwatch(uri)
}

// Watch counts a modern stream among those who want to be told of a resource.
func (h *Hub) Watch(uri string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched[uri]++
}

// Watched returns the resources that somebody wants to be told of, in order.
func (h *Hub) Watched() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.watched))
}

// Wanted reports whether somebody wants to be told of the resource.
func (h *Hub) Wanted(uri string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watched[uri] > 0
}

// Unwatch undoes one Watch. Last says that nobody is subscribed any more.
func (h *Hub) Unwatch(uri string) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unwatch(uri)
}

func (h *Hub) unwatch(uri string) (last bool) {
	n, ok := h.watched[uri]
	if n > 1 {
		h.watched[uri] = n - 1
		return false
	}
	delete(h.watched, uri)
	return ok
}

func (h *Hub) attach(uri string, box *mailbox) {
	if h.subscribers[uri] == nil {
		h.subscribers[uri] = map[*mailbox]struct{}{}
	}
	h.subscribers[uri][box] = struct{}{}
}

func (h *Hub) detach(uri string, box *mailbox) {
	delete(h.subscribers[uri], box)
	if len(h.subscribers[uri]) == 0 {
		delete(h.subscribers, uri)
	}
}

// ListChanged tells everyone of a group who wants to know that a list has changed.
// Templates are announced as resources.
func (h *Hub) ListChanged(kind mcp.Kind, group int) {
	list, ok := listOf(kind)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, box := range h.sessions {
		if box.filter.Group == group {
			box.changed(list)
		}
	}
	for box := range h.streams {
		if box.filter.Group == group {
			box.changed(list)
		}
	}
}

// Updated tells those subscribed to exactly that resource what its server says of it.
func (h *Hub) Updated(uri string, m *wire.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subscribers[uri]) == 0 {
		return
	}
	update := newLetter(uri, m)
	for box := range h.subscribers[uri] {
		box.put(update)
	}
}

// Tell keeps a notification for one legacy session's stream.
func (h *Hub) Tell(session string, m *wire.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if box := h.sessions[session]; box != nil {
		box.put(newLetter("", m))
	}
}

// Lost returns how many notices were lost since listeners were too slow.
func (h *Hub) Lost() int64 { return h.lost.Load() }

// Listen delivers what comes until ctx ends, the session is dropped or a newer
// Listen of the same session takes over; then it returns nil. It returns an error
// where sending failed, and a *LostError where the listener was too slow. A legacy session is told everything, with the
// resources it is subscribed to, and f is nil; a modern stream has no session and
// is told what f says.
func (h *Hub) Listen(ctx context.Context, session string, f *Filter, reply mcp.Reply) error {
	box := h.mailbox(session, f)
	if box == nil {
		return nil
	}
	if session == "" {
		defer h.leave(box)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	turn, ok := box.take(ctx, end, reply)
	if !ok {
		return nil
	}
	defer turn.leave()
	if f != nil && f.Hello != nil {
		if err := reply.Notify(ctx, f.Hello); err != nil {
			return unlessEnded(ctx, err)
		}
	}
	return unlessEnded(ctx, h.deliver(ctx, turn))
}

// deliver sends what is in the mailbox, and what comes, until ctx ends or sending fails.
func (h *Hub) deliver(ctx context.Context, t *turn) error {
	for {
		next, pause := t.box.next()
		if next == nil {
			if err := pause.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if next.lost > 0 {
			h.lost.Add(int64(next.lost))
			t.box.putBack(next)
			h.log.WarnContext(ctx, "a slow listener has lost notices", slog.Int("lost", next.lost))
			return &LostError{N: next.lost}
		}
		message := h.announcements[next.list]
		if next.letter != nil {
			message = &next.letter.message
		}
		if err := t.reply.Notify(ctx, message); err != nil {
			t.box.putBack(next)
			return err
		}
	}
}

// unlessEnded returns the error unless it is only that the listener was to end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // whoever ended it does not want to hear that it failed
	}
	return err
}

// mailbox returns the mailbox of a session, nil if it is not open, or a new one for a stream.
func (h *Hub) mailbox(session string, f *Filter) *mailbox {
	h.mu.Lock()
	defer h.mu.Unlock()
	if session != "" || f == nil {
		return h.sessions[session]
	}
	box := newMailbox(*f)
	h.streams[box] = struct{}{}
	for _, uri := range f.URIs {
		h.attach(uri, box)
	}
	return box
}

// leave forgets the mailbox of a stream.
func (h *Hub) leave(box *mailbox) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, box)
	for _, uri := range box.filter.URIs {
		h.detach(uri, box)
	}
}

// Listens reports whether the client of a legacy session has a stream on which it
// listens.
func (h *Hub) Listens(session string) bool {
	h.mu.Lock()
	box := h.sessions[session]
	h.mu.Unlock()
	return box != nil && box.heard()
}

// Ask puts a server's questions to the client of a legacy session through the
// stream on which it listens. If there is none it waits a little for one to open;
// without one the client cannot be asked, and the error is mcp.ErrUnsupported.
func (h *Hub) Ask(ctx context.Context, session string, questions []mcp.Question) ([]mcp.Answer, error) {
	h.mu.Lock()
	box := h.sessions[session]
	h.mu.Unlock()
	if box == nil {
		return nil, mcp.ErrUnsupported
	}
	turn, err := box.await(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.asking.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer turn.onEnd(cancel)()
	return turn.reply.Ask(ctx, questions)
}
