package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

const whoAreYou = `{"message":"who are you?","requestedSchema":{"type":"object","properties":{}}}`

// insist asks again and again, however often it is answered.
func insist(ctx context.Context, t *talk, _ message, say func(string)) string {
	if t.peer.modern {
		return result(`{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":` + whoAreYou + `}},"requestState":"s"}`)
	}
	for ctx.Err() == nil {
		t.ask(ctx, say, "elicitation/create", whoAreYou)
	}
	t.remember("cancelled")
	return ""
}

// TestInsisting has a server of the other era ask an eleventh time in one call: the call ends, and the server is told.
func TestInsisting(t *testing.T) {
	t.Parallel()
	t.Run("legacy server", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, false)
		p.offer("insist", "", insist)
		c := open(t, p.server("up")).modernClient(everything)
		answer := c.ask(t, "tools/call", `{"name":"insist","arguments":{}}`)
		rounds := 0
		for ; strings.Contains(answer, "input_required"); rounds++ {
			answer = c.retry(t, "insist", pendingOf(t, answer), `{"action":"accept"}`)
		}
		if code, says := fault(answer); rounds != 10 || code != -32603 || !strings.Contains(says, "more than 10 times") {
			t.Errorf("after %d rounds: %s", rounds, answer)
		}
		eventually(t, "the server hears that the call is over", func() bool { return p.count("notifications/cancelled") == 1 })
	})
	t.Run("modern server", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, true)
		p.offer("insist", "", insist)
		c := open(t, p.server("up")).legacy(t, everything)
		in, _ := c.start(t, "tools/call", `{"name":"insist","arguments":{}}`, nil)
		rounds, raw := 0, in.message()
		for ; strings.Contains(raw, "elicitation/create"); rounds++ {
			c.reply(t, raw, `{"action":"accept"}`)
			raw = in.message()
		}
		if code, says := fault(raw); rounds != 10 || code != -32603 || !strings.Contains(says, "more than 10 times") {
			t.Errorf("after %d rounds: %s", rounds, raw)
		}
		if n := p.count("tools/call"); n != 10 {
			t.Errorf("the server was called %d times", n)
		}
	})
}

// both asks two questions at once.
func both(ctx context.Context, t *talk, m message, say func(string)) string {
	if t.peer.modern {
		if answers := m.param("inputResponses"); answers != "" {
			return t.text(answers)
		}
		return result(`{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":` + whoAreYou + `},` +
			`"b":{"method":"roots/list","params":{}}},"requestState":"s"}`)
	}
	var a, b string
	var asking sync.WaitGroup
	asking.Go(func() { a = t.ask(ctx, say, "elicitation/create", whoAreYou) })
	asking.Go(func() { b = t.ask(ctx, say, "roots/list", `{}`) })
	asking.Wait()
	return t.text(`{"a":` + answerIn(a) + `,"b":` + answerIn(b) + `}`)
}

// TestTwoQuestions has a server ask two things at once in one call, in both directions across the eras and within the legacy era.
func TestTwoQuestions(t *testing.T) {
	t.Parallel()
	values := map[string]string{"elicitation/create": `{"action":"accept"}`, "roots/list": `{"roots":[]}`}
	const want = `{"a":{"action":"accept"},"b":{"roots":[]}}`
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern)+" server", func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			p.offer("both", "", both)
			g := open(t, p.server("up"))
			c := g.legacy(t, everything)
			in, _ := c.start(t, "tools/call", `{"name":"both","arguments":{}}`, nil)
			first, second := in.message(), in.message()
			c.reply(t, second, values[messageOf(second).Method])
			c.reply(t, first, values[messageOf(first).Method])
			if text := textOf(in.last(t)); text != want {
				t.Errorf("a legacy client: %s", text)
			}
			if modern {
				return // modern clients are asked by the server itself
			}
			young := g.modernClient(everything)
			answer := young.ask(t, "tools/call", `{"name":"both","arguments":{}}`)
			for strings.Contains(answer, "input_required") { // in one round, or else in two
				answer = young.ask(t, "tools/call", answerAll(t, answer, values))
			}
			if text := textOf(answer); text != want {
				t.Errorf("a modern client: %s", text)
			}
		})
	}
}

