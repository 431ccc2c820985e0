package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/trust"
)

// openRegistry opens what is known of servers, and which may be connected to. A bridge leaves that to the gate behind it.
func (g *Gateway) openRegistry(ctx context.Context) (err error) {
	if g.store == nil {
		return nil
	}
	g.registry, err = registry.Open(ctx, registry.Options{
		Store: g.store, Log: g.log, Outside: g.outside, Signers: g.board.Signers, Decided: g.trustDecided, Inside: g.inside, Worries: g.worries,
		Config: func() *config.Config {
			if now := g.setup.Load(); now != nil {
				return now.config
			}
			return nil
		},
		Changed: func() {
			g.reloading.Lock()
			defer g.reloading.Unlock()
			if err := g.take(g.Config()); err != nil {
				g.log.Error("another list of trusted servers is not in force yet", "error", err)
			}
		},
	})
	if err == nil {
		g.registry.Begin(ctx)
	}
	return err
}

// trustDecided puts on record who is trusted, and who is not any more.
func (g *Gateway) trustDecided(ctx context.Context, server string, e registry.Event) error {
	return g.audit.Event(ctx, audit.Event{Kind: audit.Kind("trust." + e.What), Actor: e.By, Subject: server, Detail: e.Detail()})
}

// outside raises an alert about a server that is not on the list.
func (g *Gateway) outside(o registry.Outsider) {
	a := alert.Alert{
		ID: o.Alert, Kind: "outside", Severity: alert.Medium, Server: o.Server, Subject: o.Target, Text: "the server is not in the registry of trusted servers: " + o.Why,
		Remedy: "sumun trust add " + o.Server,
	}
	if o.Blocked {
		a.Severity, a.Text = alert.High, "the server is not connected to: "+o.Why
	}
	g.alerts.Alert(g.draining, a)
}

// inside closes the alert about a server that is on the list now.
func (g *Gateway) inside(id string) {
	if _, err := g.store.DecideAlert(g.draining, id, alert.Approved, "", "it is in the registry of trusted servers"); err != nil {
		g.log.Warn("an alert stays open about a server that is in the registry", "id", id, "error", err)
	}
}

// worries are the open alerts about a server.
func (g *Gateway) worries(server string) (all []registry.Worry) {
	open, err := g.store.Alerts(g.draining, alert.Filter{Server: server})
	if err != nil {
		g.log.Warn("alerts do not count in the score of a server: they cannot be read", "server", server, "error", err)
	}
	for i := range open {
		if k := &open[i]; k.Kind != "outside" {
			all = append(all, registry.Worry{Kind: k.Kind, Text: k.Text, Severity: trust.Severity(k.Severity), At: k.At})
		}
	}
	return all
}

// atRegistry has the registry answer.
func (g *Gateway) atRegistry(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if g.registry == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	q, err := registry.Parse(call)
	if err == nil && !access.Holds(call.Caller, mcp.ScopeTrust) && (q.Changes() || !call.Caller.View.Whole) {
		err = access.Lacks(call.Method, mcp.ScopeTrust) // it names what the caller may not see
	}
	if err != nil {
		return err
	}
	return g.registry.Handle(ctx, call, q, reply)
}

// absent says that there is nothing of that name, or why it is not to be had.
func (g *Gateway) absent(call *mcp.Call) error {
	if err := g.registry.Refusal(call.Name); err != nil {
		return err
	}
	return access.Absent(call)
}
