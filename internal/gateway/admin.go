package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/vouch"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A serverState is how one server is, as those who run the gate are told.
type serverState struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Transport string    `json:"transport"`
	Revision  string    `json:"revision,omitempty"`
	Sessions  int       `json:"sessions"`
	Processes int       `json:"processes"`
	InFlight  int       `json:"inFlight"`
	Restarts  int       `json:"restarts"`
	// Unheard counts log messages that were dropped since they may belong to any of several clients.
	Unheard int64  `json:"unheard,omitempty"`
	Error   string `json:"error,omitempty"`
	// Signed is what is known of who has signed it, where that is asked.
	Signed *vouch.State `json:"signed,omitempty"`
	// Advisories is what is known against it.
	Advisories []trust.Finding `json:"advisories,omitempty"`
	// Held are the things of the server that nobody has approved.
	Held []catalog.Thing `json:"held,omitempty"`
	// Routing is how the router judges a replica that calls are shared out among.
	Routing string `json:"routing,omitempty"`
}

// servers tells how the servers are.
func (g *Gateway) servers(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
	states, judged := []serverState{}, map[string]string{}
	for _, t := range g.router.Targets() {
		judged[t.Name] = t.State
	}
	for _, s := range g.pool.Status() {
		if isOwn(s.Server) {
			continue
		}
		states = append(states, serverState{
			Name: s.Server, State: g.registry.State(route.ServerOf(s.Server), string(s.State)), Since: s.Since, Transport: s.Transport, Revision: s.Revision,
			Sessions: s.Sessions, Processes: s.Processes, InFlight: s.InFlight, Restarts: s.Restarts, Unheard: s.Unheard, Error: g.trouble(&s), Signed: g.board.Signed(route.ServerOf(s.Server)), Advisories: g.advisories.Findings(route.ServerOf(s.Server)), Routing: judged[s.Server],
			Held: g.stock.AllHeld(route.ServerOf(s.Server)),
		})
	}
	value, err := json.Marshal(struct {
		ResultType string        `json:"resultType"`
		Servers    []serverState `json:"servers"`
	}{"complete", states})
	if err != nil {
		return fmt.Errorf("telling how the servers are: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}

// trouble tells why a server is not well: it is not there, or does not give its lists.
func (g *Gateway) trouble(s *egress.Status) string {
	if s.LastError != "" {
		return s.LastError
	}
	if outside := g.registry.Trouble(route.ServerOf(s.Server)); outside != "" {
		return outside
	}
	if blocked := g.board.Trouble(route.ServerOf(s.Server)); blocked != "" {
		return blocked
	}
	if err := g.stock.Keeper().Trouble(route.ServerOf(s.Server)); err != nil && !errors.Is(err, egress.ErrUnavailable) {
		return "lists: " + err.Error()
	}
	return ""
}

// restart ends a server's sessions and processes and starts it again.
func (g *Gateway) restart(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	server, ok := wire.Unquote(call.Member("server"))
	if !ok {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.server must be the name of a server")
	}
	call.Server = server
	for _, replica := range g.router.Replicas(server) {
		if err := g.pool.Restart(replica); err != nil {
			return err
		}
	}
	g.stock.Refresh(route.ServerOf(server))
	return g.empty(ctx, call, reply)
}
