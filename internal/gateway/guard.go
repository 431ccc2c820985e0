package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/conform"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sentry"
)

// openGuard opens what looks at arguments and results. It lets everything pass until it
// has settings: on a bridge for ever, since the gate behind it decides.
func (g *Gateway) openGuard() error {
	g.schemas = &conform.Judge{Checks: g.checks, Log: g.log}
	g.guard = guard.New(guard.Options{Log: g.log, Blocked: g.secretBlocked})
	return g.metrics.WatchGuard(g.guard.Observe)
}

// guardSettings makes the settings of a setup.
func (g *Gateway) guardSettings(cfg *config.Config, s *setup) (err error) {
	s.guard, err = guard.FromConfig(cfg, g.stock.ServerOf)
	return err
}

// secretBlocked raises an alert: a call brought a secret that must not pass.
func (g *Gateway) secretBlocked(ctx context.Context, call *mcp.Call, f mcp.Finding) {
	g.alerts.Alert(ctx, sentry.OfSecret(call, g.stock.ServerOf(ctx, call), g.guard.Rules().Clean(call.Name), f))
}
