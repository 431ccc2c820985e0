package gateway_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestGap has lists change whenever the gate opens another stream of changes to a modern server, just before the server knows of the
// new one: the change must not be lost between the streams.
func TestGap(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	s := p.server("up")
	var first sync.Once
	s.URL = between(t, p, func(_ *http.Request, body string) bool {
		if strings.Contains(body, `"subscriptions/listen"`) && strings.Contains(body, "test://one") {
			first.Do(p.all.grow)
		}
		return false
	})
	g := open(t, s)
	c := g.modernClient("{}")
	c.ask(t, "tools/list", "{}")
	stream, _ := c.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
	stream.must(t, `"notifications/subscriptions/acknowledged"`)
	eventually(t, "the gate listens", p.streaming)
	more, _ := g.modernClient("{}").start(t, "subscriptions/listen", `{"notifications":{"resourceSubscriptions":["test://one"]}}`, nil)
	more.must(t, `"notifications/subscriptions/acknowledged"`)
	stream.must(t, `"notifications/tools/list_changed"`)
	if list := c.ask(t, "tools/list", "{}"); !strings.Contains(list, `"name":"new-`) {
		t.Errorf("the list has not grown: %s", list)
	}
	stream.end()
	more.end()
}
