package gateway

import (
	"context"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/broker"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// openAdvisories opens what is known of vulnerable servers. A bridge leaves that to the gate behind it.
func (g *Gateway) openAdvisories(ctx context.Context, cfg *config.Config) error {
	if g.store == nil {
		return nil
	}
	shelf := broker.Advisories(func() *config.Config {
		if now := g.setup.Load(); now != nil {
			return now.config
		}
		return cfg
	})
	g.advisories = &advisory.Watch{Shelf: shelf, Tell: g.vulnerable}
	shelf.Log, shelf.Changed = g.log, g.advisories.Again
	shelf.Begin(context.WithoutCancel(ctx))
	return nil
}

// vulnerable raises an alert about a server that is known to be vulnerable.
func (g *Gateway) vulnerable(server string, f trust.Finding) {
	g.alerts.Alert(g.draining, alert.Alert{
		ID: f.Fingerprint, Kind: "vulnerable", Severity: alert.Severity(f.Severity), Server: server, Subject: server, Text: f.Message, Remedy: f.Remedy,
	})
}

// seen notes what a server says of itself, and what it offers.
func (g *Gateway) seen(server string, l *mcp.Listing) {
	name, _ := wire.Unquote(wire.Get(l.Info, "name"))
	version, _ := wire.Unquote(wire.Get(l.Info, "version"))
	g.advisories.Seen(server, name, version)
	g.registry.Seen(server, l)
}

// serveRegistry serves what the gate knows of servers by the API of the official registry: to those who may know all of it, or to everybody
// where the configuration says so.
func (g *Gateway) serveRegistry(mux *http.ServeMux, s *setup, door *ingress.HTTP) {
	if g.registry == nil {
		return
	}
	h := &exchange.Handler{Failed: func(err error) { g.log.Error("the registry cannot be served", "error", err) }}
	h.Records = func() ([]exchange.Record, error) { return broker.Served(g.draining, shop{g}) }
	h.Mount(mux, func(next http.Handler) http.Handler {
		return s.asked(door, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !s.config.Trust.PublicRegistry {
				caller, refused := s.access.Authenticate(r)
				if refused != nil {
					w.Header().Set("WWW-Authenticate", `Bearer realm="sumun"`)
					s.turnAway(w, r, http.StatusUnauthorized, refused)
					return
				}
				if !caller.View.Whole && !access.Holds(caller, mcp.ScopeTrust) {
					s.turnAway(w, r, http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the registry needs the scope %s", mcp.ScopeTrust))
					return
				}
			}
			next.ServeHTTP(w, r)
		}))
	})
}

// shop is what the gate tells registries.
type shop struct{ *Gateway }

// Gate says how clients reach us.
func (g shop) Gate() exchange.Gate {
	return exchange.Gate{URL: g.board.Address(), Version: g.parts.Version}
}

// Servers are all servers of our registry.
func (g shop) Servers(ctx context.Context) (*registry.Answer, error) {
	return g.registry.Do(ctx, "", &registry.Request{})
}
