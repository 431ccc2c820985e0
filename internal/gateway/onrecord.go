package gateway

import (
	"context"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
)

// onRecord puts what the gate itself does on the audit record. What it does is not
// undone where that fails; the log tells then.
func (g *Gateway) onRecord(ctx context.Context, e audit.Event) {
	if err := g.audit.Event(context.WithoutCancel(ctx), e); err != nil {
		g.log.ErrorContext(ctx, "something is not on record", slog.Any("error", err))
	}
}

// started puts on record that the gate serves, and with what.
func (g *Gateway) started(ctx context.Context, cfg *config.Config) {
	detail := record.FileDetail(cfg.Path)
	detail["version"], detail["listen"] = g.parts.Version, cfg.Listen
	g.onRecord(ctx, audit.Event{Kind: audit.GatewayStarted, Subject: g.instance, Detail: detail})
}

// configured puts on record what a change of the configuration has come to: that of the
// keys of a file, or that it was refused.
func (g *Gateway) configured(ctx context.Context, before, after *config.Config, err error) {
	g.onRecord(ctx, record.Configured(g.file(), before, after, err))
}

// leftOut puts on record what servers offer that clients are not shown: a record for each
// server, when that is not what it was. It does not wait.
func (g *Gateway) leftOut(c *catalog.Catalog) {
	for server, o := range c.Omissions() {
		if g.leftOuts.First(server + o.Digest) {
			e := audit.Event{Kind: audit.Withheld, Subject: server, Detail: map[string]any{"leftOut": o.Told, "count": o.Count}}
			g.watching.Go(func() { g.onRecord(g.draining, e) })
		}
	}
}
