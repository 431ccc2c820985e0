package catalog

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestExecution wants what servers say of execution relayed within their era, but for promises of tasks by those that
// have none while clients are told that there are some.
func TestExecution(t *testing.T) {
	const optional, forbidden = `{"taskSupport":"optional"}`, `{"taskSupport":"forbidden"}`
	tool := func(name, execution string) []byte {
		return []byte(`{"name":"` + name + `","execution":` + execution + `,"inputSchema":{"type":"object"}}`)
	}
	sources := []Source{
		{Server: "without", Listing: &mcp.Listing{Revision: mcp.LatestLegacy(), Tools: [][]byte{
			tool("promises", optional), tool("refuses", forbidden), tool("silent", "{}"),
		}}},
		{Server: "modern", Listing: &mcp.Listing{Revision: mcp.Latest(), Tools: [][]byte{tool("new", optional)}}},
	}
	with := Source{Server: "with", Listing: &mcp.Listing{
		Revision: mcp.LatestLegacy(), Capabilities: []byte(`{"tasks":{"requests":{"tools":{"call":{}}}}}`),
		Tools: [][]byte{tool("job", optional)},
	}}
	tests := []struct {
		name    string
		sources []Source
		rev     *mcp.Revision
		said    []string // the tools whose execution is shown
	}{
		{"legacy, nobody has tasks", sources, mcp.LatestLegacy(), []string{"promises", "refuses", "silent"}},
		{"legacy, another has tasks", append(sources, with), mcp.LatestLegacy(), []string{"refuses", "silent", "job"}},
		{"modern, nobody has tasks", sources, mcp.Latest(), []string{"new"}},
		{"modern, a legacy server has tasks", append(sources, with), mcp.Latest(), []string{"new"}},
	}
	for _, tt := range tests {
		got := string(Build(tt.sources, Options{}).List(mcp.Tool, everything, tt.rev, mcp.FullNames).Value)
		for _, name := range tt.said {
			if !strings.Contains(got, `"name":"`+name+`","execution":`) {
				t.Errorf("%s: what %q says is gone: %s", tt.name, name, got)
			}
		}
		if n := strings.Count(got, `"execution":`); n != len(tt.said) {
			t.Errorf("%s: %d tools say something, want %q: %s", tt.name, n, tt.said, got)
		}
	}
}
