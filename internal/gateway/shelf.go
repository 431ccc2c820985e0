package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
)

// settleTimeout is how long a list waits for servers that have not been tried yet.
const settleTimeout = 10 * time.Second

// A shelf holds the catalogue for one kind of clients (egress.Audience): servers of
// the legacy era offer more to those that they can ask something, and those of both
// eras describe things to each era in its own way.
type shelf struct {
	keeper  *catalog.Keeper
	catalog atomic.Pointer[catalog.Catalog]
	// to is whom it is for.
	to egress.Audience
	// shown says that a client was given the catalogue, so that changes are news.
	shown atomic.Bool
}

// openShelves makes the catalogues. All but the first are empty until the first
// client of their kind comes, and hold until a server has answered what it gave for
// the first.
func (g *Gateway) openShelves() {
	empty := catalog.Build(nil, g.catalogOptions(egress.Anyone))
	for i := range g.shelves {
		to, s := egress.Audience(i), &g.shelves[i]
		s.to = to
		s.catalog.Store(empty)
		s.keeper = catalog.NewKeeper(g.draining, catalog.KeeperOptions{
			Log: g.log, Asleep: s != g.plain(),
			// The log says already that a server is not there.
			Known: func(err error) bool { return errors.Is(err, egress.ErrUnavailable) },
			Lists: func(ctx context.Context, server string) (*mcp.Listing, error) {
				listing, err := route.List(g.router, server, func(replica string) (*mcp.Listing, error) {
					return g.pool.List(ctx, replica, to)
				})
				if err == nil {
					listing = g.board.Offered(ctx, server, listing)
					g.pins.Observe(pinned(to, server), listing.Tools, isOwn(server))
				}
				return listing, err
			},
			Changed: func(sources []catalog.Source) { g.rebuild(s, sources) },
		})
	}
	g.watching.Go(func() { g.watches.Renew(g.draining) })
}

// plain is the shelf that is always kept.
func (g *Gateway) plain() *shelf { return &g.shelves[egress.Anyone] }

// rebuild makes a shelf's catalogue of what the servers offer now and announces
// what has really changed.
func (g *Gateway) rebuild(s *shelf, sources []catalog.Source) {
	known := sources[:0:0]
	for _, source := range sources {
		if source.Listing == nil && s != g.plain() {
			source.Listing = g.plain().keeper.Listing(source.Server)
		}
		if source.Listing != nil {
			known = append(known, source)
		}
	}
	next := catalog.Build(known, g.catalogOptions(s.to))
	old := s.catalog.Swap(next)
	g.leftOut(next)
	g.watches.Stale()
	if !s.shown.Load() {
		return
	}
	for _, kind := range []mcp.Kind{mcp.Tool, mcp.Prompt, mcp.Resource} {
		if !old.Same(kind, next) {
			g.hub.ListChanged(kind, int(s.to))
		}
	}
}

// shelf returns the one for the client of a call.
func (g *Gateway) shelf(call *mcp.Call) *shelf {
	to := egress.LegacyPlain
	switch {
	case call.Revision.Stateless:
		to = egress.ModernClients
	case call.Asks():
		to = egress.LegacyAsking
	}
	s := &g.shelves[to]
	s.keeper.Wake()
	return s
}

// settle waits until every server has been tried, within a bound, so that the
// first list is whole, and returns the catalogue for the client.
func (g *Gateway) settle(ctx context.Context, call *mcp.Call) *catalog.Catalog {
	s := g.shelf(call)
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	s.keeper.Settle(ctx)
	s.shown.Store(true)
	return s.catalog.Load()
}

// lookup finds a name, and waits for servers that have not been tried yet before
// it says that there is none.
func (g *Gateway) lookup(ctx context.Context, call *mcp.Call, kind mcp.Kind, name string) (*catalog.Entry, bool) {
	if entry, ok := g.shelf(call).catalog.Load().Lookup(kind, name); ok {
		return entry, true
	}
	return g.settle(ctx, call).Lookup(kind, name)
}

// refresh has a server's lists asked for again.
func (g *Gateway) refresh(server string) {
	for i := range g.shelves {
		g.shelves[i].keeper.Refresh(server)
	}
}
