// Package serving knows which calls a session of one client serves. What the server says outside of a call belongs to a call if
// that is the only one.
package serving

import (
	"context"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Calls are those that a session serves now. The zero value serves none. Its methods may be called concurrently.
type Calls struct {
	mu  sync.Mutex
	all map[*call]struct{}
}

// A call is one that the session serves.
type call struct {
	transport.Sink

	ctx    context.Context //nolint:containedctx // ends when the call is not served any more
	asking sync.WaitGroup  // who puts a question to its client
}

// Serve notes a call, which ends with ctx. The function takes it out again; the call is told and asked nothing more when it returns.
func (c *Calls) Serve(ctx context.Context, to transport.Sink) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[*call]struct{}{}
	}
	ctx, cancel := context.WithCancel(ctx)
	its := &call{Sink: to, ctx: ctx}
	c.all[its] = struct{}{}
	return func() {
		c.mu.Lock()
		delete(c.all, its)
		c.mu.Unlock()
		cancel()
		its.asking.Wait() // the call's reply may be used again for another client
	}
}

// Tell hands a notification to the only call; it reports false if there is none.
func (c *Calls) Tell(m *wire.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	only := c.only()
	if only != nil {
		only.Notice(m)
	}
	return only != nil
}

// only returns the only call, nil if there is none. It is called with the lock held.
func (c *Calls) only() *call {
	if len(c.all) != 1 {
		return nil
	}
	for its := range c.all {
		return its
	}
	return nil
}

// enter returns the only call, nil if there is none. Who gets one calls asking.Done when the call is not used any more.
func (c *Calls) enter() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	only := c.only()
	if only != nil {
		only.asking.Add(1)
	}
	return only
}

// Ask puts a question to the client of the only call; it reports false if there is none. The question ends with the call.
func (c *Calls) Ask(ctx context.Context, m *wire.Message) (result []byte, e *mcp.Error, ok bool) {
	only := c.enter()
	if only == nil {
		return nil, nil, false
	}
	defer only.asking.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(only.ctx, func() { cancel(context.Cause(only.ctx)) })() //nolint:contextcheck // the call that the question belongs to
	result, e = only.Question(ctx, m)
	return result, e, true
}
