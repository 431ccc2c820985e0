package gateway_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestCheckedTools has what goes into the tools of a server and comes out of them checked against their schemas, as the
// configuration says, and with the places of what does not fit.
func TestCheckedTools(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		p := startPeer(t, modern)
		const input = `"inputSchema":{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"required":["a"]}`
		list := `{"tools":[{"name":"echo",` + input + `},{"name":"strict",` + input + `,"outputSchema":{"type":"object","properties":{"n":{"type":"string"}},"required":["n"]}}]`
		if modern {
			list += `,"resultType":"complete"`
		}
		p.setList("tools/list", list+"}")
		server := p.server("up")
		server.Tools.Check = true
		g := open(t, server)
		c := g.modernClient("{}")
		if got := c.ask(t, "tools/call", `{"name":"echo","arguments":{"a":[1,"2"]}}`); !strings.Contains(got, `"isError":true`) || !strings.Contains(got, `/a/1`) {
			t.Errorf("modern server %v: arguments that do not fit: %s", modern, got)
		}
		ask := overHTTP(t, g)
		if got := ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tool.invoke","params":{"toolId":"echo","args":{"a":[1,"2"]}}}`); !strings.Contains(got, `"data":{"reason":"invalid-arguments","errors":[{"pointer":"/a/1"`) {
			t.Errorf("modern server %v: in the dialect: %s", modern, got)
		}
		if n := p.count("tools/call"); n != 0 {
			t.Errorf("modern server %v: the server was called %d times", modern, n)
		}
		if got := c.ask(t, "tools/call", `{"name":"echo","arguments":{"a":[1]}}`); strings.Contains(got, "isError") || p.count("tools/call") != 1 {
			t.Errorf("modern server %v: arguments that fit: %s", modern, got)
		}
		if got := c.ask(t, "tools/call", `{"name":"strict","arguments":{"a":[]}}`); !strings.Contains(got, "outputSchema") {
			t.Errorf("modern server %v: a result that does not fit: %s", modern, got)
		}
		server.Tools.Check = false
		if err := g.Reload(serving(g, server)); err != nil {
			t.Fatal(err)
		}
		if got := c.ask(t, "tools/call", `{"name":"echo","arguments":{"a":"x"}}`); strings.Contains(got, "isError") {
			t.Errorf("modern server %v: unchecked: %s", modern, got)
		}
	}
}

// serving is the configuration of a gate with other servers.
func serving(g *gate, servers ...config.Server) *config.Config {
	next := *g.Config()
	next.Servers = servers
	return &next
}
