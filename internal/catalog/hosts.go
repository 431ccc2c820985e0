package catalog

import (
	"bytes"

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

// NamingOf returns the form of names for a client that says this of itself (clientInfo).
func NamingOf(clientInfo []byte) mcp.Naming {
	var buf [64]byte
	name := wire.AppendUnquoted(buf[:0], wire.Get(clientInfo, "name"))
	host, _, _ := bytes.Cut(name, []byte(relayed))
	if shortNamed[string(host)] {
		return mcp.ShortNames
	}
	return mcp.FullNames
}
