package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/conform"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
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
	evidence := wire.Object(nil).Text("kind", f.Kind).Text("at", f.Pointer).Text("call", call.ID)
	if call.Caller != nil {
		evidence = evidence.Text("caller", call.Caller.ID)
	}
	g.alerts.Alert(ctx, alert.Alert{
		Kind: "secret", Severity: alert.High, Server: g.stock.ServerOf(ctx, call), Subject: g.guard.Rules().Clean(call.Name),
		Text: "a call was stopped because of a secret in it", Remedy: "renew the secret, and see that nobody passes it on", Evidence: evidence.End(),
	})
}
