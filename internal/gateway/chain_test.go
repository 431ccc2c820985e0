package gateway_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestGateBehindGate has a gate whose server is another gate: the state that the one behind seals is its own, and not the first one's
// to judge.
func TestGateBehindGate(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	behind := open(t, p.server("up"))
	server := config.NewServer("gate")
	server.URL, server.Prefix = behind.url, ""
	first := open(t, server)
	c := first.modernClient(everything)
	for _, w := range asked {
		q := c.questionOf(t, w.tool)
		if text := textOf(c.retry(t, w.tool, q, w.answer)); !strings.Contains(text, `"result":`+w.answer) {
			t.Errorf("%s: the server was answered %s, want %s", w.tool, text, w.answer)
		}
	}
}
