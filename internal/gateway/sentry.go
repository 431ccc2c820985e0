package gateway

import (
	"cmp"
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sentry"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// openSentry opens what holds back what nobody has approved. A bridge leaves that to the gate behind it.
func (g *Gateway) openSentry(ctx context.Context) {
	if g.store == nil {
		return
	}
	g.sentry = sentry.Open(context.WithoutCancel(ctx), sentry.Options{
		Store: g.store, Mode: g.pinning, Log: g.log,
		Tell:    func(ctx context.Context, a alert.Alert) { g.alerts.Alert(ctx, a) },
		Publish: func() { g.stock.Publish() },
		Again:   func(server string) { g.stock.Refresh(server) },
		Held:    func(server string) []catalog.Thing { return g.stock.AllHeld(server) },
		Record:  func(ctx context.Context, e audit.Event) error { return g.audit.Event(ctx, e) },
	})
}

// pinning says what becomes of the things of a server that nobody has approved.
func (g *Gateway) pinning(server string) string {
	now := g.setup.Load()
	if now == nil {
		return belief.Enforce
	}
	if s := now.servers[server]; s != nil {
		return now.config.Trust.For(s.Trust).Pins
	}
	return cmp.Or(now.config.Trust.Pins, belief.Enforce)
}

// atSentry has those who run the gate decide on alerts.
func (g *Gateway) atSentry(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.sentry.Handle(ctx, call, reply)
}

// openAlerts opens what tells people of alerts. The desk is there already.
func (g *Gateway) openAlerts(ctx context.Context) error {
	g.alerts = alert.New(ctx, alert.Options{
		Log:    g.log,
		Tell:   func(params []byte) { g.desk.Tell("", mcp.EventSecurityAlert, params) },
		Record: sentry.Recorder(g.audit.Event), Keep: g.sentry.Keep,
	})
	if g.audit != nil {
		g.audit.OnAltered(func(ctx context.Context, err error) {
			g.alerts.Alert(ctx, alert.Alert{Kind: "record", Severity: alert.Critical, Text: err.Error(), Remedy: "sumun audit verify"})
		})
	}
	g.parts.Warden.Attend(g.alerts.Alert, g.pool.Calls)
	return errors.Join(g.metrics.WatchAlerts(g.alerts.Observe), g.metrics.WatchHeld(g.sentry.Observe), g.metrics.WatchRefusals(g.parts.Warden.Observe))
}

// catalogOptions are those of the catalogue for an audience.
func (g *Gateway) catalogOptions(mcp.Audience) catalog.Options {
	o := catalog.Options{ServerInfo: g.info, Offered: g.router.Offered(), Identify: func(server string, said []byte) []byte {
		if now := g.setup.Load(); now == nil || !now.config.Trust.ListChecksums || g.parts.Bridge {
			return nil
		}
		pin := g.sentry.Pin(server, said)
		return wire.Object(nil).Text(mcp.MetaChecksum, pin.Checksum).Text(mcp.MetaDigest, pin.Digest).Members()
	}}
	if g.sentry != nil {
		o.Held, o.HeldInstructions = g.sentry.HeldBack, g.sentry.HeldInstructions
	}
	return o
}
