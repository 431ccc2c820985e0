package gateway_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/pgtest"
)

// A warded is a gate before a peer whose unapproved changes are held back.
type warded struct {
	*gate
	peer *httpPeer
	ask  func(string) string
}

// ward opens a gate before a peer that offers one thing of each kind.
func ward(t *testing.T, p *httpPeer, change func(*config.Config)) *warded {
	t.Helper()
	server := p.server("up")
	server.Trust.Pins, server.Prefix = belief.Enforce, "up"
	cfg := configured(t, server)
	if change != nil {
		change(cfg)
	}
	g := openWith(t, cfg)
	return &warded{g, p, overHTTP(t, g)}
}

// offers has a peer offer a tool, prompt, resource and template with that description.
func offers(p *httpPeer, description string) {
	end := p.envelope(true) + "}"
	p.setList("tools/list", fmt.Sprintf(`{"tools":[{"name":"echo","description":%q,"inputSchema":{"type":"object"}}]`, description)+end)
	p.setList("prompts/list", fmt.Sprintf(`{"prompts":[{"name":"greet","description":%q}]`, description)+end)
	p.setList("resources/list", `{"resources":[{"uri":"test://one","name":"one"}]`+end)
	p.setList("resources/templates/list", fmt.Sprintf(`{"resourceTemplates":[{"uriTemplate":"test://item/{id}","name":"item","description":%q}]`, description)+end)
}

func (p *httpPeer) changed() {
	for _, kind := range []string{"tools", "prompts", "resources"} {
		p.announce(`{"jsonrpc":"2.0","method":"notifications/`+kind+`/list_changed"}`, "")
	}
}

// admin asks as those who run the gate do, and returns the result.
func (w *warded) admin(t *testing.T, method, params string, into any) {
	t.Helper()
	answer := w.ask(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`)
	var m struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(answer), &m); err != nil || m.Result == nil {
		t.Fatalf("%s: %s", method, answer)
	}
	if err := json.Unmarshal(m.Result, into); err != nil {
		t.Fatal(err)
	}
}

type alerts struct {
	Alerts []struct{ ID, State, Severity, Server, Subject, What, Thing, Message, Remedy string }
	Held   []struct{ Server, Kind, Name, Alert string }
}

// open returns the open alerts, once there are that many.
func (w *warded) open(t *testing.T, n int) alerts {
	t.Helper()
	var a alerts
	for range 100 {
		a = alerts{}
		if w.admin(t, "mcp.admin.alerts.list", `{}`, &a); len(a.Alerts) == n {
			return a
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%d alerts are wanted: %+v", n, a)
	return a
}

// TestHeldBack changes all that a server offers: nothing of it is listed, and nothing can be called, by no door, in no era, under no name;
// and all of it can once it is approved.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(fmt.Sprintf("modern=%t", modern), func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			offers(p, "one")
			w := ward(t, p, nil)
			legacy, young := w.legacy(t, "{}"), w.modernClient("{}")
			uses := []struct{ method, params, dialect string }{
				{"tools/call", `{"name":"up.echo","arguments":{}}`, ""},
				{"tools/call", `{"name":"up__echo","arguments":{}}`, ""},
				{"prompts/get", `{"name":"up.greet"}`, ""},
				{"prompts/get", `{"name":"up__greet"}`, ""},
				{"completion/complete", `{"ref":{"type":"ref/prompt","name":"up.greet"},"argument":{"name":"who","value":""}}`, ""},
				{"completion/complete", `{"ref":{"type":"ref/resource","uri":"test://item/{id}"},"argument":{"name":"id","value":""}}`, ""},
				{"resources/read", `{"uri":"test://item/7"}`, ""},
				{"", `{"toolId":"up.echo","args":{}}`, "mcp.tool.invoke"},
				{"", `{"toolId":"up.echo"}`, "mcp.tool.describe"},
				{"", `{"promptId":"up.greet"}`, "mcp.prompt.render"},
				{"", `{"uri":"test://item/7"}`, "mcp.resource.read"},
				{"", `{"uri":"test://item/7"}`, "mcp.resource.subscribe"},
			}
			lists := []string{"tools/list", "prompts/list", "resources/templates/list"}
			for _, list := range lists {
				if got := legacy.ask(t, list, "{}") + young.ask(t, list, "{}"); strings.Count(got, "description") != 2 {
					t.Errorf("%s at first: %s", list, got)
				}
			}
			offers(p, "two")
			p.changed()
			found := w.open(t, 3)
			if len(found.Held) != 3 {
				t.Errorf("%+v is held back", found.Held)
			}
			for _, a := range found.Alerts {
				if a.Remedy != "sumun alert show "+a.ID+"; sumun alert approve "+a.ID || !strings.HasSuffix(a.Message, "is not any more what was approved; it is held back") {
					t.Errorf("alert %+v", a)
				}
			}
			for _, list := range lists {
				if got := legacy.ask(t, list, "{}") + young.ask(t, list, "{}"); strings.Contains(got, "description") {
					t.Errorf("%s: %s", list, got)
				}
			}
			if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); strings.Contains(got, "echo") {
				t.Errorf("mcp.tools.list: %s", got)
			}
			before := p.count("tools/call") + p.count("prompts/get") + p.count("resources/read") + p.count("completion/complete")
			for _, use := range uses {
				answers := []string{}
				if use.dialect != "" {
					answers = append(answers, w.ask(`{"jsonrpc":"2.0","id":1,"method":"`+use.dialect+`","params":`+use.params+`}`))
				} else {
					answers = append(answers, legacy.ask(t, use.method, use.params), young.ask(t, use.method, use.params))
				}
				for i, answer := range answers {
					if !strings.Contains(answer, `"alert":"`) || !strings.Contains(answer, `"reason":"blocked"`) || !strings.Contains(answer, "sumun alert show ") {
						t.Errorf("%s%s %s (%d): %s", use.method, use.dialect, use.params, i, answer)
					}
				}
			}
			if after := p.count("tools/call") + p.count("prompts/get") + p.count("resources/read") + p.count("completion/complete"); after != before {
				t.Errorf("%d calls of what is held back have reached the server", after-before)
			}
			stream := young
			in, _ := stream.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
			in.must(t, "acknowledged")
			var done alerts
			w.admin(t, "mcp.admin.alerts.approve", `{"server":"up","reason":"as announced"}`, &done)
			if len(done.Alerts) != 3 || done.Alerts[0].State != "approved" {
				t.Errorf("approved: %+v", done)
			}
			in.must(t, "notifications/tools/list_changed")
			in.end()
			for _, c := range []*client{legacy, young} {
				if got := c.call(t, "up.echo"); strings.Contains(got, `"error"`) {
					t.Errorf("the call once it is approved: %s", got)
				}
			}
			if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); !strings.Contains(got, `"description":"two"`) {
				t.Errorf("mcp.tools.list once it is approved: %s", got)
			}
			w.open(t, 0)
		})
	}
}

