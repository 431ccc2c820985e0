package gateway_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestResumeAfterRestart answers a question while the call's stream is cut off, restarts the gate, and resumes the stream.
func TestResumeAfterRestart(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"memory", config.ResumeStore} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, false)
			cfg := configured(t, p.server("up"))
			cfg.Resume = where
			g := openWith(t, cfg)
			c := g.legacy(t, everything)
			in, _ := c.start(t, "tools/call", `{"name":"elicit","arguments":{}}`, nil)
			question := in.must(t, "elicitation/create")
			seen := in.ids[len(in.ids)-1]
			in.end()
			c.reply(t, question, `{"action":"accept"}`)
			eventually(t, "the call has ended", func() bool {
				rest := c.listen(t, map[string]string{"Last-Event-ID": seen})
				defer rest.end()
				return strings.Contains(rest.message(), "accept")
			})
			g.stop()
			later := openWith(t, cfg)
			c.gate = later
			rest := c.listen(t, map[string]string{"Last-Event-ID": seen})
			defer rest.end()
			if where == "memory" {
				if rest.status != 404 {
					t.Errorf("status %d, want 404", rest.status)
				}
				return
			}
			if all := rest.all(); len(all) != 1 || !strings.Contains(textOf(all[0]), `"action":"accept"`) {
				t.Errorf("resumed with %q (status %d), want the answer and nothing else", all, rest.status)
			}
		})
	}
}
