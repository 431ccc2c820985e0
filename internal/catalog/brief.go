package catalog

import (
	"fmt"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Brief tells each kind of problem of a server once, with an example.
func (c *Catalog) Brief() []string {
	type kind struct{ server, problem string }
	count := map[kind]int{}
	for _, w := range c.warnings {
		count[kind{w.Server, w.Problem}]++
	}
	var told []string
	for _, w := range c.warnings {
		k := kind{w.Server, w.Problem}
		switch n := count[k]; {
		case n == 1:
			told = append(told, fmt.Sprintf("server %s: %s: %s", w.Server, w.Name, w.Problem))
		case n > 1:
			told = append(told, fmt.Sprintf("server %s: %s and %d more: %s", w.Server, w.Name, n-1, w.Problem))
		}
		delete(count, k)
	}
	return told
}

// Initialized is the result of the legacy era's handshake: what all servers together can do. Info is our name and version.
func (c *Catalog) Initialized(r *mcp.Revision, info []byte) []byte {
	value := wire.AppendQuote([]byte(`{"protocolVersion":`), r.Name)
	value = append(append(value, `,"capabilities":`...), c.Capabilities(r)...)
	value = append(append(value, `,"serverInfo":`...), info...)
	return append(c.appendInstructions(value), '}')
}

// Discovered is the answer to the modern era's question for the same.
func (c *Catalog) Discovered(r *mcp.Revision, info []byte) []byte {
	value := mcp.AppendNames([]byte(`{"resultType":"complete","supportedVersions":`))
	value = append(append(value, `,"capabilities":`...), c.Capabilities(r)...)
	value = append(c.appendInstructions(value), `,"ttlMs":0,"cacheScope":"private","_meta":{"`+mcp.MetaServerInfo+`":`...)
	return append(append(value, info...), "}}"...)
}

func (c *Catalog) appendInstructions(dst []byte) []byte {
	instructions := c.Instructions()
	if instructions == "" {
		return dst
	}
	return wire.AppendQuote(append(dst, `,"instructions":`...), instructions)
}
