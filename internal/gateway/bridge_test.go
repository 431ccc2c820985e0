package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// pending is what a modern client must remember of a question that ended its request.
type pending struct {
	method, params, state string
	keys                  []string
}

// pendingOf reads an input_required result.
func pendingOf(t *testing.T, answer string) pending {
	t.Helper()
	var m struct {
		Result struct {
			ResultType    string
			RequestState  string
			InputRequests map[string]struct {
				Method string
				Params json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &m); err != nil || m.Result.ResultType != "input_required" {
		t.Fatalf("not a question: %s", answer)
	}
	p := pending{state: m.Result.RequestState}
	for key, q := range m.Result.InputRequests {
		p.keys, p.method, p.params = append(p.keys, key), q.Method, string(q.Params)
	}
	return p
}

// retry repeats a call with an answer to its question, and returns what comes.
func (c *client) retry(t *testing.T, tool string, p pending, value string) string {
	t.Helper()
	return c.ask(t, "tools/call", p.retry(tool, value))
}

func (p pending) retry(tool, value string) string {
	responses := "{}"
	if value != "" {
		responses = fmt.Sprintf(`{%q:%s}`, p.keys[0], value)
	}
	return fmt.Sprintf(`{"name":%q,"arguments":{},"inputResponses":%s,"requestState":%q}`, tool, responses, p.state)
}

// questionOf calls a tool that asks something and returns the question.
func (c *client) questionOf(t *testing.T, tool string) pending {
	t.Helper()
	return pendingOf(t, c.ask(t, "tools/call", `{"name":"`+tool+`","arguments":{}}`))
}

// asked are the questions that the tools of those names ask, with an answer to each.
var asked = []struct{ tool, method, params, answer string }{
	{"elicit", "elicitation/create", `"z":9007199254740993`, `{"action":"accept","content":{"n":1.10}}`},
	{"sample", "sampling/createMessage", `"maxTokens":7`, `{"role":"assistant","content":{"type":"text","text":"h\u0069"},"model":"m"}`},
	{"roots", "roots/list", `{}`, `{"roots":[{"uri":"file:///a"}]}`},
}

// legacyServer opens a gate in front of a server of the legacy era, over that carrier.
func legacyServer(t *testing.T, carrier string) (g *gate, saw func(text string) bool) {
	t.Helper()
	s := startStory(t, "legacy", carrier)
	return s.gate, s.saw
}

// TestBridgeToLegacy has servers of the legacy era ask modern clients.
func TestBridgeToLegacy(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			g, saw := legacyServer(t, carrier)
			c := g.modernClient(everything)
			for _, w := range asked {
				q := c.questionOf(t, w.tool)
				if q.method != w.method || !strings.Contains(q.params, w.params) {
					t.Errorf("%s asks %s %s", w.tool, q.method, q.params)
				}
				if text := textOf(c.retry(t, w.tool, q, w.answer)); !strings.Contains(text, `"result":`+w.answer) {
					t.Errorf("%s: the server was answered %s, want %s", w.tool, text, w.answer)
				}
			}
			q := c.questionOf(t, "elicit")
			if text := textOf(c.retry(t, "elicit", q, `{"action":"decline"}`)); !strings.Contains(text, `"result":{"action":"decline"}`) {
				t.Errorf("declined: %s", text)
			}
			q = c.questionOf(t, "elicit")
			if text := textOf(c.retry(t, "elicit", q, "")); !strings.Contains(text, `"result":{"action":"cancel"}`) {
				t.Errorf("left out: %s", text)
			}
			if text := g.modernClient("{}").call(t, "elicit"); !strings.Contains(text, `"action":"cancel"`) {
				t.Errorf("a server that asks a client that cannot be asked is told %s", text)
			}
			if text := g.modernClient("{}").call(t, "sample"); !strings.Contains(text, `-32601`) {
				t.Errorf("a server that asks a client that cannot be asked is told %s", text)
			}
			c.questionOf(t, "elicit") // nobody comes for it
			g.stop()
			if !saw("notifications/cancelled") {
				t.Error("the server does not hear that nobody waits any more")
			}
		})
	}
}

// TestBridgeToModern has a server of the modern era ask clients of the legacy era.
func TestBridgeToModern(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	g := open(t, p.server("up"))
	c := g.legacy(t, everything)
	for _, w := range asked {
		in, _ := c.start(t, "tools/call", `{"name":"`+w.tool+`","arguments":{}}`, nil)
		question := in.must(t, w.method)
		if !strings.Contains(question, w.params) {
			t.Errorf("%s asks %s", w.tool, question)
		}
		c.reply(t, question, w.answer)
		if text, want := textOf(in.last(t)), `{"k":`+w.answer+`} "st\u0061te"`; text != want {
			t.Errorf("%s: the server was brought %s, want %s", w.tool, text, want)
		}
	}
	in, _ := c.start(t, "tools/call", `{"name":"sample","arguments":{}}`, nil)
	question := in.must(t, "sampling/createMessage")
	c.post(t, answering(t, question, `"error":{"code":-1,"message":"user said no"}`), nil).end()
	if code, says := fault(in.last(t)); code != -32603 || !strings.Contains(says, "user said no") {
		t.Errorf("refused: %d %s", code, says)
	}
	if code, says := fault(g.legacy(t, "{}").ask(t, "tools/call", `{"name":"elicit"}`)); code != -32602 || !strings.Contains(says, "not declared") {
		t.Errorf("a client that cannot be asked: %d %s", code, says)
	}
	if text := c.call(t, "echo"); !strings.Contains(text, "echo") {
		t.Errorf("the next call: %s", text)
	}
}

