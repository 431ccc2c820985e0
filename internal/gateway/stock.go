package gateway

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/stock"
)

// openStock makes the catalogues of what there is.
func (g *Gateway) openStock() {
	g.stock = stock.Open(g.draining, stock.Options{
		Log: g.log, Lists: g.lists, Catalog: g.catalogOptions,
		Naming: func() mcp.Naming { return mcp.Naming(g.Config().Naming) },
		// The log says already that a server is not there.
		Known:   func(err error) bool { return errors.Is(err, egress.ErrUnavailable) },
		Refused: func(name string) bool { return g.registry.Refusal(name) != nil },
		Built: func(c *catalog.Catalog) {
			g.leftOut(c)
			g.watches.Stale()
		},
		Changed: func(to mcp.Audience, kind mcp.Kind) { g.hub.ListChanged(kind, int(to)) },
	})
	g.watching.Go(func() { g.watches.Renew(g.draining) })
}

// lists asks a server for what it offers, and returns what of that may be offered.
func (g *Gateway) lists(ctx context.Context, server string, to mcp.Audience) (*mcp.Listing, error) {
	listing, err := route.List(g.router, server, func(replica string) (*mcp.Listing, error) {
		return g.pool.List(ctx, replica, to)
	})
	if err == nil {
		listing = g.board.Offered(ctx, server, listing)
		if listing = g.registry.Offered(server, listing); to == mcp.Anyone {
			g.seen(server, listing)
		}
		g.pins.Observe(pinned(to, server), listing.Tools, isOwn(server))
	}
	return listing, err
}
