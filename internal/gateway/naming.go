package gateway

import (
	"bytes"
	"cmp"
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// shortNamed are the hosts, by the name in their clientInfo, that are shown short
// names if neither key nor configuration say which. It is for those alone that are
// known to lose tools with a dot in their name, or every answer because of them;
// others take dots, or put something else in their place by themselves.
//
//   - Claude Desktop refuses what is not ^[a-zA-Z0-9_-]{1,64}$
//     (github.com/loomle/loomle/issues/168, github.com/barryw/ImmichMCP/issues/4).
//   - Cursor leaves out tools with other characters, and those that have more than 60
//     together with the server's name (github.com/bavix/gripmock/issues/875,
//     github.com/ComposioHQ/composio/issues/2788).
//   - Copilot CLI hands names on as they are, and its API refuses the whole request
//     (github.com/github/copilot-cli/issues/2581; its name: issue 1268 there).
var shortNamed = map[string]bool{
	"claude-ai":                true,
	"cursor-vscode":            true,
	"github-copilot-developer": true,
}

// relayed begins what mcp-remote appends to the name of the host that it speaks for.
const relayed = " (via "

// naming returns the form of names that the client of a call is shown: what its key
// says, or else the configuration, or else what the client says it is.
func (g *Gateway) naming(call *mcp.Call) mcp.Naming {
	if said := cmp.Or(call.Caller.Naming, mcp.Naming(g.Config().Naming)); said != "" {
		return said
	}
	return namingOfHost(call.ClientInfo)
}

// namingOfHost returns the form of names for a client that says this of itself.
func namingOfHost(clientInfo []byte) mcp.Naming {
	var buf [64]byte
	name := wire.AppendUnquoted(buf[:0], wire.Get(clientInfo, "name"))
	host, _, _ := bytes.Cut(name, []byte(relayed))
	if shortNamed[string(host)] {
		return mcp.ShortNames
	}
	return mcp.FullNames
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
