package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A tale is one thing that happens between a client and a server. It is told in the same way in every cell of the matrix, and both
// see the same then, whatever they speak.
type tale struct {
	column string // its heading in the table
	name   string // what happens
	// tell has it happen.
	tell func(t *testing.T, c *cell)
	// client and server are what they see.
	client, server []string
	// unless says why it cannot happen between those revisions, empty where it can.
	unless func(client, server *spec) string
	// instead is what they see where it cannot.
	instead seen
	// differs says why, and what, they see differently between those revisions.
	differs func(client, server *spec) (why string, saw seen)
}

// seen is what happened, as each side saw it.
type seen struct{ client, server []string }

// Reasons why something is not to be had.
const (
	noElicitation = "Elicitation is new in 2025-06-18."
	noVisits      = "Asking for the visit of a URL is new in 2025-11-25."
	noRefusal     = "Error -32042 is of 2025-11-25 alone: earlier servers do not have it, later ones ask by `input_required`."
	noStructure   = "`structuredContent` is new in 2025-06-18. The text beside it arrives."
	objectsOnly   = "`structuredContent` that is not an object is new in 2026-07-28. It is left out for earlier clients; the text beside it arrives."
	holdsNothing  = "The server is of the modern era: it has ended the call with its question and holds nothing meanwhile."
	oneStream     = "HTTP+SSE has one stream, which is the session: when it is lost, both have ended (2024-11-05, basic/lifecycle, Shutdown). The call is cancelled at the server; the client begins anew."
	leavingEnds   = "Of the modern era, where leaving is the cancellation: the server is told so."
)

func elicitation(client, server *spec) string {
	if client.elicits && server.elicits {
		return ""
	}
	return noElicitation
}

func visits(client, server *spec) string {
	if client.visits && server.visits {
		return ""
	}
	return noVisits
}

// cannotAsk is what is seen where a server knows that it cannot ask.
func cannotAsk(tool string) seen {
	return seen{client: []string{"answer cannot ask"}, server: []string{"tools/call " + tool, "cannot ask"}}
}

// A question is what a tool asks, and the answer that it gets.
type question struct{ tool, method, asked, answer string }

// tale is the tale of a question, which is asked unless there is a reason why not.
func (q question) tale(column, name string, unless func(client, server *spec) string) tale {
	return tale{
		column: column, name: name,
		tell: func(t *testing.T, c *cell) {
			t.Helper()
			c.able.answers = map[string]string{q.method: q.answer}
			defer c.able.attends(t)()
			c.able.tool(t, q.tool)
		},
		client: []string{q.asked, "answer done"},
		server: []string{"tools/call " + q.tool, "answered " + q.answer},
		unless: unless, instead: cannotAsk(q.tool),
	}
}

// attends has a client of the legacy era listen to what belongs to no call: on a pipe nothing tells that a question for roots
// belongs to one. The function ends that.
func (a *actor) attends(t *testing.T) (end func()) {
	t.Helper()
	if a.spec.modern {
		return func() {}
	}
	stream := a.listen(t, nil)
	var reading sync.WaitGroup
	reading.Go(func() {
		for raw := stream.message(); raw != ""; raw = stream.message() {
			if m := messageOf(raw); m.Method != "" && m.ID != nil {
				a.judge(raw, "")
				a.isAsked(t, m, raw)
			}
		}
	})
	return func() {
		stream.end()
		reading.Wait()
	}
}

