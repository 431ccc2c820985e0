package gateway

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/stock"
)

// openStock makes the catalogues of what there is.
func (g *Gateway) openStock() {
	g.stock = stock.Open(g.draining, stock.Options{
		Log: g.log, Lists: g.lists, Catalog: g.catalogOptions,
		Naming: func() mcp.Naming { return mcp.Naming(g.Config().Naming) },
		// The log says already that a server is not there.
		Known: func(err error) bool { return errors.Is(err, egress.ErrUnavailable) || errors.Is(err, plugin.ErrNone) },
		Given: g.sentry.Given, Refused: func(name string) bool { return g.registry.Refusal(name) != nil || g.board.Refusal(name) != nil },
		Built: func(c *catalog.Catalog) {
			g.leftOut(c)
			g.watches.Stale()
			g.sentry.Announce(g.draining)
		},
		Changed: func(to mcp.Audience, kind mcp.Kind) { g.hub.ListChanged(kind, int(to)) },
	})
	g.watching.Go(func() { g.watches.Renew(g.draining) })
}

// lists asks a server for what it offers to clients of a kind. What of that nobody has approved is held back when the catalogue is made.
func (g *Gateway) lists(ctx context.Context, server string, to mcp.Audience) (*mcp.Listing, error) {
	ask := func(ctx context.Context, to mcp.Audience) (*mcp.Listing, error) {
		return route.List(g.router, server, func(replica string) (*mcp.Listing, error) { return g.pool.List(ctx, replica, to) })
	}
	if err := g.plugins.Await(ctx, server); err != nil {
		return nil, err
	}
	listing, err := ask(ctx, to)
	if err != nil {
		if listing = g.board.Unlisted(ctx, server); listing != nil {
			err = nil
		}
		return listing, err
	}
	if isOwn(server) {
		g.sentry.Own(ctx, server, listing.Tools)
		return listing, nil
	}
	if g.plugins.Has(server) {
		return listing, g.sentry.Admit(ctx, &pins.Offer{Server: server, To: to, Listing: listing, Plain: func(ctx context.Context) (*mcp.Listing, error) { return ask(ctx, mcp.Anyone) }})
	}
	listing = g.registry.Offered(server, g.board.Offered(ctx, server, listing))
	if to == mcp.Anyone {
		g.advisories.Seen(server, listing)
		g.registry.Seen(server, listing)
	}
	if g.board.Trouble(server) != "" {
		return listing, nil // it is blocked, and offers nothing
	}
	return listing, g.sentry.Admit(ctx, &pins.Offer{
		Server: server, To: to, Listing: listing, Signed: g.board.Signed(server) != nil,
		Plain: func(ctx context.Context) (*mcp.Listing, error) { return ask(ctx, mcp.Anyone) },
	})
}