// TestState brings back state that is forged, used, somebody else's or another call's.
func TestState(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	cfg := configured(t, p.server("up"))
	cfg.APIKey = "0123456789abcdef0123456789abcdef"
	g := openWith(t, cfg)
	mine, other := g.modernClient(everything), g.modernClient(everything)
	mine.key = cfg.APIKey
	q := mine.questionOf(t, "elicit")
	refused := func(c *client, tool, state, why, reason string) {
		t.Helper()
		bad := q
		bad.state = state
		if code, says := fault(c.retry(t, tool, bad, `{"action":"accept"}`)); code != -32602 || !strings.Contains(says, why) {
			t.Errorf("%s: %d %s", reason, code, says)
		}
	}
	refused(other, "elicit", q.state, "another caller", "stolen-state")
	refused(mine, "sample", q.state, "not the one", "forged-state")
	refused(mine, "elicit", q.state[:len(q.state)-4]+"AAAA", "not one of ours", "forged-state")
	refused(mine, "elicit", "sumun1.", "not one of ours", "forged-state")
	if text := textOf(mine.retry(t, "elicit", q, `{"action":"accept"}`)); !strings.Contains(text, `"accept"`) {
		t.Errorf("the honest retry: %s", text)
	}
	refused(mine, "elicit", q.state, "answered already", "replayed-state")
	records := strings.Join(g.records(t), "\n")
	for _, reason := range []string{"stolen-state", "forged-state", "replayed-state"} {
		if !strings.Contains(records, `"reason":"`+reason+`"`) {
			t.Errorf("no record says %s:\n%s", reason, records)
		}
	}
	if !strings.Contains(records, `"parent":"`) {
		t.Errorf("no record names its parent:\n%s", records)
	}
}

// TestCrowded has one caller make more calls than it may that would wait for answers, many at once.
func TestCrowded(t *testing.T) {
	t.Parallel()
	const calls, atOnce, most = 160, 40, 64
	p := startPeer(t, false)
	server := p.server("up")
	server.MaxSessions = 2 * calls // some of those that were turned away are still being closed
	g := open(t, server)
	var parked, turned atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			c := g.modernClient(everything)
			for range calls / atOnce {
				answer := c.ask(t, "tools/call", `{"name":"elicit","arguments":{}}`)
				switch code, says := fault(answer); {
				case strings.Contains(answer, "input_required"):
					parked.Add(1)
				case code == -32603 && strings.Contains(says, "answer some of them first"):
					turned.Add(1)
				default:
					t.Errorf("neither parked nor turned away: %s", answer)
				}
			}
		})
	}
	all.Wait()
	if parked.Load() != most || turned.Load() != calls-most {
		t.Errorf("%d calls parked and %d turned away, want %d and %d", parked.Load(), turned.Load(), most, calls-most)
	}
	if text := g.modernClient("{}").call(t, "echo"); !strings.Contains(text, "echo") {
		t.Errorf("another call meanwhile: %s", text)
	}
	eventually(t, "the server hears of those that were turned away", func() bool { return p.count("notifications/cancelled") == calls-most })
}

// TestShare has one caller park calls until it may no more: another still gets through.
func TestShare(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	server := p.server("up")
	server.MaxSessions = 8
	cfg := configured(t, server)
	cfg.APIKey = "0123456789abcdef0123456789abcdef"
	g := openWith(t, cfg)
	greedy, other := g.modernClient(everything), g.modernClient(everything)
	other.key = cfg.APIKey
	for range 6 {
		greedy.questionOf(t, "elicit")
	}
	if code, says := fault(greedy.ask(t, "tools/call", `{"name":"elicit","arguments":{}}`)); code != -32603 || !strings.Contains(says, "6 calls of yours") {
		t.Errorf("the seventh: %d %s", code, says)
	}
	other.questionOf(t, "elicit")
}

// TestRestartParked restarts the gate while a call waits for answers.
func TestRestartParked(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	cfg := configured(t, p.server("up"))
	g := openWith(t, cfg)
	q := g.modernClient(everything).questionOf(t, "elicit")
	g.stop()
	again := openWith(t, cfg)
	answer := again.modernClient(everything).retry(t, "elicit", q, `{"action":"accept"}`)
	if !strings.Contains(answer, `"isError":true`) || !strings.Contains(textOf(answer), "may have had effects") {
		t.Errorf("after a restart: %s", answer)
	}
}

// TestLeaveInTurn closes the connection of a call that has been answered once and runs on.
func TestLeaveInTurn(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	c := g.modernClient(everything)
	c.next++
	c.abandon(t, c.request(c.next, "tools/call", `{"name":"forever","arguments":{}}`), func() bool { return p.count("tools/call") == 1 })
	eventually(t, "the server hears of the cancellation", func() bool { return p.count("notifications/cancelled") == 1 })
}

// TestNoLegacyWord has modern clients only call a modern server: it hears nothing of the other era.
func TestNoLegacyWord(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	g := open(t, p.server("up"))
	if text := g.modernClient("{}").call(t, "echo"); !strings.Contains(text, "echo") {
		t.Errorf("the call: %s", text)
	}
	g.modernClient("{}").ask(t, "tools/list", "{}")
	if n := p.count("initialize"); n != 0 {
		t.Errorf("the server was asked to initialize %d times", n)
	}
	if answer := g.legacy(t, "{}").ask(t, "tools/list", "{}"); !strings.Contains(answer, `"echo"`) {
		t.Errorf("a legacy client then: %s", answer)
	}
}