// answerAll returns the retry that answers all questions of a round.
func answerAll(t *testing.T, answer string, values map[string]string) string {
	t.Helper()
	m := message{Params: []byte(answer)}
	var questions map[string]message
	if err := json.Unmarshal([]byte(m.param("result", "inputRequests")), &questions); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var responses []string
	for key, q := range questions {
		responses = append(responses, fmt.Sprintf("%q:%s", key, values[q.Method]))
	}
	return fmt.Sprintf(`{"name":"both","arguments":{},"inputResponses":{%s},"requestState":%s}`,
		strings.Join(responses, ","), m.param("result", "requestState"))
}

// TestOtherKeys has a modern client answer what it was not asked: to the question that means no.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	c := open(t, p.server("up")).modernClient(everything)
	q := c.questionOf(t, "elicit")
	q.keys = []string{"other"}
	if text := textOf(c.retry(t, "elicit", q, `{"action":"accept"}`)); !strings.Contains(text, `"result":{"action":"cancel"}`) {
		t.Errorf("the server is told %s", text)
	}
}

// TestTwoRetries has the same retry come twice at once: one of them continues the call, the other is refused.
func TestTwoRetries(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	const rounds = 8
	for range rounds {
		q := g.modernClient(everything).questionOf(t, "elicit")
		answers := make(chan string, 2)
		for range 2 {
			c := g.modernClient(everything)
			go func() { answers <- c.retry(t, "elicit", q, `{"action":"accept"}`) }()
		}
		var continued, refused int
		for range 2 {
			answer := coming(t, "the answer to a retry", answers)
			if code, says := fault(answer); code == -32602 && strings.Contains(says, "answered already") {
				refused++
			} else if strings.Contains(textOf(answer), `"accept"`) {
				continued++
			} else {
				t.Errorf("neither: %s", answer)
			}
		}
		if continued != 1 || refused != 1 {
			t.Errorf("%d retries continued the call and %d were refused", continued, refused)
		}
	}
}

// TestExpiredState comes back too late: the call was cancelled at the server, and the retry is refused and on record.
func TestExpiredState(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := openPatient(t, 50*time.Millisecond, p.server("up"))
	c := g.modernClient(everything)
	q := c.questionOf(t, "elicit")
	eventually(t, "the server hears that nobody waits any more", func() bool { return p.count("notifications/cancelled") == 1 })
	if code, says := fault(c.retry(t, "elicit", q, `{"action":"accept"}`)); code != -32602 || !strings.Contains(says, "waited too long") {
		t.Errorf("too late: %d %s", code, says)
	}
	if records := strings.Join(g.records(t), "\n"); !strings.Contains(records, `"reason":"timeout"`) {
		t.Errorf("no record says why:\n%s", records)
	}
}

// TestAskedOutsideOfCalls has a legacy server ask while nobody is in a call: a client with a session of its own is asked on its
// stream, and nobody in its place.
func TestAskedOutsideOfCalls(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	eventually(t, "the gate listens", p.streaming)
	wonder := func(of *talk) string {
		return answerIn(of.ask(t.Context(), of.say, "sampling/createMessage", `{"messages":[],"maxTokens":1}`))
	}
	if told := wonder(p.talk("talk-1")); told != "with error -32601" {
		t.Errorf("on the session that nobody has alone: %s", told)
	}
	young := g.modernClient(everything)
	young.retry(t, "elicit", young.questionOf(t, "elicit"), `{"action":"accept"}`)
	leased := p.got("tools/call")[0].talk
	eventually(t, "the gate listens", p.streaming)
	if told := wonder(p.talk(leased)); told != "with error -32601" {
		t.Errorf("on the session of a modern client that has no call: %s", told)
	}
	c := g.legacy(t, everything)
	c.call(t, "echo")
	calls := p.got("tools/call")
	own := p.talk(calls[len(calls)-1].talk)
	eventually(t, "the gate listens", p.streaming)
	stream := c.listen(t, nil)
	told := make(chan string, 1)
	go func() { told <- wonder(own) }()
	c.reply(t, stream.must(t, "sampling/createMessage"), `{"model":"m"}`)
	if answer := <-told; answer != `{"model":"m"}` {
		t.Errorf("on the session of a legacy client: %s", answer)
	}
	stream.end()
}

