package gateway

import (
	"context"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/broker"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/ingress"
)

// openAdvisories opens what is known of vulnerable servers. A bridge leaves that to the gate behind it.
func (g *Gateway) openAdvisories(ctx context.Context, cfg *config.Config) {
	if g.store != nil {
		g.advisories = broker.Watch(ctx, g.log, func() *config.Config {
			if now := g.setup.Load(); now != nil {
				return now.config
			}
			return cfg
		}, func(a alert.Alert) { g.alerts.Alert(g.draining, a) })
	}
}

// serveRegistry serves what the gate knows of servers by the API of the official registry.
func (g *Gateway) serveRegistry(mux *http.ServeMux, s *setup, door *ingress.HTTP) {
	if g.registry != nil {
		c := &broker.Counter{
			Registry: g.registry, Config: s.config, Version: g.parts.Version, Address: g.board.Address, Authenticate: s.access.Authenticate, Refuse: s.turnAway, Log: g.log,
		}
		c.Mount(mux, func(next http.Handler) http.Handler { return s.asked(door, next) })
	}
}
