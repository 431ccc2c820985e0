package gateway_test

import "testing"

// TestListenUnlisted has a modern client listen that has not asked this gate for a list, as one does that comes back after the
// gate was restarted: it is told of the first change.
func TestListenUnlisted(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		p := startPeer(t, modern)
		c := open(t, p.server("up")).modernClient("{}")
		stream, _ := c.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
		stream.must(t, `"notifications/subscriptions/acknowledged"`)
		c.call(t, "grow")
		stream.must(t, `"notifications/tools/list_changed"`)
		stream.end()
	}
}
