package gateway

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/task"
)

// credentialsKey is the file with the key that seals credentials, in the directory of the state.
const credentialsKey = "credentials.key"

// openCredentials makes what gets tokens for servers. A bridge has none: the gateway behind it sees to that.
func (g *Gateway) openCredentials(ctx context.Context, cfg *config.Config) {
	if g.store == nil {
		return
	}
	g.credentials = credential.New(ctx, credential.Options{
		Store: g.store, KeyFile: filepath.Join(cfg.StateDir(), credentialsKey), Log: g.log, Changed: g.loginChanged,
		Event: func(ctx context.Context, e credential.Event) {
			detail := map[string]any{"detail": e.Detail}
			if e.Owner != "" {
				detail["caller"] = e.Owner
			}
			if err := g.audit.Event(ctx, audit.Event{Kind: audit.Kind(e.Kind), Actor: e.Actor, Subject: e.Server, Detail: detail}); err != nil {
				g.log.ErrorContext(ctx, "an event of a login is not on record", slog.String("kind", e.Kind), slog.Any("error", err))
			}
		},
	})
}

// loginChanged starts a server again that could not be reached for want of a login, or whose login is gone.
func (g *Gateway) loginChanged(server string) {
	if g.draining.Err() != nil {
		return
	}
	for _, replica := range g.router.Replicas(server) {
		if err := g.pool.Restart(replica); err != nil {
			g.log.Warn("a server was not started again after a login", slog.String("server", replica), slog.Any("error", err))
		}
	}
	g.stock.Refresh(server)
}

// authority returns what requests to a server, or a replica, show on behalf of a caller.
func (g *Gateway) authority(server, caller string) http1.Authority {
	if g.credentials == nil {
		return nil
	}
	return g.credentials.Authority(route.ServerOf(server), caller)
}

// openPool makes the way out. Do is what calls go through: those that meet a server that wants a login wait for that.
func (g *Gateway) openPool(ctx context.Context) {
	g.pool = egress.New(ctx, egress.Options{
		Log: g.log, Client: egress.Implementation{Name: "sumun", Version: g.parts.Version},
		Clients: task.Clients{Tasks: g.tasks, Hub: g.hub}, Events: events{g}, Command: g.command, TLS: g.parts.TLS, Credentials: g.authority,
	})
	g.do = g.pool.Do
	if g.credentials != nil {
		g.do = g.credentials.Around(g.pool.Do)
	}
}

// atCredentials answers what callers ask about their logins at servers.
func (g *Gateway) atCredentials(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if g.credentials == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	return g.credentials.Answer(ctx, call, reply)
}
