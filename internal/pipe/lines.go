package pipe

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// How many lines there may be at once, and how many of them may be one caller's.
const (
	maxLines  = 10_000
	maxShared = 1_000
)

// LinesOptions configures the doors for lines over HTTP.
type LinesOptions struct {
	Options
	// Authenticate says who made a request. It is asked again for each message of a
	// WebSocket, so that a key which was revoked is good for nothing.
	Authenticate func(*http.Request) (*mcp.Caller, *mcp.Error)
	// WriteTimeout is how long a client may take to read a message: 30 seconds unless it is set.
	WriteTimeout time.Duration
	// KeepAlive is how often a line shows that it is there: every 25 seconds unless it is set.
	KeepAlive time.Duration
}

// Lines are the doors for clients that keep one conversation over HTTP: WebSocket
// and the older HTTP+SSE. Who calls them has looked at Host and Origin and knows
// the caller. They outlive a configuration. Their methods may be called concurrently.
type Lines struct {
	LinesOptions

	// drained is closed when no further line is opened and those that are open begin
	// no further call.
	drained chan struct{}
	// ctx ends when everything is to end at once.
	ctx context.Context
	end context.CancelFunc

	mu sync.Mutex
	// closing says that drained is closed.
	closing bool
	// open counts the lines, by the ID of the caller, and total all of them; idle is
	// closed when there is none any more, once it is drained.
	open  map[string]int
	total int
	idle  chan struct{}
	// streams are the conversations over HTTP+SSE, by their tokens.
	streams map[string]*stream
}

// NewLines returns the doors. Close ends them.
func NewLines(ctx context.Context, o LinesOptions) *Lines {
	if o.WriteTimeout == 0 {
		o.WriteTimeout = dialogue.WriteTimeout
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = dialogue.KeepAlive
	}
	l := &Lines{
		LinesOptions: o, drained: make(chan struct{}), idle: make(chan struct{}),
		open: map[string]int{}, streams: map[string]*stream{},
	}
	l.ctx, l.end = context.WithCancel(ctx)
	return l
}

// Drain opens no further line. Those that are open answer what is in flight, and end.
func (l *Lines) Drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	l.closing = true
	close(l.drained)
	if l.total == 0 {
		close(l.idle)
	}
}

// Wait returns when no line is left after Drain, or when ctx ends, with its error.
func (l *Lines) Wait(ctx context.Context) error {
	select {
	case <-l.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every line at once and waits for that, as long as ctx lasts.
func (l *Lines) Close(ctx context.Context) error {
	l.Drain()
	l.end()
	return l.Wait(ctx)
}

// enter counts a line of a caller. Who got no error calls leave when it has ended.
func (l *Lines) enter(caller *mcp.Caller) *mcp.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closing:
		return errClosing
	case l.total >= maxLines || l.open[caller.ID] >= maxShared:
		return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "too many connections that stay open; close some and try again")
	}
	l.open[caller.ID]++
	l.total++
	return nil
}

func (l *Lines) leave(caller *mcp.Caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.open[caller.ID]--; l.open[caller.ID] == 0 {
		delete(l.open, caller.ID)
	}
	if l.closing && l.total == 0 {
		close(l.idle)
	}
}

// context returns the context of a line: it ends with the server's, with the house,
// with the caller's key, or when the returned function is called.
func (l *Lines) context(r *http.Request, caller *mcp.Caller) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(l.ctx, cancel)
	var watching sync.WaitGroup
	if over := caller.Over; over != nil {
		watching.Go(func() {
			select {
			case <-over:
				cancel()
			case <-ctx.Done():
			}
		})
	}
	return ctx, func() {
		stop()
		cancel()
		watching.Wait()
	}
}
