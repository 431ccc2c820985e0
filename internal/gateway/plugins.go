package gateway

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// openPlugins opens what makes servers of files in folders. A bridge leaves that to the gate behind it.
func (g *Gateway) openPlugins(ctx context.Context, cfg *config.Config) error {
	if g.store == nil {
		return nil
	}
	g.plugins = plugin.New(ctx, plugin.Options{
		Dir: filepath.Join(cfg.StateDir(), plugin.Folder), Adopt: g.adopt, Remove: g.removed, Log: g.log, Install: g.parts.Warden.Locked,
		Failed: func(ctx context.Context, f plugin.Failure) {
			text := "the plugin does not work: " + f.Err.Error()
			if f.Stays {
				text = "the change of the plugin does not work, and the version before stays: " + f.Err.Error()
			}
			g.alerts.Alert(ctx, alert.Alert{
				Kind: "plugin", Severity: alert.Medium, Server: f.Plugin, Subject: f.Plugin, Text: text, Remedy: "sumun plugin check " + f.Path,
			})
		},
	})
	return g.metrics.WatchPlugins(g.plugins.Observe)
}

// command returns what starts the program of a server, confined; a plugin may have none and run in this process.
func (g *Gateway) command(ctx context.Context, s config.Server) (*sandbox.Command, error) {
	if c, ok := g.plugins.Command(&s); ok {
		return c, nil
	}
	return g.parts.Warden.Command(ctx, s)
}

// adopt puts a version of a plugin in force once it has proved itself: the one before serves calls until every client is shown what the
// new one offers, and then those that it has begun.
func (g *Gateway) adopt(ctx context.Context, s config.Server) (<-chan struct{}, error) {
	next, err := g.pool.Beside(ctx, route.Expand(&config.Config{Servers: []config.Server{s}})[0])
	if err != nil {
		return nil, err
	}
	g.reloading.Lock()
	leave := next.Take()
	if g.plugins.Adopted(s) {
		g.retake("a plugin is offered")
	}
	g.reloading.Unlock()
	g.stock.Renew(ctx, s.Name)
	return leave(), nil
}

// removed takes notice that a plugin is not there.
func (g *Gateway) removed(string) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	g.retake("a plugin is taken away")
}

// retake makes the configuration in force anew, as what else it goes by has changed. The lock is held.
func (g *Gateway) retake(what string) {
	if err := g.take(g.Config()); err != nil {
		g.log.ErrorContext(g.draining, "a change is not in force yet", slog.String("what", what), slog.Any("error", err))
	}
}

// atPlugins tells how the plugins are.
func (g *Gateway) atPlugins(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.plugins.Handle(ctx, call, reply)
}

// Plugins tells how the plugins are.
func (g *Gateway) Plugins() []plugin.State { return g.plugins.States() }
