package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/desk"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// newDesk makes the room that answers what the dialect asks the gate itself.
func (g *Gateway) newDesk() *desk.Desk {
	return desk.New(desk.Options{
		Catalog: g.stock.Settle,
		Group:   func(call *mcp.Call) int { return int(mcp.AudienceOf(call)) },
		Again:   func(c *mcp.Caller) *mcp.Caller { return g.setup.Load().access.Again(c) },
		Hub:     g.hub,
		Watch: func(ctx context.Context, call *mcp.Call) error {
			resource, ok := g.stock.Lookup(ctx, call, mcp.Resource, call.Name)
			if !ok {
				return mcp.Absent(mcp.Resource, call.Name, call.Revision)
			}
			return g.watches.Subscribe(ctx, call.Session.ID, resource.Dest.Server, call.Name)
		},
		Unwatch: func(ctx context.Context, uris []string) { g.watches.Forget(ctx, uris...) },
		Pin:     func(_ *mcp.Call, server string, said []byte) dialect.Pin { return g.sentry.Pin(server, said) },
		Version: g.parts.Version, Draining: g.draining, Log: g.log,
	})
}

// atDesk has the desk answer.
func (g *Gateway) atDesk(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.desk.Handle(ctx, call, reply)
}
