package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/review"
	"github.com/sumun-mcp/sumun/internal/usage"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// openPins opens what is known of tools since they were first seen.
func (g *Gateway) openPins(ctx context.Context) *pins.Pins {
	o := pins.Options{Version: g.parts.Version, Changed: g.drifted, Log: g.log}
	if g.store != nil {
		o.Store = g.store
	}
	return pins.New(context.WithoutCancel(ctx), o)
}

// pinned names a server as the pins know it. Servers may describe a tool in another way
// to each audience, which is no change.
func pinned(to mcp.Audience, server string) string {
	return server + [...]string{
		mcp.Anyone: "", mcp.LegacyPlain: " | legacy", mcp.LegacyAsking: " | legacy, can be asked", mcp.ModernClients: " | modern",
	}[to]
}

// serverOf returns the name of the server of a pin.
func serverOf(pinned string) string {
	server, _, _ := strings.Cut(pinned, " | ")
	return server
}

// pin tells what is known of a tool, given as its server lists it to the audience: what
// it was when it was first seen, and what it is.
func (g *Gateway) pin(to mcp.Audience, server string, said []byte) dialect.Pin {
	if pin, drifted, ok := g.pins.Pin(pinned(to, server), said); ok && !drifted {
		return dialect.Pin{Checksum: pin.Checksum, Digest: pin.Digest}
	} else if ok {
		digest, _ := trust.Digest(said) // what is pinned has one
		return dialect.Pin{Checksum: pin.Checksum, Digest: digest}
	}
	var p dialect.Pin // what cannot be pinned may have neither
	p.Checksum, _ = trust.Checksum(wire.Get(said, "inputSchema"))
	p.Digest, _ = trust.Digest(said)
	return p
}

// drifted raises an alert: a tool is not any more what it was.
func (g *Gateway) drifted(d pins.Drift) {
	if !g.drifts.First(serverOf(d.Pin.Server) + "\n" + d.Pin.Tool + "\n" + d.Now.Digest) {
		return
	}
	evidence := wire.AppendQuote([]byte(`{"checksum":`), d.Pin.Checksum)
	evidence = wire.AppendQuote(append(evidence, `,"now":`...), d.Now.Checksum)
	g.alerts.Alert(g.draining, alert.Alert{
		ID: d.Now.Digest, Kind: "drift", Severity: alert.High, Server: serverOf(d.Pin.Server), Subject: d.Pin.Tool,
		Text: "the tool is not any more what it was when it was first seen", Evidence: append(evidence, '}'),
	})
}

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

// openAlerts opens what tells people of alerts. The desk is there already.
func (g *Gateway) openAlerts(ctx context.Context) error {
	g.alerts = alert.New(ctx, alert.Options{
		Log:    g.log,
		Tell:   func(params []byte) { g.desk.Tell("", mcp.EventSecurityAlert, params) },
		Record: g.recordAlert,
	})
	if g.audit != nil {
		g.audit.OnAltered(func(ctx context.Context, err error) {
			g.alerts.Alert(ctx, alert.Alert{Kind: "record", Severity: alert.Critical, Text: err.Error(), Remedy: "sumun audit verify"})
		})
	}
	return g.metrics.WatchAlerts(g.alerts.Observe)
}

// recordAlert puts an alert on record.
func (g *Gateway) recordAlert(ctx context.Context, a *alert.Alert) error {
	return g.audit.Event(ctx, audit.Event{Kind: audit.Alert, Subject: a.Subject, Detail: map[string]any{
		"id": a.ID, "kind": a.Kind, "severity": a.Severity.String(), "server": a.Server, "text": a.Text, "count": a.Count,
	}})
}

// catalogOptions are those of the catalogue for an audience.
func (g *Gateway) catalogOptions(to mcp.Audience) catalog.Options {
	return catalog.Options{ServerInfo: g.info, Offered: g.router.Offered(), Identify: func(server string, said []byte) []byte {
		if now := g.setup.Load(); now == nil || !now.config.Trust.ListChecksums || g.parts.Bridge {
			return nil
		}
		pin := g.pin(to, server, said)
		members := wire.AppendQuote([]byte(`"`+mcp.MetaChecksum+`":`), pin.Checksum)
		return wire.AppendQuote(append(members, `,"`+mcp.MetaDigest+`":`...), pin.Digest)
	}}
}
