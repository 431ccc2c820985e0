package gateway

import (
	"context"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/metrics"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/stock"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// events brings what happens at the servers to the rooms that it concerns.
type events struct{ *Gateway }

// Changed has the server's lists asked for again.
func (e events) Changed(server string) { e.stock.Refresh(route.ServerOf(server)) }

// Updated tells those who are subscribed to the resource, unless it is held back since.
func (e events) Updated(_, uri string, m *wire.Message) {
	if !e.stock.IsHeld(mcp.Resource, uri) {
		e.hub.Updated(uri, m)
	}
}

// State logs how a server is now, and has the router take note. Why it fails is in the
// log already.
func (e events) State(server string, s egress.Status) {
	e.noteState(server, s.State)
	e.log.DebugContext(e.draining, "a server's state changed", slog.String("server", server), slog.String("state", string(s.State)))
}

// serverStates is what the instruments tell of the servers.
func (g *Gateway) serverStates() []metrics.ServerState {
	var all []metrics.ServerState
	for _, s := range g.pool.Status() {
		all = append(all, metrics.ServerState{
			Name: s.Server, State: string(s.State), Sessions: s.Sessions, Restarts: s.Restarts, Refused: s.Refused,
		})
	}
	return all
}

// Settled waits until every server has been tried, within a bound, and returns
// what there is then.
func (g *Gateway) Settled(ctx context.Context) stock.Offer {
	const bound = time.Minute
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return g.stock.Offered(ctx, g.setup.Load().access.Unused)
}