// tales are what is told in every cell, in this order.
var tales = []tale{
	{
		column: "lists", name: "tools, prompts, resources and templates are listed", tell: tellLists,
		client: []string{"tools/list", "answer", "prompts/list", "answer", "resources/list", "answer", "resources/templates/list", "answer"},
	},
	{
		column: "get, read", name: "a prompt is got, a resource read, and one that does not exist refused in the client's words", tell: tellReads,
		client: []string{"answer", "answer", "not found"},
		server: []string{"prompts/get greet", "resources/read test://one", "resources/read test://item/missing"},
	},
	{
		column: "completion", name: "an argument is completed",
		tell: func(t *testing.T, c *cell) {
			t.Helper()
			c.able.perform(t, "completion/complete", `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"a"}}`)
		},
		client: []string{"answer"}, server: []string{"completion/complete greet"},
	},
	{
		column: "progress, log", name: "a call tells how far it is, and logs at the level that the client has set", tell: tellSteps,
		client: []string{"progress 0", "progress 1", `log "step 1"`, "progress 2", `log "step 2"`, "answer arrived"},
		server: []string{"tools/call steps", "level info"},
	},
	question{"elicit", "elicitation/create", `asked elicitation/create "who are you?"`, `{"action":"accept","content":{"n":1.10}}`}.tale(
		"elicitation", "a server asks for a form to be filled in, and it is", elicitation),
	question{"elicit", "elicitation/create", `asked elicitation/create "who are you?"`, `{"action":"decline"}`}.tale(
		"declined", "the same, and the user declines", elicitation),
	question{
		"sample", "sampling/createMessage", "asked sampling/createMessage 7",
		`{"role":"assistant","content":{"type":"text","text":"h\u0069"},"model":"m"}`,
	}.tale("sampling", "a server asks for a completion of a model", nil),
	question{"roots", "roots/list", "asked roots/list ", `{"roots":[{"uri":"file:///a"}]}`}.tale(
		"roots", "a server asks for the roots", nil),
	question{"visit", "elicitation/create", `asked to visit "https://example.com/visit"`, `{"action":"accept"}`}.tale(
		"visit", "a server asks for the visit of a URL", visits),
	{
		column: "visit first", name: "a server refuses a call until a URL was visited (-32042)", tell: tellRequired,
		client: []string{`asked to visit "https://example.com/visit"`, "answer done"},
		server: []string{"tools/call required", "tools/call required"},
		unless: func(client, server *spec) string {
			if server.name == "2025-11-25" && client.visits {
				return ""
			}
			return noRefusal
		},
		instead: cannotAsk("required"),
	},
	{
		column: "structured", name: "a result has `structuredContent`",
		tell:   func(t *testing.T, c *cell) { t.Helper(); c.able.tool(t, "structured") },
		client: []string{"answer in words", `structured {"n":1.10}`}, server: []string{"tools/call structured"},
		unless: func(client, server *spec) string {
			if client.structured && server.structured {
				return ""
			}
			return noStructure
		},
		instead: seen{client: []string{"answer in words"}, server: []string{"tools/call structured"}},
	},
	{
		column: "any JSON", name: "a result has `structuredContent` that is not an object",
		tell:   func(t *testing.T, c *cell) { t.Helper(); c.able.tool(t, "anything") },
		client: []string{"answer in words", `structured [1.10]`}, server: []string{"tools/call anything"},
		unless: func(client, server *spec) string {
			if client.modern && server.modern {
				return ""
			}
			return objectsOnly
		},
		instead: seen{client: []string{"answer in words"}, server: []string{"tools/call anything"}},
	},
	{
		column: "subscription", name: "a client subscribes to a resource and is told that it has changed", tell: tellSubscription,
		client: []string{"answer touched", `updated "test://one"`}, server: []string{`follows "test://one"`, "tools/call touch"},
	},
	{
		column: "list change", name: "a server gets one more tool, and a client is told and sees it", tell: tellChange,
		client: []string{"answer grown", "told and grown"}, server: []string{"tools/call grow"},
	},
	{
		column: "lost line", name: "a client loses its connection in mid-call, and gets the answer on another one", tell: tellOutlived,
		client: []string{"asked sampling/createMessage 7", "left", "answer done"},
		server: []string{"tools/call sample", `answered {"role":"assistant"}`},
		unless: func(client, _ *spec) string {
			if !client.events {
				return ""
			}
			return oneStream
		},
		instead: seen{client: []string{"left", "no session any more"}, server: []string{"tools/call forever", "cancelled"}},
		differs: func(client, _ *spec) (string, seen) {
			if !client.modern {
				return "", seen{}
			}
			return leavingEnds, seen{client: []string{"left"}, server: []string{"tools/call forever", "cancelled"}}
		},
	},
	{
		column: "cancel", name: "a client takes a call back, and the server is told", tell: tellCancelled,
		client: []string{"cancels"}, server: []string{"tools/call forever", "cancelled"},
	},
}

// unanswered is the tale of a client that is asked and never answers. A client of the legacy era cancels its call in the end; one of
// the modern era only stays away, and its call ends when the gate's patience does. So it is begun first and ended last.
var unanswered = tale{
	column: "no answer", name: "a client is asked and never answers; the call ends when a legacy client takes it back, or a modern one has stayed away for too long",
	client: []string{"asked sampling/createMessage 8"},
	server: []string{"tools/call abandon", "cancelled abandon"},
	differs: func(_, server *spec) (string, seen) {
		if !server.modern {
			return "", seen{}
		}
		return holdsNothing, seen{client: []string{"asked sampling/createMessage 8"}, server: []string{"tools/call abandon"}}
	},
}

