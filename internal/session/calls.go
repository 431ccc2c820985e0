package session

import (
	"context"
	"errors"
	"sync"
)

// ErrDuplicate says that a request with the same id is still in flight.
var ErrDuplicate = errors.New("a request with this id is still in flight")

// Calls are the calls of one client that are in flight. Its methods may be
// called concurrently.
type Calls struct {
	// ctx is the parent of every call's context.
	ctx context.Context
	end context.CancelFunc

	mu sync.Mutex
	// inFlight holds the calls that wait for their answer, by the bytes of the client's id.
	inFlight map[string]*flight
}

// A flight is one call.
type flight struct{ cancel context.CancelCauseFunc }

// NewCalls returns a registry whose calls end with ctx at the latest.
func NewCalls(ctx context.Context) *Calls {
	ctx, end := context.WithCancel(ctx)
	return &Calls{ctx: ctx, end: end}
}

// Context ends when End is called.
func (c *Calls) Context() context.Context { return c.ctx }

// End cancels every call, and every later one at once.
func (c *Calls) End() { c.end() }

// Begin registers a call under the bytes of the client's id. The context ends
// when the call is cancelled, when all calls are ended, or when the returned
// function is called, which the caller must do.
func (c *Calls) Begin(id []byte) (context.Context, func(), error) {
	key := string(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.inFlight[key]; ok {
		return nil, nil, ErrDuplicate
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	f := &flight{cancel: cancel}
	if c.inFlight == nil {
		c.inFlight = map[string]*flight{}
	}
	c.inFlight[key] = f
	return ctx, func() {
		c.mu.Lock()
		if c.inFlight[key] == f { // and not the next call with that id
			delete(c.inFlight, key)
		}
		c.mu.Unlock()
		cancel(nil)
	}, nil
}

// Answering says that the call's answer is about to be sent. From then on its id is
// free, since the client may use it again before the call has come to its end here.
func (c *Calls) Answering(id []byte) {
	c.mu.Lock()
	delete(c.inFlight, string(id))
	c.mu.Unlock()
}

// Cancel cancels the call with that id. It reports whether there was one.
func (c *Calls) Cancel(id []byte, cause error) bool {
	c.mu.Lock()
	f := c.inFlight[string(id)]
	c.mu.Unlock()
	if f != nil {
		f.cancel(cause)
	}
	return f != nil
}