// TestParkedLosses takes away what a parked call needs, in every way: its retry is told, at once and in words.
func TestParkedLosses(t *testing.T) {
	t.Parallel()
	t.Run("the process dies", func(t *testing.T) {
		t.Parallel()
		p := newPipePeer(t, "legacy")
		g := open(t, p.server("up"))
		c := g.modernClient(everything)
		q := c.questionOf(t, "elicit")
		for _, pid := range p.alive() {
			kill(pid)
		}
		parkedLost(t, c, q)
		eventually(t, "the next call works", func() bool { return strings.Contains(c.call(t, "echo"), `"name":"echo"`) })
	})
	t.Run("the session is lost", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, false)
		c := open(t, p.server("up")).modernClient(everything)
		q := c.questionOf(t, "elicit")
		p.end(p.talk(p.got("tools/call")[0].talk))
		p.web.CloseClientConnections()
		parkedLost(t, c, q)
		if text := c.call(t, "echo"); !strings.Contains(text, `"name":"echo"`) {
			t.Errorf("the next call: %s", text)
		}
	})
	t.Run("the server is taken away", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, false)
		cfg := configured(t, p.server("up"))
		g := openWith(t, cfg)
		c := g.modernClient(everything)
		q := c.questionOf(t, "elicit")
		without := *cfg
		without.Servers = []config.Server{}
		if err := g.Reload(&without); err != nil {
			t.Fatal(err)
		}
		if code, says := fault(c.retry(t, "elicit", q, `{"action":"accept"}`)); code != -32602 || !strings.Contains(says, "unknown tool") {
			t.Errorf("the retry: %d %s", code, says)
		}
		if !settle(5*time.Second, func() bool { return p.count("notifications/cancelled") == 1 }) {
			t.Error("the server does not hear that nobody can come for the call any more")
		}
	})
	t.Run("the key is revoked", func(t *testing.T) {
		t.Parallel()
		p := startPeer(t, false)
		cfg := configured(t, p.server("up"))
		cfg.APIKey, cfg.Anonymous = "0123456789abcdef0123456789abcdef", false
		g := openParts(t, cfg, patient(2*time.Second))
		c := g.modernClient(everything)
		c.key = cfg.APIKey
		q := c.questionOf(t, "elicit")
		revoked := *cfg
		revoked.APIKey = "fedcba9876543210fedcba9876543210"
		if err := g.Reload(&revoked); err != nil {
			t.Fatal(err)
		}
		in, _ := c.start(t, "tools/call", q.retry("elicit", `{"action":"accept"}`), nil)
		if in.status != http.StatusUnauthorized {
			t.Errorf("the retry with a key that was revoked: status %d", in.status)
		}
		in.end()
		eventually(t, "the server hears that nobody waits any more", func() bool { return p.count("notifications/cancelled") == 1 })
	})
}

// parkedLost retries a call whose server is gone.
func parkedLost(t *testing.T, c *client, q pending) {
	t.Helper()
	start := time.Now()
	code, says := fault(c.retry(t, "elicit", q, `{"action":"accept"}`))
	if code == 0 || says == "" || time.Since(start) > 5*time.Second {
		t.Errorf("the retry: %d %q after %v", code, says, time.Since(start))
	} else {
		t.Logf("the retry: %d %q", code, says)
	}
}
