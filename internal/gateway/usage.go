package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/review"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// openUsage opens what counts who uses what, and what looks through it.
func (g *Gateway) openUsage(ctx context.Context) {
	if g.store == nil {
		return
	}
	g.usage = usage.Open(ctx, usage.Options{Store: g.store, Offered: func() []usage.Row { return g.stock.Used() }, Log: g.log})
	g.reviews = review.Begin(ctx, review.Options{
		Config: func() *config.Config {
			if now := g.setup.Load(); now != nil {
				return now.config
			}
			return nil
		},
		Store: g.store, Tell: func(ctx context.Context, a alert.Alert) { g.alerts.Alert(ctx, a) }, Log: g.log,
	})
}
