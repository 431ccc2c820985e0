package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
)

// callTool sends a tool call to the server that has the tool.
func (g *Gateway) callTool(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	tool, ok := g.stock.Lookup(ctx, call, mcp.Tool, call.Name)
	if !ok {
		return g.absent(call)
	}
	arguments := call.Member("arguments")
	if twin := tool.Twin(arguments); twin != "" {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments,
			"argument %q differs only by case from one that the tool takes; use the tool's spelling", twin)
	}
	if call.Transport == "http" && call.Revision.HeaderRules {
		if err := mcp.CheckHeaders(call.Header, tool.Dest.Headers, arguments); err != nil {
			return err
		}
	}
	reply, done, err := g.schemas.Call(ctx, tool, call, reply)
	if done || err != nil {
		return err
	}
	return g.run(ctx, tool, call, reply)
}

// getPrompt sends the call to the server that has the prompt.
func (g *Gateway) getPrompt(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	prompt, ok := g.stock.Lookup(ctx, call, mcp.Prompt, call.Name)
	if !ok {
		return g.absent(call)
	}
	return g.forward(ctx, prompt, call, reply)
}

// readResource sends the call to the server that owns the URI. A URI that no
// server lists goes to the only server with resources, if there is just one:
// servers need not list what they serve.
func (g *Gateway) readResource(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if resource, ok := g.stock.Lookup(ctx, call, mcp.Resource, call.Name); ok {
		return g.forward(ctx, resource, call, reply)
	}
	server, ok := g.stock.Now(call).OnlyResourceServer()
	if !ok {
		return g.absent(call)
	}
	if err := g.sentry.HeldPlace(server, call.Name); err != nil {
		return err
	}
	return g.router.Send(ctx, route.Request{
		Call: call, Reply: reply, Kind: mcp.Resource, Dest: mcp.Destination{Server: server, Name: call.Name}, Things: g.stock.Now(call),
	})
}

// complete sends the call to the server that has the prompt or template.
func (g *Gateway) complete(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	entry, err := g.stock.Settle(ctx, call).Ref(call.Member("ref"), call.Name)
	if err != nil {
		return err
	}
	call.Name = entry.Name
	return g.forward(ctx, entry, call, reply)
}

func (g *Gateway) forward(ctx context.Context, entry *catalog.Entry, call *mcp.Call, reply mcp.Reply) error {
	return g.router.Send(ctx, route.Request{
		Call: call, Reply: reply, Kind: entry.Kind, Dest: entry.Dest, Offered: entry.Offered, Things: g.stock.Now(call),
	})
}

// routing is what the router works with.
func (g *Gateway) routing() route.Options {
	o := route.Options{
		Log: g.log, Do: g.do, Ping: g.pool.Ping, Unsent: egress.Unsent, Score: func(replica string) int { return g.registry.ReplicaScore(replica) },
		Changed: func() { g.stock.Publish() }, // the policy may give other names
	}
	if g.store != nil {
		o.Store = g.store
	}
	return o
}

// atRouter has the router answer. A bridge decides on nothing.
func (g *Gateway) atRouter(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if g.store == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	if call.Method == mcp.MethodRoutingGet && !call.Caller.View.Whole && !access.Holds(call.Caller, mcp.ScopeRouting) {
		return access.Lacks(call.Method, mcp.ScopeRouting) // the policy names what the caller may not see
	}
	return g.router.Handle(ctx, call, reply)
}

// noteState tells the router whether a replica can be used. What it told of changes is
// told by another one if it cannot.
func (e events) noteState(replica string, state egress.State) {
	if state == egress.Stopped { // another one has taken its place, or none
		return
	}
	e.router.SetState(replica, state == egress.Ready)
	if replica != route.ServerOf(replica) {
		e.watches.Stale()
	}
}
