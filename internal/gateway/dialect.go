package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/desk"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// newDesk makes the room that answers what the dialect asks the gate itself.
func (g *Gateway) newDesk() *desk.Desk {
	return desk.New(desk.Options{
		Catalog: g.settle,
		Group:   func(call *mcp.Call) int { return int(g.shelf(call).to) },
		Again:   func(c *mcp.Caller) *mcp.Caller { return g.setup.Load().access.Again(c) },
		Hub:     g.hub,
		Watch: func(ctx context.Context, call *mcp.Call) error {
			resource, ok := g.lookup(ctx, call, mcp.Resource, call.Name)
			if !ok {
				return mcp.Absent(mcp.Resource, call.Name, call.Revision)
			}
			return g.watches.Subscribe(ctx, call.Session.ID, resource.Dest.Server, call.Name)
		},
		Unwatch: func(ctx context.Context, uris []string) { g.watches.Forget(ctx, uris...) },
		Pin: func(call *mcp.Call, server string, said []byte) dialect.Pin {
			return g.pin(g.shelf(call).to, server, said)
		},
		Version: g.parts.Version, Draining: g.draining, Log: g.log,
	})
}

// atDesk has the desk answer.
func (g *Gateway) atDesk(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.desk.Handle(ctx, call, reply)
}

// namedResources makes the URI of a resource that is asked for by its name and the
// values of its parameters, before anything is decided on it.
func (g *Gateway) namedResources(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Dialect != mcp.MethodReadResource || call.Asked == "" || call.Caller == nil {
			return next.Handle(ctx, call, reply)
		}
		template, ok := g.named(ctx, call)
		if !ok {
			return mcp.Absent(mcp.Resource, call.Asked, call.Revision)
		}
		uri, err := dialect.URI(template.Name, call.Meta(mcp.MetaVariables))
		if err != nil {
			return err
		}
		if e, ok := g.lookup(ctx, call, mcp.Resource, uri); ok && e.Dest.Server != template.Dest.Server && !call.Caller.View.Sees(mcp.Resource, uri) {
			return mcp.Absent(mcp.Resource, call.Asked, call.Revision) // it is another server's, of whose resources the name says nothing
		}
		if err := dialect.Expand(call, uri); err != nil {
			return err
		}
		return next.Handle(ctx, call, reply)
	})
}

// named finds a named resource, and waits for servers that have not been tried yet
// before it says that there is none.
func (g *Gateway) named(ctx context.Context, call *mcp.Call) (*catalog.Entry, bool) {
	if template, ok := g.shelf(call).catalog.Load().Named(call.Asked, call.Caller.View); ok {
		return template, true
	}
	return g.settle(ctx, call).Named(call.Asked, call.Caller.View)
}
