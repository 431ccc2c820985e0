package gateway

import (
	"context"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/review"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// openUsage opens what counts who uses what, and what looks through it.
func (g *Gateway) openUsage(ctx context.Context) {
	if g.store == nil {
		return
	}
	g.usage = usage.Open(ctx, usage.Options{Store: g.store, Offered: g.offered, Log: g.log})
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

// offered returns what there is, for the counts of what is used.
func (g *Gateway) offered() []usage.Row {
	var rows []usage.Row
	c, now := g.stock.Plain(), time.Now()
	if c == nil {
		return nil
	}
	for kind, word := range usage.Kinds {
		for e := range c.Seen(mcp.Kind(kind), &mcp.View{Whole: true}) {
			rows = append(rows, usage.Row{Thing: usage.Thing{Kind: word, Name: e.Name}, Server: e.Dest.Server, Own: e.Dest.Name, First: now, Last: now})
		}
	}
	return rows
}
