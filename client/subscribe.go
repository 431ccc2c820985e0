package client

import (
	"context"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// An Update says that a resource has changed.
type Update struct {
	// URI is the resource.
	URI string
	// ETag is the state that it is in now, where the server says so.
	ETag string
	// Missed says that the line to the server was interrupted, so that the resource may have changed or not.
	Missed bool
}

// A Subscription is to one resource. It must be closed, unless the Client is.
type Subscription struct {
	client *Client
	uri    string
	tell   func(Update)

	once sync.Once
	over chan struct{}
	done chan struct{} // closed when tell is not called any more
	news chan struct{} // something is pending

	settled bool // the server has agreed; the Client's mutex guards it

	mu      sync.Mutex
	pending Update
}

// Subscribe calls f after each change of a resource, in a goroutine of its own, until the Subscription is closed or the Client is.
// Changes that come while f works are told as one. When the line to the server breaks it is opened again, and what may have been missed
// is told. F may use the Client, but must not close it or the Subscription.
func (c *Client) Subscribe(ctx context.Context, uri string, f func(Update)) (*Subscription, error) {
	s := &Subscription{
		client: c, uri: uri, tell: f,
		over: make(chan struct{}), done: make(chan struct{}), news: make(chan struct{}, 1),
	}
	q := request{method: mcp.MethodSubscribe, name: uri}
	ctx, end, err := c.begin(ctx, &q)
	if err != nil {
		return nil, err
	}
	defer end()
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, failure(ctx, q.doing(), nil, err)
	}
	defer leave()
	session, err := c.attended(ctx)
	if err != nil {
		return nil, failure(ctx, q.doing(), nil, err)
	}
	c.enlist(s)
	if err := c.set.Tell(ctx, session, mcp.MethodSubscribe, uri); err != nil {
		c.delist(s)
		return nil, c.failed(ctx, session, &q, err)
	}
	c.settle(s)
	c.work.Go(s.run)
	if !c.keeping {
		c.keeping = true
		c.work.Go(c.keep)
	}
	return s, nil
}

// attended returns a session whose changes are heard. It is called by who has the gate.
func (c *Client) attended(ctx context.Context) (*transport.Session, error) {
	session := c.alive()
	if session == nil {
		var err error
		if session, err = c.open(ctx); err != nil {
			return nil, err
		}
	}
	if !c.watches {
		c.watches = true
		c.set.Attend(session)
	}
	return session, nil
}

// enlist notes a subscription.
func (c *Client) enlist(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[s.uri] == nil {
		c.subs[s.uri] = map[*Subscription]struct{}{}
	}
	c.subs[s.uri][s] = struct{}{}
	c.set.Add(s.uri)
}

// settle notes that the server has agreed to a subscription.
func (c *Client) settle(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.settled = true
}

// delist forgets a subscription and reports whether it was the last one to its resource.
func (c *Client) delist(s *Subscription) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs[s.uri], s)
	if len(c.subs[s.uri]) > 0 {
		return false
	}
	delete(c.subs, s.uri)
	return c.set.Remove(s.uri)
}

// Close ends the subscription and waits until its function has returned. The server is told if it was the last one to the resource;
// the error says that it was not. It may be called more than once.
func (s *Subscription) Close(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		close(s.over)
		<-s.done
		err = s.client.unsubscribe(ctx, s)
	})
	return err
}

// unsubscribe tells the server that nobody is subscribed to a resource any more, if that is so and there is a session.
func (c *Client) unsubscribe(ctx context.Context, s *Subscription) error {
	q := request{method: mcp.MethodUnsubscribe, name: s.uri}
	ctx, end, err := c.begin(ctx, &q)
	if err != nil {
		return nil // the Client is closed, and all its subscriptions with it
	}
	defer end()
	leave, err := c.enter(ctx)
	if err != nil {
		c.delist(s)
		return failure(ctx, q.doing(), nil, err)
	}
	defer leave()
	session := c.alive()
	if !c.delist(s) || session == nil {
		return nil
	}
	if err := c.set.Tell(ctx, session, q.method, s.uri); err != nil {
		return failure(ctx, q.doing(), session.Revision(), err)
	}
	return nil
}

// run tells of changes until the subscription ends.
func (s *Subscription) run() {
	defer close(s.done)
	for {
		select {
		case <-s.news:
		case <-s.over:
			return
		case <-s.client.root.Done():
			return
		}
		s.mu.Lock()
		u := s.pending
		s.pending = Update{}
		s.mu.Unlock()
		s.tell(u)
	}
}

// note makes a change known to run.
func (s *Subscription) note(u Update) {
	s.mu.Lock()
	u.Missed = u.Missed || s.pending.Missed
	s.pending = u
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// updated tells those who are subscribed to a resource.
func (c *Client) updated(uri, etag string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs[uri] {
		s.note(Update{URI: uri, ETag: etag})
	}
}

// missed tells all subscribers that something may have changed.
func (c *Client) missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for uri, subs := range c.subs {
		for s := range subs {
			if s.settled {
				s.note(Update{URI: uri, Missed: true})
			}
		}
	}
}