// TestHeldRestart restarts the gate between a change and its approval: what was changed stays held back, from the first answer on.
func TestHeldRestart(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	offers(p, "one")
	var store string
	w := ward(t, p, func(cfg *config.Config) { store = cfg.Store })
	first := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`)
	w.stop()
	offers(p, "two")
	for range 2 {
		w = ward(t, p, func(cfg *config.Config) { cfg.Store = store })
		if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); strings.Contains(got, "echo") {
			t.Errorf("after a restart: %s", got)
		}
		if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tool.invoke","params":{"toolId":"up.echo","args":{}}}`); !strings.Contains(got, `"reason":"blocked"`) {
			t.Errorf("a call after a restart: %s", got)
		}
		w.open(t, 3)
		w.stop()
	}
	// Back as it was, it is fine: nothing needs to be approved.
	offers(p, "one")
	w = ward(t, p, func(cfg *config.Config) { cfg.Store = store })
	if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); got != first {
		t.Errorf("back as it was: %s, want %s", got, first)
	}
	offers(p, "two")
	p.changed()
	w.open(t, 3)
	var done alerts
	w.admin(t, "mcp.admin.alerts.approve", `{"server":"up"}`, &done)
	w.stop()
	w = ward(t, p, func(cfg *config.Config) { cfg.Store = store })
	if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); !strings.Contains(got, `"description":"two"`) {
		t.Errorf("approved, after a restart: %s", got)
	}
}

// TestHeldInstances has two gates share a store: an approval reaches the other one within seconds.
func TestHeldInstances(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); instances(t, "sqlite:"+filepath.Join(t.TempDir(), "shared.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); instances(t, pgtest.Database(t, "")) })
}

func instances(t *testing.T, at string) {
	t.Helper()
	p := startPeer(t, false)
	offers(p, "one")
	share := func(cfg *config.Config) { cfg.Store = at }
	one, two := ward(t, p, share), ward(t, p, share)
	const list = `{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`
	if a, b := one.ask(list), two.ask(list); !strings.Contains(a, "echo") || a != b {
		t.Fatalf("%s\n%s", a, b)
	}
	offers(p, "two")
	p.changed()
	one.open(t, 3)
	two.open(t, 3)
	var done alerts
	one.admin(t, "mcp.admin.alerts.approve", `{"server":"up"}`, &done)
	for range 100 {
		if strings.Contains(two.ask(list), `"description":"two"`) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the other instance does not know of the approval")
}

// TestHeldNeverCalled changes the tools of a server all the time, while clients list and call: nothing that nobody has approved is listed,
// and no call reaches the server under a name that nobody has approved.
func TestHeldNeverCalled(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	set := func(names ...string) {
		var tools []string
		for _, name := range names {
			tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		p.setList("tools/list", `{"tools":[`+strings.Join(tools, ",")+`]}`)
		p.changed()
	}
	set("echo", "touch")
	w := ward(t, p, nil)
	c := w.legacy(t, "{}")
	c.ask(t, "tools/list", "{}")
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			set([][]string{{"echo"}, {"echo", "touch", "evil"}, {"evil"}, {"touch", "еcho"}, {"echo", "touch"}}[i%5]...)
		}
	})
	for range 4 {
		c := w.legacy(t, "{}")
		busy.Go(func() {
			for range 40 {
				if got := c.ask(t, "tools/list", "{}"); strings.Contains(got, "evil") || strings.Contains(got, "еcho") {
					t.Errorf("listed: %s", got)
				}
				for _, name := range []string{"up.evil", "up.echo", "up.\u0435cho", "up__evil"} {
					c.ask(t, "tools/call", `{"name":"`+name+`","arguments":{}}`)
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	close(stop)
	busy.Wait()
	for _, r := range p.got("tools/call") {
		if name := r.param("name"); name != `"echo"` && name != "echo" {
			t.Errorf("the server was called by %s", name)
		}
	}
}

// TestHeldFlag tells of changes and lets them through.
func TestHeldFlag(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	offers(p, "one")
	w := ward(t, p, func(cfg *config.Config) { cfg.Servers[0].Trust.Pins = belief.Flag })
	w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`)
	offers(p, "two")
	p.changed()
	w.open(t, 3)
	if got := w.ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); !strings.Contains(got, `"description":"two"`) {
		t.Errorf("flagged: %s", got)
	}
}
