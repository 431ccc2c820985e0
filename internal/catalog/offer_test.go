package catalog

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestOffered gives a name to what several servers have, unless something has it already.
func TestOffered(t *testing.T) {
	tool := func(name, about string) []byte {
		return []byte(`{"name":"` + name + `","description":"` + about + `","inputSchema":{"type":"object"}}`)
	}
	source := func(server string, order int, tools ...[]byte) Source {
		return Source{
			Server: server, Prefix: server, Order: order, TrustAnnotations: true,
			Listing: &mcp.Listing{Revision: mcp.Latest(), Tools: tools, Prompts: [][]byte{[]byte(`{"name":"ask"}`)}},
		}
	}
	c := Build([]Source{
		source("a", 1, tool("find", "as a finds"), tool("own", "of a")),
		source("b", 2, tool("search", "as b finds")),
	}, Options{Offered: []mcp.Offered{
		{Name: "shop.find", Of: []mcp.Destination{{Server: "gone", Name: "find"}, {Server: "b", Name: "search"}, {Server: "a", Name: "find"}}},
		{Name: "a.own", Of: []mcp.Destination{{Server: "b", Name: "search"}}},
		{Name: "shop.nothing", Of: []mcp.Destination{{Server: "a", Name: "nothing"}}},
		{Name: "shop find", Of: []mcp.Destination{{Server: "a", Name: "find"}}},
		{Name: "both", Of: []mcp.Destination{{Server: "a", Name: "ask"}}},
	}})
	e, ok := c.Lookup(mcp.Tool, "shop.find")
	if !ok || e.Dest.Server != "b" || e.Dest.Name != "search" || !e.Offered || !strings.Contains(string(e.Raw), `"name":"shop.find","description":"as b finds"`) {
		t.Errorf("shop.find is %+v, %s", e, e.Raw)
	}
	if e, _ := c.Lookup(mcp.Tool, "b.search"); e == nil || e.Offered || e.Name != "b.search" {
		t.Errorf("b.search is %+v", e)
	}
	if e, _ := c.Lookup(mcp.Tool, "a.own"); e == nil || e.Dest.Server != "a" {
		t.Errorf("what a server declares is taken from it: %+v", e)
	}
	if _, ok := c.Lookup(mcp.Prompt, "both"); !ok {
		t.Error("a prompt is not offered")
	}
	for _, name := range []string{"shop.nothing", "shop find", "both"} {
		if _, ok := c.Lookup(mcp.Tool, name); ok {
			t.Errorf("%s is offered", name)
		}
	}
	if w := c.Warnings(); len(w) != 1 || w[0].Name != "shop find" {
		t.Errorf("warnings = %+v", w)
	}
	if d, ok := c.Remote(mcp.Tool, "b", "search"); !ok || d.Name != "search" {
		t.Errorf("search of b is at %+v, %t", d, ok)
	}
	if _, ok := c.Remote(mcp.Tool, "b", "shop.find"); ok {
		t.Error("a server is said to have what only the policy offers")
	}
	if d, ok := c.Remote(mcp.Resource, "b", "file:///x"); !ok || d.Server != "b" {
		t.Errorf("a URI is at %+v, %t", d, ok)
	}
}
