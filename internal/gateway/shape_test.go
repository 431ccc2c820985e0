package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMisshapenAnswers has a modern client answer a legacy server with what is no answer: it is told so, the server hears
// nothing, and the same token is still good for an answer.
func TestMisshapenAnswers(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	c := open(t, p.server("up")).modernClient(everything)
	q := c.questionOf(t, "elicit")
	for _, responses := range []string{`[1]`, `5`, `null`, `{"1":5}`, `{"1":null}`, `{"1":"accept"}`} {
		answer := c.ask(t, "tools/call", fmt.Sprintf(`{"name":"elicit","arguments":{},"inputResponses":%s,"requestState":%q}`, responses, q.state))
		if code, says := fault(answer); code != -32602 || !strings.Contains(says, "inputResponses") {
			t.Errorf("%s: %s", responses, answer)
		}
	}
	if text := textOf(c.retry(t, "elicit", q, `{"action":"accept"}`)); !strings.Contains(text, `"accept"`) {
		t.Errorf("the honest retry: %s", text)
	}
}

// TestStateOfNobody brings a legacy server a state that nobody has given: the call is not made a second time.
func TestStateOfNobody(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	c := open(t, p.server("up")).modernClient(everything)
	answer := c.ask(t, "tools/call", `{"name":"echo","arguments":{},"requestState":"round=2"}`)
	if code, says := fault(answer); code != -32602 || !strings.Contains(says, "requestState") || p.count("tools/call") != 0 {
		t.Errorf("%s; the server was called %d times", answer, p.count("tools/call"))
	}
}

// TestMisshapenResults has servers answer clients of the other era with what is no result: the call fails, at once and in words.
func TestMisshapenResults(t *testing.T) {
	t.Parallel()
	odd := map[bool][]string{
		false: {`[1]`, `null`},
		true: {
			`"x"`, `{"resultType":"odd"}`, `{"resultType":"input_required"}`,
			`{"resultType":"input_required","inputRequests":[1],"requestState":"s"}`,
		},
	}
	for modern, results := range odd {
		p := startPeer(t, modern)
		for i, r := range results {
			p.offer(fmt.Sprintf("odd%d", i), "", func(context.Context, *talk, message, func(string)) string { return result(r) })
		}
		g := open(t, p.server("up"))
		c := g.modernClient(everything)
		if modern {
			c = g.legacy(t, everything)
		}
		for i, r := range results {
			answer := c.ask(t, "tools/call", fmt.Sprintf(`{"name":"odd%d","arguments":{}}`, i))
			if code, says := fault(answer); code != -32603 || !strings.Contains(says, `answer of server "up"`) {
				t.Errorf("%s: %s", r, answer)
			}
		}
		if n := p.count("tools/call"); n != len(results) {
			t.Errorf("the server was called %d times", n)
		}
	}
}

// TestRootsInCall has servers of the legacy era ask for roots in the middle of a call of a client that does not listen to what
// belongs to none: it is asked in its call, also where nothing tells whose the question is.
func TestRootsInCall(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, "legacy", carrier)
			begun := time.Now()
			in, _ := s.start(t, "tools/call", `{"name":"roots","arguments":{}}`, nil)
			s.reply(t, in.must(t, "roots/list"), `{"roots":[]}`)
			if text := textOf(in.last(t)); !strings.Contains(text, `"result":{"roots":[]}`) {
				t.Errorf("the server is told %s", text)
			}
			if took := time.Since(begun); took > 4*time.Second { // five is how long a question waits for a stream
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestUndeclared has servers of the legacy era ask a client, which listens, for what it has not declared, or what its revision
// does not have: it is not asked, and the servers are told only of what it can be.
func TestUndeclared(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			g, saw := legacyServer(t, carrier)
			c := &client{gate: g, older: "2025-03-26"}
			c.initialize(t, `{"elicitation":{"url":{}},"sampling":{"tools":{}}}`)
			stream := c.listen(t, nil)
			defer stream.end()
			for _, tool := range []string{"roots", "elicit"} {
				text := textOf(c.ask(t, "tools/call", `{"name":"`+tool+`","arguments":{}}`))
				if !strings.Contains(text, "-32601") && !strings.Contains(text, `{"action":"cancel"}`) {
					t.Errorf("%s: the server is told %s", tool, text)
				}
			}
			if !saw(`"capabilities":{"sampling":{}}`) {
				t.Error("the server is told of more than the client has")
			}
		})
	}
}
