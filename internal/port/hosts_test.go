package port_test

import (
	"slices"
	"testing"

	"github.com/sumun-mcp/sumun/internal/port"
)

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		publicURL, listen string
		want              []string
	}{
		{"", "127.0.0.1:8080", []string{"localhost", "127.0.0.1", "::1", "127.0.0.1"}},
		{"", "[::1]:8080", []string{"localhost", "127.0.0.1", "::1", "::1"}},
		{"", "0.0.0.0:8080", nil},
		{"", "", nil},
		{"https://MCP.example.com/x", "0.0.0.0:8080", []string{"mcp.example.com", "localhost", "127.0.0.1", "::1", "0.0.0.0"}},
		{"no url", "gate.lan:8080", nil},
	} {
		if got := port.Hosts(c.publicURL, c.listen); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: %q, want %q", c.publicURL, c.listen, got, c.want)
		}
	}
}
