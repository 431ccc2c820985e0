package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/mishap"
)

// chain is the order of things: what every call goes through, outermost first.
func (g *Gateway) chain(a *access.Access) mcp.Handler {
	return mcp.Chain(mcp.HandlerFunc(g.dispatch),
		g.name,                 // a call has an id before anything is said of it
		g.metrics.Middleware,   // counted and timed, whatever becomes of it
		g.record,               // so that refusals, panics and timeouts are on record too
		mishap.Recover(g.log),  // a bug in one call must not end the others
		mishap.Refuse,          // what the door refused goes no further
		access.Here,            // what may be done can depend on where and when
		g.stock.HeldBack,       // what nobody has approved is told of, and goes no further
		g.stock.FullNames,      // scopes and the record know full names only
		g.stock.NamedResources, // what has a name and parameters is a URI
		g.tasks.Middleware,     // a task is the tool that it runs
		a.Middleware,           // who may do this?
		access.While,           // and for as long as the key holds
		g.limits.Middleware,    // how much of it?
		g.guard.Middleware,     // may this be said to it, and this come back?
		g.approved,             // does a person have to allow it?
		g.usage.Middleware,     // who uses what is known afterwards
		g.inRoots,              // what is in force where the call is made; an answer from memory goes no further
		g.answers.Middleware,   // does what comes back give orders?
	)
}

// record is the audit, unless the gate behind this one keeps it.
func (g *Gateway) record(next mcp.Handler) mcp.Handler {
	if g.audit == nil {
		return next
	}
	return g.audit.Middleware(next)
}

// name gives each call the id under which the audit record and the log tell of it.
func (g *Gateway) name(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		call.ID, call.Findings = g.callID(), new(mcp.Findings)
		return next.Handle(ctx, call, reply)
	})
}
