// Package egress is where calls go out: to servers over HTTP, to programs that it starts and watches, and to servers in this
// process. It keeps the sessions with them, decides which call may share one, and puts calls into the era of the server.
//
// Every server has a home: the session that it is watched by, that its lists and subscriptions use, and that all calls share
// whose clients cannot be asked anything. Clients that can be asked get sessions of their own where the server's era has
// sessions (design/protocol.md, guarantee 10).
package egress

import (
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"slices"
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Implementation is a name and a version, as clients and servers tell them each other.
type Implementation struct{ Name, Version string }

// Clients reaches the clients of this instance outside of a call.
type Clients interface {
	// Tell hands a server's notification to one client session. The message is valid during the call only.
	Tell(server, session string, m *wire.Message)
	// Ask puts a server's questions to one client session, as mcp.Reply's Ask does.
	Ask(ctx context.Context, server, session string, questions []mcp.Question) ([]mcp.Answer, error)
	// Listens reports whether Ask would find a stream now, and need not wait for one.
	Listens(session string) bool
}

// Events is told what happens at the servers. Its methods must not block for long and must not call the Pool.
type Events interface {
	// Changed says that lists of the server may have changed.
	Changed(server string)
	// Updated says that a resource of the server has changed that somebody is subscribed to. The message is valid during the
	// call only.
	Updated(server, uri string, m *wire.Message)
	// Task says how a task of the legacy era is now, or how far it is (notifications/tasks/status, notifications/progress), on the session that belongs to one client session, or on one that clients
	// share if that is empty. The message is valid during the call only.
	Task(server, session string, m *wire.Message)
	// State says that the server's state has changed.
	State(server string, s Status)
}

// Options are what a Pool needs. Clients and Events may be nil.
type Options struct {
	Log     *slog.Logger
	Client  Implementation // what servers are told that we are
	Clients Clients
	Events  Events
	// Command returns what starts the program of a server. It is asked for each process, and may take long. Nil starts what is configured.
	Command func(context.Context, config.Server) (*sandbox.Command, error)
	// Reaper is the beginning of the command line that runs sandbox.Reap, for programs that are started as they are configured.
	Reaper []string
	// TLS says whose certificates servers over HTTPS may have, and which one they are shown; nil stands for the system's, and none.
	TLS *tls.Config
	// Credentials returns what requests to a server show on behalf of a caller, or of nobody if that is empty; nil where only the
	// configured headers are sent. The function may be nil.
	Credentials func(server, caller string) http1.Authority
}

// A Pool is the servers of a configuration with the sessions that are open. Its methods may be called concurrently, but Update
// and Close only one at a time.
type Pool struct {
	opts Options
	info []byte // our clientInfo

	root context.Context //nolint:containedctx // of everything that the servers own; ends with Close
	end  context.CancelFunc
	work sync.WaitGroup // servers that are ending

	mu      sync.Mutex
	servers map[string]*server
	beside  map[*server]struct{} // those that are not what their name stands for: not yet, or not any more, and not leaving yet
	started uint64               // servers so far
	closed  bool
}

// New returns a Pool without servers. It must be closed; its servers outlive ctx.
func New(ctx context.Context, o Options) *Pool {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{opts: o, servers: map[string]*server{}, beside: map[*server]struct{}{}}
	p.root, p.end = context.WithCancel(context.WithoutCancel(ctx))
	p.info = wire.AppendQuote([]byte(`{"name":`), o.Client.Name)
	p.info = append(wire.AppendQuote(append(p.info, `,"version":`...), o.Client.Version), '}')
	return p
}

// Update takes over the servers of a configuration, and those in this process by their names. Servers that stay as they were go
// on with their sessions; others are started or ended, where calls in flight may finish within a grace. It does not wait for
// either, and returns the names of the servers that are new or not what they were.
func (p *Pool) Update(servers []config.Server, inProcess map[string]*sdk.Server) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, changed := map[string]*server{}, map[string]bool{}
	keep := func(c config.Server, in *sdk.Server) {
		if old := p.servers[c.Name]; old != nil && old.is(&c, in) {
			next[c.Name] = old
			return
		}
		changed[c.Name] = true
		if !p.closed {
			next[c.Name] = newServer(p, c, in).inPlaceOf(p.servers[c.Name]).start()
		}
	}
	for _, c := range servers {
		keep(c, nil)
	}
	for name, in := range inProcess {
		keep(config.NewServer(name), in)
	}
	for name, old := range p.servers {
		if next[name] != old {
			p.work.Go(func() { old.retire(removedGrace) })
		}
	}
	p.servers = next
	return changed
}

// Restart ends the server's sessions and processes, where calls in flight may finish within a grace, and starts it anew.
func (p *Pool) Restart(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.servers[name]
	if old == nil || p.closed {
		return unknown(name)
	}
	s := newServer(p, old.config, old.inProcess).inPlaceOf(old)
	s.restarted = true
	p.servers[name] = s.start()
	p.work.Go(func() { old.retire(removedGrace) })
	return nil
}

// Close refuses new calls, lets those in flight finish until ctx ends, and ends every session and process. It returns ctx's
// error if calls had to be cut off.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	servers := slices.AppendSeq(slices.Collect(maps.Values(p.servers)), maps.Keys(p.beside))
	clear(p.beside)
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(func() { s.close(ctx) })
	}
	all.Wait()
	cut := ctx.Err()
	p.end()
	p.work.Wait()
	return cut
}

// SessionEnded closes the sessions that servers had with that client session alone. No server is replaced meanwhile, so that
// none inherits one.
func (p *Pool) SessionEnded(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		s.drop(clientKey(id))
	}
}

// SetLevel tells the servers that have a session for that client session alone how severe log messages must be. The others are
// told with the next call.
func (p *Pool) SetLevel(ctx context.Context, session, level string) {
	p.eachOwn(session, func(l *link, s *transport.Session) { l.setLevel(ctx, s, level, true) })
}

// RootsChanged tells the servers that have a session for that client session alone that its roots have changed.
func (p *Pool) RootsChanged(ctx context.Context, session string) {
	p.eachOwn(session, func(l *link, s *transport.Session) {
		if s.Revision().Stateless {
			return
		}
		if err := s.Notify(ctx, mcp.NoticeRoots, nil); err != nil {
			l.server.log.DebugContext(ctx, "change of roots not told", slog.Any("error", err))
		}
	})
}

// eachOwn calls f for the open sessions that servers have with that client session alone, concurrently, and waits.
func (p *Pool) eachOwn(session string, f func(*link, *transport.Session)) {
	var all sync.WaitGroup
	for _, server := range p.all() {
		if l := server.own(clientKey(session)); l != nil {
			if s := l.current(); s != nil {
				all.Go(func() { f(l, s) })
			}
		}
	}
	all.Wait()
}

// all returns the servers.
func (p *Pool) all() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.servers))
}

// server returns the server of that name.
func (p *Pool) server(name string) (*server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[name]
	switch {
	case p.closed:
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway is shutting down")
	case s == nil:
		return nil, unknown(name)
	case s.config.Disabled:
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "server %q is disabled", name)
	}
	return s, nil
}

// Calls tells of each call that a server works on now. What it is told of is valid during the call of f only, which must not block.
func (p *Pool) Calls(name string, f func(*mcp.Call)) {
	s, err := p.server(name)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for flow := range s.flows {
		f(flow.call)
	}
}

func unknown(name string) *mcp.Error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "there is no server %q", name)
}