// beginUnanswered has a client asked.
func (c *cell) beginUnanswered(t *testing.T) (end func()) {
	t.Helper()
	a := c.gate.enter(t, c.client, c.server, c.client.declares)
	a.tool(t, "abandon")
	if !c.client.modern {
		a.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, a.next), nil).end()
	}
	return func() {
		want, _ := unanswered.expect(c.client, c.server)
		left := func() []string {
			return slices.DeleteFunc(c.site.happened(), func(event string) bool { return !strings.HasSuffix(event, abandoned) })
		}
		settle(10*time.Second, func() bool { return len(left()) >= len(want.server) })
		if d := cmp.Diff([][]string{want.client, want.server}, [][]string{a.saw(), left()}); d != "" {
			t.Errorf("%s: -want +got\n%s", unanswered.name, d)
		}
	}
}

func tellLists(t *testing.T, c *cell) {
	t.Helper()
	for _, list := range []struct{ method, has string }{
		{"tools/list", `"name":"elicit"`},
		{"prompts/list", `"name":"greet"`},
		{"resources/list", `"uri":"test://one"`},
		{"resources/templates/list", `"uriTemplate":"test://item/{id}"`},
	} {
		c.able.happens("%s", list.method)
		if answer := c.able.perform(t, list.method, "{}"); !strings.Contains(answer, list.has) {
			t.Errorf("%s: %s", list.method, answer)
		}
	}
}

func tellReads(t *testing.T, c *cell) {
	t.Helper()
	if answer := c.able.perform(t, "prompts/get", `{"name":"greet"}`); !strings.Contains(answer, `"hello"`) {
		t.Errorf("a prompt: %s", answer)
	}
	if answer := c.able.perform(t, "resources/read", `{"uri":"test://one"}`); !strings.Contains(answer, `"the text"`) {
		t.Errorf("a resource: %s", answer)
	}
	c.able.perform(t, "resources/read", `{"uri":"test://item/missing"}`)
}

func tellSteps(t *testing.T, c *cell) {
	t.Helper()
	if c.client.modern {
		c.able.logLevel = "info"
		defer func() { c.able.logLevel = "" }()
	} else if answer := c.able.ask(t, "logging/setLevel", `{"level":"info"}`); !strings.Contains(answer, `"result":{}`) {
		t.Errorf("setLevel: %s", answer)
	}
	c.able.perform(t, "tools/call", `{"_meta":{$META,"progressToken":"tok"},"name":"steps","arguments":{}}`)
}

// tellCancelled takes a call back: in the legacy era by a notification, in the modern one by leaving.
func tellCancelled(t *testing.T, c *cell) {
	t.Helper()
	c.able.happens("cancels")
	began := func() bool { return len(c.saw()) > 0 }
	c.able.next++
	body := c.able.request(c.able.next, "tools/call", `{"name":"forever","arguments":{}}`)
	if c.client.modern {
		c.able.abandon(t, body, began)
		return
	}
	done := make(chan *incoming, 1)
	go func() { done <- c.able.post(t, body, nil) }()
	eventually(t, "the call reaches the server", began)
	c.able.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, c.able.next), nil).end()
	in := coming(t, "the answer to a cancelled call", done)
	if rest := in.message(); rest != "" {
		t.Errorf("a cancelled call is answered: %s", rest)
	}
	in.end()
}

// tellRequired has a server refuse a call until a URL was visited. Who knows that error makes the call again.
func tellRequired(t *testing.T, c *cell) {
	t.Helper()
	c.able.answers = map[string]string{"elicitation/create": `{"action":"accept"}`}
	if !c.client.modern {
		m := message{Params: []byte(c.able.ask(t, "tools/call", `{"name":"required","arguments":{}}`))}
		first, _, _ := strings.Cut(m.param("error", "data", "elicitations"), "},")
		if m.param("error", "code") == "-32042" {
			m.Params = []byte(strings.Trim(first, "[]"))
			c.able.happens("%s", questionText(m))
			c.able.tool(t, "required")
		} else {
			c.able.answered(string(m.Params))
		}
		return
	}
	// The server says that the visit is over as soon as the client can have made it.
	over := make(chan struct{})
	var saying sync.WaitGroup
	if c.server.visits && !c.server.modern {
		saying.Go(func() { c.visitEnds(over) })
	}
	c.able.tool(t, "required")
	close(over)
	saying.Wait()
}

