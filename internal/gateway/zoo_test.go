package gateway_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/zoo"
)

// An inmate is an animal of the zoo, or its honest twin, as a server of a configuration.
type inmate struct {
	config.Server
	*zoo.Habitat
}

// letIn starts an animal behind HTTP, which believes that it is that time.
func letIn(t *testing.T, name string, twin bool, now func() time.Time) *inmate {
	t.Helper()
	a, ok := zoo.Find(name)
	if !ok {
		t.Fatalf("the zoo has no %s", name)
	}
	h := &zoo.Habitat{Dir: t.TempDir(), Now: now}
	which := a.Server
	if twin {
		which = a.Twin
	}
	web := httptest.NewServer(a.Out(h, which).Door())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	s := config.NewServer("zoo")
	s.URL, s.Prefix, s.Headers = web.URL+"/mcp", "", map[string]string{"Authorization": "Bearer " + zoo.Key}
	return &inmate{s, h}
}

// TestZooAnswers has clients ask animals that give orders in their answers, under each policy: an order is told of, taken out, or not
// passed on, whatever it comes in. What an honest twin answers passes as it came.
func TestZooAnswers(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]struct{ method, params, order string }{
		"issue":         {"tools/call", `{"name":"list_open","arguments":{"project":"sumun"}}`, "private repositories"},
		"some-inputs":   {"tools/call", `{"name":"get_policy","arguments":{"topic":"security"}}`, "id_rsa"},
		"some-words":    {"tools/call", `{"name":"search_notes","arguments":{"words":"the invoice of May"}}`, "id_rsa"},
		"error":         {"tools/call", `{"name":"sum_numbers","arguments":{"numbers":"1,2"}}`, "id_rsa"},
		"suffix":        {"tools/call", `{"name":"reverse_text","arguments":{"text":"sumun"}}`, "the conversation to"},
		"prompt-text":   {"prompts/get", `{"name":"travel_advice","arguments":{"topic":"Bergen"}}`, "id_rsa"},
		"resource-text": {"resources/read", `{"uri":"zoo://weather/readme"}`, "integration_tokens"},
	} {
		for _, policy := range []string{belief.Flag, belief.Strip, belief.Block} {
			t.Run(name+"/"+policy, func(t *testing.T) {
				t.Parallel()
				for _, twin := range []bool{false, true} {
					s := letIn(t, name, twin, time.Now)
					s.Trust.Answers = policy
					answer := open(t, s.Server).modernClient("{}").ask(t, ask.method, ask.params)
					found, passed := strings.Contains(answer, mcp.MetaFindings), strings.Contains(answer, ask.order)
					code, fault := fault(answer)
					switch {
					case twin && (found || code != 0):
						t.Errorf("the twin: %s", answer)
					case twin:
					case policy == belief.Flag && (!found || !passed):
						t.Errorf("not flagged: %s", answer)
					case policy == belief.Strip && (!found || passed || code != 0):
						t.Errorf("not stripped: %s", answer)
					case policy == belief.Block && (passed || !found && !strings.Contains(answer, `"alert":"answer-`)):
						t.Errorf("not blocked: %d %s: %s", code, fault, answer)
					}
				}
			})
		}
	}
}

// TestZooSuffix puts a server behind the gateway that ends all its answers alike: the gateway asks it by itself, and people are told.
func TestZooSuffix(t *testing.T) {
	t.Parallel()
	cfg := configured(t, letIn(t, "suffix", false, time.Now).Server)
	cfg.Trust.Canaries = 500 * time.Millisecond
	openWith(t, cfg)
	alerted(t, cfg.Store, "nobody asked for")
}

// alerted waits for an alert on record.
func alerted(t *testing.T, address, text string) {
	t.Helper()
	s, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	eventually(t, "an alert with "+text, func() bool {
		for row, err := range s.Records(context.WithoutCancel(t.Context()), 0) {
			if body := string(row.Body); err == nil && strings.Contains(body, `"event":"alert"`) && strings.Contains(body, text) {
				return true
			}
		}
		return false
	})
}

// TestZooDrift puts animals behind the gateway that change what they offer. Nothing that nobody has approved is listed, neither by the gate
// that saw the change nor by the next one, and calls of it are refused and told of. What the twins do passes.
func TestZooDrift(t *testing.T) {
	t.Parallel()
	for name, twin := range map[string]bool{"rug-calls": false, "rug-date": false, "rename": false, "rug-calls, the twin": true, "rug-date, the twin": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			animal, _, _ := strings.Cut(name, ",")
			var struck atomic.Bool
			s := letIn(t, animal, twin, func() time.Time {
				if struck.Load() {
					return zoo.StrikeDate().Add(time.Hour)
				}
				return zoo.StrikeDate().Add(-time.Hour)
			})
			cfg := configured(t, s.Server)
			cfg.Trust.Pins = belief.Enforce
			g := openWith(t, cfg)
			c := g.modernClient("{}")
			if list := c.ask(t, "tools/list", "{}"); !strings.Contains(list, "get_forecast") {
				t.Fatalf("at first: %s", list)
			}
			for range zoo.Strike {
				if answer := c.ask(t, "tools/call", `{"name":"get_forecast","arguments":{"city":"Bergen"}}`); !strings.Contains(answer, "14 degrees") {
					t.Fatalf("before it changed: %s", answer)
				}
			}
			g.stop()
			struck.Store(true)
			next := openWith(t, cfg)
			held(t, next.modernClient("{}"), twin)
			held(t, next.legacy(t, "{}"), twin)
			if !twin {
				alerted(t, cfg.Store, `"server":"zoo"`)
			}
		})
	}
}

// held asks a gate for what has changed behind it, which it holds back unless the server is honest: then only a count or a date is another one.
func held(t *testing.T, c *client, honest bool) {
	t.Helper()
	list := c.ask(t, "tools/list", "{}")
	if strings.Contains(list, "id_rsa") {
		t.Errorf("what nobody has approved is listed: %s", list)
	}
	if !strings.Contains(list, "list_stations") {
		t.Errorf("what was approved is gone: %s", list)
	}
	if honest {
		return
	}
	for _, tool := range []string{"get_forecast", "get_forecast_v2"} {
		answer := c.ask(t, "tools/call", `{"name":"`+tool+`","arguments":{"city":"Bergen"}}`)
		if code, _ := fault(answer); code == 0 || strings.Contains(answer, "14 degrees") {
			t.Errorf("%s can be called: %s", tool, answer)
		}
	}
	if strings.Contains(list, "get_forecast") {
		t.Errorf("a tool is listed that is held back: %s", list)
	}
	if answer := c.ask(t, "tools/call", `{"name":"list_stations","arguments":{"region":"Vestland"}}`); !strings.Contains(answer, "harbour") {
		t.Errorf("what was approved cannot be called: %s", answer)
	}
}

// TestZooSwap has a server come back with the tools of another one under the same name, and another one under its name.
func TestZooSwap(t *testing.T) {
	t.Parallel()
	honest, hostile := letIn(t, "rug-calls", true, time.Now), letIn(t, "overt", false, time.Now)
	cfg := configured(t, honest.Server)
	cfg.Trust.Pins = belief.Enforce
	g := openWith(t, cfg)
	if list := g.modernClient("{}").ask(t, "tools/list", "{}"); !strings.Contains(list, "get_forecast") {
		t.Fatalf("at first: %s", list)
	}
	g.stop()
	swapped := *cfg
	swapped.Servers = []config.Server{hostile.Server}
	held(t, openWith(t, &swapped).modernClient("{}"), false)
	alerted(t, cfg.Store, `"server":"zoo"`)
}
