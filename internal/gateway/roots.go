package gateway

import (
	"context"
	"slices"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/roots"
)

// openRoots opens the contexts in which calls are made. A bridge has none: the gate
// behind it does.
func (g *Gateway) openRoots(ctx context.Context, cfg *config.Config) (err error) {
	if g.store == nil {
		return nil
	}
	g.roots, err = roots.New(ctx, roots.Options{
		Store: g.store, Log: g.log, Settings: rootSettings(cfg), Target: g.rootTarget, Event: g.desk.Tell,
		Closed: func(caller, rootID string) {
			// Servers are told, which may take a while; who closes a root need not wait for it.
			g.retiring.Go(func() { g.desk.RootClosed(g.draining, caller, rootID) })
		},
	})
	return err
}

func rootSettings(cfg *config.Config) roots.Settings {
	r := cfg.Roots
	return roots.Settings{
		TTL: r.TTL, Max: r.Max, Entries: r.Memory.Entries, Bytes: int(r.Memory.Bytes), Workspaces: r.Memory.Workspaces,
	}
}

// atRoots has the roots answer.
func (g *Gateway) atRoots(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if g.roots == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	return g.roots.Handle(ctx, call, reply)
}

// inRoots makes calls in their roots.
func (g *Gateway) inRoots(next mcp.Handler) mcp.Handler {
	if g.roots == nil {
		return next
	}
	return g.roots.Middleware(next)
}

// rootTarget tells where a call will go, as far as is known without waiting, and what
// the configuration says of that.
func (g *Gateway) rootTarget(_ context.Context, call *mcp.Call) roots.Target {
	method, _ := mcp.MethodByName(call.Method)
	entry, ok := g.stock.Now(call).Lookup(method.Kind, call.Name)
	if !ok {
		return roots.Target{}
	}
	setup := g.setup.Load()
	if isOwn(entry.Dest.Server) {
		return roots.Target{Server: entry.Dest.Server, Trusted: true, Remember: setup.remembered[call.Name], ReadOnly: entry.ReadOnly}
	}
	server := setup.servers[entry.Dest.Server]
	if server == nil {
		return roots.Target{}
	}
	return roots.Target{
		Server: server.Name, Trusted: server.Trust.Context, ReadOnly: entry.ReadOnly && server.Trust.Annotations,
		Remember: slices.ContainsFunc(server.Tools.Remember, func(p string) bool { return mcp.Match(p, entry.Dest.Name) }),
	}
}

// index finds servers and the tools of mcp.yaml that are remembered by their names.
func (s *setup) index(servers []config.Server) {
	s.servers, s.remembered = map[string]*config.Server{}, map[string]bool{}
	for i := range servers {
		s.servers[servers[i].Name] = &servers[i]
	}
	for i := range s.config.Tools {
		if t := &s.config.Tools[i]; t.Remember {
			s.remembered[t.Name] = true
		}
	}
}
