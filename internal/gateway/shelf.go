package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// settleTimeout is how long a list waits for servers that have not been tried yet.
const settleTimeout = 10 * time.Second

// A shelf holds the catalogue for one kind of client. There are two kinds, since
// servers of the legacy era offer more to clients that they can ask something:
// legacy clients that can be asked nothing, and all others.
type shelf struct {
	keeper  *keeper
	catalog atomic.Pointer[catalog.Catalog]
}

// openShelves makes the catalogue for clients that can be asked nothing, and the
// one for those that can, which is empty until the first of them comes.
func (g *Gateway) openShelves() {
	list := func(asking bool) func(context.Context, string) (*mcp.Listing, error) {
		return func(ctx context.Context, server string) (*mcp.Listing, error) {
			return g.pool.List(ctx, server, asking)
		}
	}
	g.plain.catalog.Store(catalog.Build(nil, g.catalogOptions()))
	g.asking.catalog.Store(g.plain.catalog.Load())
	g.plain.keeper = newKeeper(g.draining, keeperOptions{
		log: g.log, list: list(false), changed: func(sources []catalog.Source) { g.rebuild(&g.plain, sources) },
	})
	g.asking.keeper = newKeeper(g.draining, keeperOptions{log: g.log, list: list(true), changed: func(sources []catalog.Source) {
		for i, s := range sources {
			if s.Listing == nil { // better than nothing, until the server has answered
				sources[i].Listing = g.plain.keeper.listing(s.Server)
			}
		}
		g.rebuild(&g.asking, sources)
	}})
	g.asking.keeper.asleep = true
}

// rebuild makes a shelf's catalogue of what the servers offer now and announces
// what has really changed.
func (g *Gateway) rebuild(s *shelf, sources []catalog.Source) {
	known := sources[:0:0]
	for _, source := range sources {
		if source.Listing != nil {
			known = append(known, source)
		}
	}
	next := catalog.Build(known, g.catalogOptions())
	old := s.catalog.Swap(next)
	for _, kind := range []mcp.Kind{mcp.Tool, mcp.Prompt, mcp.Resource} {
		if !old.Same(kind, next) {
			g.hub.ListChanged(kind)
		}
	}
}

// shelf returns the one for the client of a call. In the modern era, where a list
// must not depend on who is connected, it is the one with everything.
func (g *Gateway) shelf(call *mcp.Call) *shelf {
	if call.Asks() || call.Revision.Stateless {
		g.asking.keeper.wake()
		return &g.asking
	}
	return &g.plain
}

// settle waits until every server has been tried, within a bound, so that the
// first list is whole, and returns the catalogue for the client.
func (g *Gateway) settle(ctx context.Context, call *mcp.Call) *catalog.Catalog {
	s := g.shelf(call)
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	s.keeper.settle(ctx)
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
	g.plain.keeper.refresh(server)
	g.asking.keeper.refresh(server)
}
