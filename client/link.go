package client

import (
	"context"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file keeps the one session of a Client: it is opened when it is needed, and again when it was lost.

// current returns the session, opened if there is none.
func (c *Client) current(ctx context.Context) (*transport.Session, error) {
	if s := c.alive(); s != nil {
		return s, nil
	}
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s := c.alive(); s != nil {
		return s, nil
	}
	return c.open(ctx)
}

// alive returns the session, nil if there is none or it was lost.
func (c *Client) alive() *transport.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil || isDone(c.session.Done()) {
		return nil
	}
	return c.session
}

// enter waits until nobody else opens a session or changes how it is attended.
func (c *Client) enter(ctx context.Context) (leave func(), err error) {
	if c.root.Err() != nil {
		return nil, ErrClosed
	}
	select {
	case c.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.root.Done():
		return nil, ErrClosed
	}
	if c.root.Err() != nil {
		<-c.gate
		return nil, ErrClosed
	}
	return func() { <-c.gate }, nil
}

// open opens a session in the place of the last one. It is called by who has the gate.
func (c *Client) open(ctx context.Context) (*transport.Session, error) {
	c.mu.Lock()
	old := c.session
	c.session = nil
	c.mu.Unlock()
	if old != nil {
		c.work.Go(old.Close) // Close of the Client, which waits for it, waits for the gate first
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(c.root, func() { cancel(ErrClosed) }) //nolint:contextcheck // the session ends with the Client too
	defer stop()
	s, err := transport.Open(ctx, c.target, c.hello)
	if err != nil {
		return nil, err
	}
	c.target.Era, c.target.Events = transport.EraOf(s.Revision()), s.Events()
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.setLevel(ctx, s)
	if c.watches {
		c.set.Attend(s)
		c.missed()
	}
	return s, nil
}

// setLevel asks a server of the legacy era for its log; in the modern era each request does.
func (c *Client) setLevel(ctx context.Context, s *transport.Session) {
	if c.opts.level == "" || s.Revision().Stateless {
		return
	}
	params := wire.Object{}.Text("level", c.opts.level).End()
	a, err := s.Call(ctx, transport.Request{Method: mcp.MethodSetLevel, Params: params}, sink{client: c})
	if err != nil {
		c.set.Log.DebugContext(ctx, "the server was not asked for its log", slog.Any("error", err))
		return
	}
	a.Release() // a server without a log refuses
}

// The waits between attempts to open a session again that subscribers need.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 30 * time.Second
)

// keep opens the session again whenever it is lost, until the Client is closed: who listens makes no call that would do it.
func (c *Client) keep() {
	for failures := 0; c.root.Err() == nil; {
		s, err := c.current(c.root)
		if err == nil {
			failures = 0
			select {
			case <-s.Done():
			case <-c.root.Done():
			}
			continue
		}
		timer := time.NewTimer(min(firstWait<<min(failures, 10), longestWait))
		failures++
		select {
		case <-timer.C:
		case <-c.root.Done():
			timer.Stop()
		}
	}
}

// isDone reports whether a channel was closed.
func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
