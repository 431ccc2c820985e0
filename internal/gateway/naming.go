package gateway

import (
	"cmp"
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// naming returns the form of names that the client of a call is shown: what its key
// says, or else the configuration, or else what the client says it is.
func (g *Gateway) naming(call *mcp.Call) mcp.Naming {
	if said := cmp.Or(call.Caller.Naming, mcp.Naming(g.Config().Naming)); said != "" {
		return said
	}
	return catalog.NamingOf(call.ClientInfo)
}

// fullNames puts the full name in the place of the short one by which a client calls
// a tool or prompt, before anything is decided on it.
func (g *Gateway) fullNames(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		kind, name, ok := addressed(call)
		if !ok || call.Caller == nil {
			return next.Handle(ctx, call, reply)
		}
		full, ok := g.resolve(ctx, call, kind, name)
		switch {
		case !ok && call.Method == mcp.MethodComplete:
			return mcp.Absent(kind, name, call.Revision)
		case !ok:
			return access.Absent(call)
		case full != name:
			call.Asked, call.Name = name, full
		}
		return next.Handle(ctx, call, reply)
	})
}

// addressed returns the tool or prompt that a call names.
func addressed(call *mcp.Call) (kind mcp.Kind, name string, ok bool) {
	if call.Method == mcp.MethodComplete {
		kind, name, ok = mcp.ParseRef(call.Member("ref"))
		return kind, name, ok && kind == mcp.Prompt
	}
	method, _ := mcp.MethodByName(call.Method)
	return method.Kind, call.Name, method.NameMember == "name" || method.NameMember == "toolId"
}

// resolve returns the full name of what the client names. As long as some servers
// have not been tried it waits for them, within a bound, both before it says that
// there is no such thing and before it gives a name that the caller may not see:
// nobody learns the one from the other by the clock.
func (g *Gateway) resolve(ctx context.Context, call *mcp.Call, kind mcp.Kind, name string) (string, bool) {
	s, naming := g.shelf(call), g.naming(call)
	full, ok := s.catalog.Load().Resolve(kind, name, naming)
	if ok && (s.keeper.Tried() || call.Caller.View.Sees(kind, full)) {
		return full, true
	}
	return g.settle(ctx, call).Resolve(kind, name, naming)
}
