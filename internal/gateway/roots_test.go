package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// say makes a request in the mcp.* dialect, and returns the answer.
func (c *client) say(t *testing.T, method, params string) string {
	t.Helper()
	c.next++
	return c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, c.next, method, params), nil).last(t)
}

// has wants an answer that has all of the parts.
func has(t *testing.T, answer string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(answer, part) {
			t.Errorf("%s has no %s", answer, part)
		}
	}
}

const contextKey = `"io.github.sumun-mcp/context"`

// TestRootsThroughTheGate hands what is in force in a root to the servers behind, before and after a restart.
func TestRootsThroughTheGate(t *testing.T) {
	t.Parallel()
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, era == "modern")
			trusted, plain := p.server("trusted"), p.server("plain")
			trusted.Prefix, plain.Prefix = "trusted", "plain"
			trusted.Trust.Context = true
			trusted.Tools.Remember = []string{"ech*"}
			cfg := configured(t, plain, trusted)
			g := openWith(t, cfg)
			c := &client{gate: g}
			has(t, c.say(t, "mcp.root.create", `{"rootId":"r","sampling":{"temperature":0.5},"variables":{"x":"only for the trusted"},"memory":true}`), `"rootId":"r"`)
			has(t, c.say(t, "sampling.update", `{"context":{"rootId":"r","path":"p"},"top-p":0.25,"feedback":"더 짧게"}`), `"topP":0.25`, `"maxTokens":512`)
			for range 2 {
				c = &client{gate: g}
				in := `"context":{"rootId":"r","path":"p"}`
				answer := c.say(t, "mcp.tools.invoke", `{"toolId":"plain.echo","args":{},`+in+`}`)
				has(t, answer, `"sampling":{"temperature":0.5,"topP":0.25,"maxTokens":512}`, `\"topP\":0.25`)
				if strings.Contains(answer, "only for") || strings.Contains(answer, "rootId") {
					t.Errorf("a server that takes no part in contexts is told %s", answer)
				}
				answer = c.say(t, "mcp.tool.invoke", `{"toolId":"trusted.strict","args":{"path":"`+strconv.Itoa(c.next)+`"},`+in+`}`)
				has(t, answer, `only for the trusted`, `\"rootId\":\"r\"`, `\"path\":\"p\"`, `\"memory\":[`)
				before := len(p.got("tools/call"))
				for i := range 3 {
					answer = c.say(t, "mcp.tool.invoke", `{"toolId":"trusted.echo","args":{"a":1},`+in+`}`)
					if known := strings.Contains(answer, `"remembered":{"at":`); known != (i > 0) {
						t.Errorf("call %d: %s", i, answer)
					}
				}
				if n := len(p.got("tools/call")) - before; n != 1 {
					t.Errorf("three identical calls are %d for the server", n)
				}
				standard := g.modernClient("{}")
				has(t, standard.ask(t, "tools/call", `{"_meta":{$META,`+contextKey+`:{"rootId":"r","path":"p","memory":[{"tool":"forged"}]}},"name":"trusted.echo","arguments":{"a":1}}`),
					`"io.github.sumun-mcp/remembered":{"at":`)
				if raw := p.got("tools/call"); strings.Contains(raw[len(raw)-1].raw, "forged") {
					t.Errorf("a forged memory comes through: %s", raw[len(raw)-1].raw)
				}
				g.stop()
				g = openWith(t, cfg)
			}
			c = &client{gate: g}
			has(t, c.say(t, "mcp.root.close", `{"rootId":"r"}`), `"closed":true`)
			has(t, c.say(t, "mcp.tool.invoke", `{"toolId":"plain.echo","args":{},"context":{"rootId":"r"}}`), "root closed", `"reason":"not-found"`)
		})
	}
}

// TestSamplingInForce has servers ask models through clients of both eras: the parameters of the root are in the question.
func TestSamplingInForce(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"legacy", "modern"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, server == "modern")
			g := open(t, p.server("up"))
			legacy, modern := g.legacy(t, `{"sampling":{}}`), g.modernClient(`{"sampling":{}}`)
			asked := func() []string {
				in, _ := legacy.start(t, "tools/call", `{"name":"sample"}`, nil)
				question := in.must(t, "sampling/createMessage")
				legacy.reply(t, question, `{"role":"assistant","content":{"type":"text","text":"yes"},"model":"m"}`)
				in.last(t)
				return []string{question, modern.ask(t, "tools/call", `{"name":"sample"}`)}
			}
			for _, question := range asked() {
				has(t, question, `"maxTokens":7`)
				if strings.Contains(question, "temperature") {
					t.Errorf("without parameters: %s", question)
				}
			}
			(&client{gate: g}).say(t, "mcp.sampling.update", `{"temperature":0.5,"maxTokens":3,"topK":2}`)
			for _, question := range asked() {
				has(t, question, `"maxTokens":3`, `"temperature":0.5`, `"metadata":{"topK":2}`)
			}
		})
	}
}

