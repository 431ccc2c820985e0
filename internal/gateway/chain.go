package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// chain is the order of things: what every call goes through, outermost first.
func (g *Gateway) chain(a *access.Access) mcp.Handler {
	return mcp.Chain(mcp.HandlerFunc(g.dispatch),
		g.name,               // a call has an id before anything is said of it
		g.metrics.Middleware, // counted and timed, whatever becomes of it
		g.record,             // so that refusals, panics and timeouts are on record too
		g.recover,            // a bug in one call must not end the others
		refuse,               // what the door refused goes no further
		access.Here,          // what may be done can depend on where and when
		g.fullNames,          // scopes and the record know full names only
		g.namedResources,     // what has a name and parameters is a URI
		g.tasks.Middleware,   // a task is the tool that it runs
		a.Middleware,         // who may do this?
		access.While,         // and for as long as the key holds
		g.limits.Middleware,  // how much of it?
		g.guard.Middleware,   // may this be said to it, and this come back?
		g.approved,           // does a person have to allow it?
		g.usage.Middleware,   // who uses what is known afterwards
		g.inRoots,            // what is in force where the call is made; an answer from memory goes no further
	)
}

// serverOf returns the server that a call will go to, as dispatch finds it: what is said of a server holds for
// what it does not list, and for calls that come before it has listed anything. It is empty if there is none.
func (g *Gateway) serverOf(ctx context.Context, call *mcp.Call) string {
	method, _ := mcp.MethodByName(call.Method)
	switch {
	case call.Method == mcp.MethodComplete:
		if entry, err := g.settle(ctx, call).Ref(call.Member("ref"), call.Name); err == nil {
			return entry.Dest.Server
		}
		return ""
	case method.NameMember == "":
		return ""
	}
	if entry, ok := g.lookup(ctx, call, method.Kind, call.Name); ok {
		return entry.Dest.Server
	}
	if method.Kind != mcp.Resource {
		return ""
	}
	only, _ := g.shelf(call).catalog.Load().OnlyResourceServer()
	return only
}

// record is the audit, unless the gate behind this one keeps it.
func (g *Gateway) record(next mcp.Handler) mcp.Handler {
	if g.audit == nil {
		return next
	}
	return g.audit.Middleware(next)
}
