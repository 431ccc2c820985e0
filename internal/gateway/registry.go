package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/doorman"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// openRegistry opens what is known of servers, and which may be connected to. A bridge leaves that to the gate behind it.
func (g *Gateway) openRegistry(ctx context.Context) (err error) {
	if g.store == nil {
		return nil
	}
	g.registry, err = doorman.Open(ctx, doorman.Options{
		Store: g.store, Log: g.log, Signers: g.board.Signers, Record: g.audit.Event, Alert: func(a alert.Alert) { g.alerts.Alert(g.draining, a) },
		Config: func() *config.Config {
			if now := g.setup.Load(); now != nil {
				return now.config
			}
			return nil
		},
		Changed: func() {
			g.reloading.Lock()
			defer g.reloading.Unlock()
			g.retake("another list of trusted servers")
		},
	})
	return err
}

// atRegistry has the registry answer.
func (g *Gateway) atRegistry(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return doorman.Handle(ctx, g.registry, call, reply)
}

// absent says that there is nothing of that name, or why it is not to be had.
func (g *Gateway) absent(call *mcp.Call) error {
	return doorman.Absent(call, g.registry.Refusal, g.board.Refusal)
}