// visitEnds says that the visit is over, until told to stop: who waits for that may not wait yet.
func (c *cell) visitEnds(stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			c.site.http.announce(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"v2"}}`, "")
		}
	}
}

// listening opens the stream for what belongs to no call; a client of the modern era says what it wants to be told.
func (a *actor) listening(t *testing.T, notices string) *incoming {
	t.Helper()
	if !a.spec.modern {
		return a.listen(t, nil)
	}
	in, _ := a.start(t, "subscriptions/listen", `{"notifications":{`+notices+`}}`, nil)
	a.judge(in.must(t, `"notifications/subscriptions/acknowledged"`), "subscriptions/listen")
	return in
}

// told reads the next message of that stream.
func (a *actor) told(in *incoming) {
	raw := in.message()
	a.judge(raw, map[bool]string{true: "subscriptions/listen"}[a.spec.modern])
	a.hears(messageOf(raw))
}

func tellSubscription(t *testing.T, c *cell) {
	t.Helper()
	in := c.plain.listening(t, `"resourceSubscriptions":["test://one"]`)
	defer in.end()
	if !c.client.modern {
		if answer := c.plain.ask(t, "resources/subscribe", `{"uri":"test://one"}`); !strings.Contains(answer, `"result":{}`) {
			t.Errorf("subscribe: %s", answer)
		}
	}
	c.site.listening(t)
	c.plain.tool(t, "touch")
	c.plain.told(in)
}

func tellChange(t *testing.T, c *cell) {
	t.Helper()
	in := c.plain.listening(t, `"toolsListChanged":true`)
	defer in.end()
	c.site.listening(t)
	c.plain.tool(t, "grow")
	raw := in.message()
	c.plain.judge(raw, map[bool]string{true: "subscriptions/listen"}[c.client.modern])
	list := c.plain.ask(t, "tools/list", "{}")
	c.plain.judge(list, "tools/list")
	if strings.Contains(raw, "notifications/tools/list_changed") && strings.Contains(list, `"name":"new-`) {
		c.plain.happens("told and grown")
	}
}

// tellOutlived has a client lose its connection in mid-call. In the legacy era the call goes on, and the client reads its stream to
// the end on another connection, where the transport has that.
func tellOutlived(t *testing.T, c *cell) {
	t.Helper()
	if c.client.modern {
		c.able.happens("left")
		c.able.next++
		body := c.able.request(c.able.next, "tools/call", `{"name":"forever","arguments":{}}`)
		c.able.abandon(t, body, func() bool { return len(c.saw()) > 0 })
		return
	}
	if c.client.events {
		tellLost(t, c)
		return
	}
	in, _ := c.able.start(t, "tools/call", `{"name":"sample","arguments":{}}`, nil)
	asked := in.must(t, "sampling/createMessage")
	c.able.judge(asked, "tools/call")
	c.able.happens("%s", questionText(messageOf(asked)))
	in.end()
	c.able.happens("left")
	c.able.reply(t, asked, `{"role":"assistant"}`)
	again := c.able.send(t, http.MethodGet, "", map[string]string{"Last-Event-ID": in.ids[len(in.ids)-1]})
	raw := again.message()
	c.able.judge(raw, "tools/call")
	c.able.answered(raw)
	again.end()
}

// tellLost has a client of HTTP+SSE lose its stream in mid-call. That is the end of its session (2024-11-05, basic/lifecycle,
// "Shutdown"): nothing is taken in it any more, and the client begins another one.
func tellLost(t *testing.T, c *cell) {
	t.Helper()
	in, _ := c.able.start(t, "tools/call", `{"name":"forever","arguments":{}}`, nil)
	eventually(t, "the call reaches the server", func() bool { return len(c.saw()) > 0 })
	c.able.line.lose()
	c.able.happens("left")
	if rest := in.message(); rest != "" {
		t.Errorf("a call that lasts for ever is answered: %s", rest)
	}
	ping := c.able.request(c.able.next+1, "ping", "{}")
	eventually(t, "the session is over", func() bool {
		in := c.able.send(t, http.MethodPost, ping, nil)
		defer in.end()
		return in.status == http.StatusNotFound
	})
	c.able.happens("no session any more")
	c.able.begin(t)
}
