package egress

import (
	"context"
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/listing"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Newcomer is a server that runs beside the one of its name, which goes on, and is not called by anybody yet.
type Newcomer struct {
	// Listing is what it offers to whoever comes.
	Listing *mcp.Listing

	s *server
}

// Beside starts a server beside the one whose place it may take, and waits until it has given its lists. An error says why it has not;
// then nothing of it is left. A Newcomer is taken, or dropped.
func (p *Pool) Beside(ctx context.Context, c config.Server) (*Newcomer, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errors.New("the gateway is shutting down")
	}
	n := &Newcomer{s: newServer(p, c, nil)}
	n.s.aside.Store(true)
	p.beside[n.s] = struct{}{}
	n.s.start()
	p.mu.Unlock()
	if err := n.prove(ctx); err != nil {
		n.Drop()
		return nil, err
	}
	return n, nil
}

// prove waits until the server has given its lists.
func (n *Newcomer) prove(ctx context.Context) error {
	s := n.s
	select {
	case <-s.tried:
	case <-s.root.Done():
		return errNotReady
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	home := s.home.current()
	if home == nil {
		return fmt.Errorf("it does not start: %s", s.status().LastError)
	}
	var err error
	if n.Listing, err = listing.Read(ctx, home, s.config.Name, s.log); err != nil {
		return fmt.Errorf("it gives no lists: %w", err)
	}
	n.Listing.Version = s.version
	return nil
}

// Drop ends a server that is not taken. It does not wait.
func (n *Newcomer) Drop() { n.s.pool.leave(n.s) }

// Take puts the server in its place: what names no version goes to it from now on. The one before, if there is one, still serves what its
// lists have led to, until the function is called: then calls in flight may finish, for as long as a call may take. It must be called. The
// channel, nil where there was none before, is closed when nothing of the one before runs any more.
func (n *Newcomer) Take() (leave func() (gone <-chan struct{})) {
	s, p := n.s, n.s.pool
	p.mu.Lock()
	if _, ok := p.beside[s]; !ok { // the pool has closed
		p.mu.Unlock()
		return func() <-chan struct{} { return nil }
	}
	old := p.servers[s.config.Name]
	s.inPlaceOf(old)
	p.servers[s.config.Name] = s
	delete(p.beside, s)
	if old != nil {
		old.aside.Store(true)
		p.beside[old], s.before = struct{}{}, old
	}
	s.aside.Store(false)
	p.mu.Unlock()
	s.set(func(*Status) {})
	s.revive()
	return func() <-chan struct{} {
		if old == nil {
			return nil
		}
		return p.leave(old)
	}
}

// leave ends a server that is not, or not any more, the one that its name stands for.
func (p *Pool) leave(s *server) (gone <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.beside[s]; !ok {
		return nil
	}
	delete(p.beside, s)
	for next := p.servers[s.config.Name]; next != nil; next = next.before {
		if next.before == s {
			next.before = s.before
		}
	}
	over := make(chan struct{})
	p.work.Go(func() {
		s.retire(s.config.MaxRuntime)
		close(over)
	})
	return over
}

// meant returns the server that a call is for: the version that has offered what it names, or else the one that is there now.
func (p *Pool) meant(d *mcp.Destination) (*server, error) {
	now, err := p.server(d.Server)
	if err != nil || d.Version == 0 || now.version == d.Version {
		return now, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := now.before; s != nil; s = s.before {
		if s.version == d.Version {
			return s, nil
		}
	}
	return now, nil
}

// enlisted notes the call at the server that it is for. One that has begun to leave meanwhile hands it to the one in its place.
func (f *flow) enlisted() error {
	for {
		err := f.server.enlist(f)
		if err == nil {
			return nil
		}
		now, gone := f.server.pool.server(f.dest.Server)
		if gone != nil || now == f.server {
			return err
		}
		f.server = now
	}
}