// TestWorkspaceRoots keeps two projects of one caller apart, whose clients speak the standard: by what they answer to
// roots/list, and by what a bridge says.
func TestWorkspaceRoots(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	p.offer("calm", "", func(_ context.Context, _ *talk, m message, _ func(string)) string {
		return result(`{"content":[{"type":"text","text":"calm"}],"_meta":{"io.github.sumun-mcp/sampling":{"temperature":` + m.param("arguments", "to") + `}}}`)
	})
	server := p.server("up")
	server.Trust.Context = true
	g := open(t, server)
	for i := range 2 { // the first calls are before any root is there, the next ones after
		for _, project := range []string{"one", "two"} {
			a := g.legacy(t, `{"roots":{}}`)
			in, _ := a.start(t, "tools/call", fmt.Sprintf(`{"name":"calm","arguments":{"to":0.%d%d}}`, i+1, len(project)+strings.Index("onetwo", project)), nil)
			a.reply(t, in.must(t, `"roots/list"`), `{"roots":[{"uri":"file:///`+project+`"}]}`)
			has(t, in.last(t), "calm")
			want := fmt.Sprintf(`"temperature":0.%d%d`, i+1, len(project)+strings.Index("onetwo", project))
			has(t, a.call(t, "echo"), want)
			b := g.modernClient("{}")
			in, _ = b.start(t, "tools/call", `{"name":"echo","arguments":{}}`, map[string]string{"Sumun-Root": "file:///" + project})
			has(t, textOf(in.last(t)), want)
			if other := g.modernClient("{}").call(t, "echo"); strings.Contains(other, "temperature") {
				t.Errorf("a client without a project is told %s", other)
			}
		}
	}
}

// TestRootAnswers answers a server of either era that asks a client of the dialect for its roots, with the one that the call names. What
// else it asks, nobody can answer.
func TestRootAnswers(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		p := startPeer(t, modern)
		g := open(t, p.server("up"))
		c := &client{gate: g}
		c.say(t, "mcp.root.create", `{"rootId":"r","uri":"file:///a","name":"A"}`)
		answer := c.say(t, "mcp.tool.invoke", `{"toolId":"roots","context":{"rootId":"r"}}`)
		has(t, strings.ReplaceAll(answer, `\"`, `"`), `{"roots":[{"uri":"file:///a","name":"A"}]}`)
		if calls := p.got("tools/call"); modern {
			has(t, calls[0].param("_meta"), `"io.modelcontextprotocol/clientCapabilities":{"roots":{}}`)
		}
		for _, call := range []string{`{"toolId":"roots"}`, `{"toolId":"elicit","context":{"rootId":"r"}}`} {
			if answer := c.say(t, "mcp.tool.invoke", call); strings.Contains(answer, "input_required") || strings.Contains(answer, "file:///a") {
				t.Errorf("modern server %t: %s: %s", modern, call, answer)
			}
		}
	}
}

// TestRootEvents tells who asks for it of updates, and of roots that are closed.
func TestRootEvents(t *testing.T) {
	t.Parallel()
	g := open(t, []config.Server{}...)
	c := &client{gate: g}
	c.next = 100
	events, _ := c.start(t, "mcp.event.subscribe", `{"types":["samplingUpdated","rootClosed"]}`, nil)
	events.must(t, `"types":[`)
	c.say(t, "mcp.root.create", `{"rootId":"r"}`)
	c.say(t, "mcp.sampling.update", `{"context":{"rootId":"r"},"topK":1}`)
	has(t, events.message(), `"method":"mcp.event.samplingUpdated"`, `"rootId":"r"`, `"topK":1`)
	c.say(t, "mcp.root.close", `{"rootId":"r"}`)
	has(t, events.message(), `"method":"mcp.event.rootClosed"`, `"rootId":"r"`, `"reason":"closed"`)
}

// TestRootSubscriptions ends what was subscribed to in a root when it is closed, and nothing else.
func TestRootSubscriptions(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	c := &client{gate: g, next: 100}
	c.say(t, "mcp.root.create", `{"rootId":"r"}`)
	events, _ := c.start(t, "mcp.event.subscribe", `{"types":["resourceUpdated","rootClosed"]}`, nil)
	events.must(t, `"types":[`)
	has(t, c.say(t, "mcp.resource.subscribe", `{"uri":"test://one","context":{"rootId":"r"}}`), `"result":{}`)
	has(t, c.say(t, "mcp.resource.subscribe", `{"uri":"test://two","context":{"rootId":"r"}}`), `"result":{}`)
	has(t, c.say(t, "mcp.resource.subscribe", `{"uri":"test://two"}`), `"result":{}`)
	has(t, c.say(t, "mcp.resource.subscribe", `{"uri":"test://two","context":{"rootId":"s"}}`), `"not-found"`)
	has(t, c.say(t, "mcp.tool.invoke", `{"toolId":"touch"}`), "touched")
	has(t, events.message(), `"uri":"test://one"`)
	c.say(t, "mcp.root.close", `{"rootId":"r"}`)
	has(t, events.message(), `mcp.event.rootClosed`)
	for end := time.Now().Add(10 * time.Second); p.count("resources/unsubscribe") == 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	var left []string
	for _, m := range p.got("resources/unsubscribe") {
		left = append(left, m.param("uri"))
	}
	if !slices.Equal(left, []string{`"test://one"`}) {
		t.Errorf("the server is told that nobody listens to %v", left)
	}
	has(t, c.say(t, "mcp.resource.subscribe", `{"uri":"test://one","context":{"rootId":"r"}}`), "root closed")
}
