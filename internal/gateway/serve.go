package gateway

import (
	"context"
	"net"

	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/port"
)

// Serve answers HTTP on the listener until ctx ends. Then streams end, calls in
// flight are finished within a bound and cancelled after it, and Serve returns.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	if g.credentials != nil {
		g.credentials.At(local.Endpoint(g.Config(), listener.Addr().String()))
	}
	g.board.At(local.Endpoint(g.Config(), listener.Addr().String()))
	server := port.Server{
		Handler: g, Refused: g.refuseHandshake, Log: g.log, Wait: g.lines.Wait, Cut: g.sessions.Close,
		Drain: func() {
			g.drain()
			g.lines.Drain()
			g.sessions.Drain()
			if g.approvals != nil {
				g.approvals.Drain() // nobody comes in any more to decide
			}
		},
		Late: mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway is closing, and the call took too long to wait for it"),
	}
	return server.Serve(ctx, listener)
}
