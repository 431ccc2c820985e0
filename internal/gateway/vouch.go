package gateway

import (
	"context"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/signboard"
)

// openBoard opens what holds servers to their signed manifests, and shows our own.
func (g *Gateway) openBoard(cfg *config.Config) {
	o := signboard.Options{
		TLS: g.parts.TLS, Config: g.Config, Again: func(server string) { g.stock.Refresh(server) }, Version: g.parts.Version, Log: g.log,
		Alert: func(a alert.Alert) { g.alerts.Alert(g.draining, a) },
		Server: func(name string) *config.Server {
			if now := g.setup.Load(); now != nil {
				return now.servers[name]
			}
			return nil
		},
		Catalog: func(ctx context.Context) *catalog.Catalog { return g.stock.Whole(ctx) },
	}
	if !g.parts.Bridge {
		o.Dir = cfg.StateDir()
	}
	g.board = signboard.Open(o)
}

// atBoard answers with our manifest.
func (g *Gateway) atBoard(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.board.Handle(ctx, call, reply)
}

// papers shows our manifest to whoever may call.
func (g *Gateway) papers(s *setup, door *ingress.HTTP) http.Handler {
	return s.asked(door, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, refused := s.access.Authenticate(r); refused != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sumun"`)
			s.turnAway(w, r, http.StatusUnauthorized, refused)
			return
		}
		g.board.ServeHTTP(w, r)
	}))
}
