package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A story is one client's day with one server of its own era: what a story tells holds whatever carries it.
type story struct {
	*client
	gate *gate
	// saw reports whether the server was sent a message, or notes an event, of which the text is a part.
	saw func(text string) bool
	// listening waits until what the server says outside of calls will be heard.
	listening func(t *testing.T)
}

// everything is what a client says that can be asked.
const everything = `{"elicitation":{"form":{}},"sampling":{},"roots":{"listChanged":true}}`

// startStory opens a gate in front of one server.
func startStory(t *testing.T, era, carrier string) *story {
	t.Helper()
	s := &story{listening: func(*testing.T) {}}
	if carrier == "pipe" {
		p := newPipePeer(t, era)
		s.gate = open(t, p.server("up"))
		s.saw = func(text string) bool { return strings.Contains(p.all(), text) }
	} else {
		p := startPeer(t, era == "modern")
		s.gate = open(t, p.server("up"))
		s.saw = func(text string) bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, r := range p.seen {
				if strings.Contains(r.raw, text) || r.raw == "" && r.Method == text {
					return true
				}
			}
			return false
		}
		s.listening = func(t *testing.T) {
			t.Helper()
			eventually(t, "the gate listens", func() bool { return p.streaming() })
		}
	}
	s.client = s.gate.modernClient("{}")
	if era == "legacy" {
		s.client = s.gate.legacy(t, everything)
	}
	return s
}

// streaming reports whether every talk has a stream for what belongs to no call.
func (p *peer) streaming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.talks {
		t.mu.Lock()
		ok := t.unasked != nil
		t.mu.Unlock()
		if !ok {
			return false
		}
	}
	return len(p.talks) > 0
}

// TestLegacyStory is a client of the legacy era with a server of its own era.
func TestLegacyStory(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, "legacy", carrier)
			stream := s.listen(t, nil)
			s.lists(t)
			checkProgress(t, s.client, []string{"log 0", "log 1", "log 2"})
			s.levels(t)
			s.questions(t, stream, carrier == "pipe")
			s.completes(t)
			s.subscribes(t, stream)
			if carrier == "http" {
				s.grows(t, stream)
			}
			stream.end()
			s.resumes(t)
			s.cancels(t)
			s.leaves(t)
		})
	}
}

func (s *story) lists(t *testing.T) {
	t.Helper()
	for method, name := range map[string]string{
		"tools/list": `"name":"echo"`, "prompts/list": `"name":"greet"`, "resources/list": `"uri":"test://one"`,
		"resources/templates/list": `"uriTemplate":"test://item/{id}"`,
	} {
		if answer := s.ask(t, method, "{}"); !strings.Contains(answer, name) {
			t.Errorf("%s: %s", method, answer)
		}
	}
	if answer := s.ask(t, "resources/read", `{"uri":"test://item/7"}`); !strings.Contains(answer, `"the text"`) {
		t.Errorf("a resource of a template: %s", answer)
	}
	if answer := s.ask(t, "prompts/get", `{"name":"greet"}`); !strings.Contains(answer, `"hello"`) {
		t.Errorf("a prompt: %s", answer)
	}
}

func (s *story) levels(t *testing.T) {
	t.Helper()
	if answer := s.ask(t, "logging/setLevel", `{"level":"error"}`); !strings.Contains(answer, `"result":{}`) {
		t.Errorf("setLevel: %s", answer)
	}
	checkProgress(t, s.client, []string{"log 2"})
	eventually(t, "the server hears of the level", func() bool { return s.saw(`"level":"error"`) })
}

// questions has the server ask in mid-call; the answers go back as they are. On a pipe nothing tells that a question for
// roots belongs to a call, so it comes on the stream for what belongs to none.
func (s *story) questions(t *testing.T, stream *incoming, pipe bool) {
	t.Helper()
	for _, q := range []struct{ tool, asked, answer string }{
		{"elicit", `"method":"elicitation/create","params":{"message":"who are you?","requestedSchema":{"type":"object","properties":{}},"z":9007199254740993}`, `{"action":"accept","content":{"n":1.10}}`},
		{"sample", `"method":"sampling/createMessage","params":{"messages":[],"maxTokens":7}`, `{"role":"assistant","content":{"type":"text","text":"\u00e9"},"model":"m"}`},
		{"roots", `"method":"roots/list","params":{}`, `{"roots":[{"uri":"file:///a","x":1.10}]}`},
	} {
		s.next++
		answer := make(chan *incoming, 1)
		go func() { answer <- s.post(t, s.request(s.next, "tools/call", `{"name":"`+q.tool+`"}`), nil) }()
		var in *incoming
		if pipe && q.tool == "roots" {
			s.reply(t, stream.must(t, q.asked), q.answer)
			in = coming(t, "the answer to "+q.tool, answer)
		} else {
			in = coming(t, "the answer to "+q.tool, answer)
			s.reply(t, in.must(t, q.asked), q.answer)
		}
		if text := textOf(in.last(t)); !strings.HasPrefix(text, `{"jsonrpc":"2.0","id":"q`) || !strings.Contains(text, `"result":`+q.answer+"}") {
			t.Errorf("%s: the server got %s", q.tool, text)
		}
	}
	in, _ := s.start(t, "tools/call", `{"name":"elicit"}`, nil)
	question := in.must(t, "elicitation/create")
	s.post(t, answering(t, question, `"error":{"code":-1,"message":"not now","data":{"n":1.10}}`), nil).end()
	if text := textOf(in.last(t)); !strings.Contains(text, `"error":{"code":-1,"message":"not now","data":{"n":1.10}}`) {
		t.Errorf("the client's refusal came as %s", text)
	}
	s.post(t, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`, nil).end()
	eventually(t, "the server hears that the roots have changed", func() bool { return s.saw("notifications/roots/list_changed") })
}

// cancels takes a call back.
func (s *story) cancels(t *testing.T) {
	t.Helper()
	s.next++
	id := s.next
	done := make(chan *incoming, 1)
	go func() { done <- s.post(t, s.request(id, "tools/call", `{"name":"forever"}`), nil) }()
	eventually(t, "the call reaches the server", func() bool { return s.saw(`"name":"forever"`) })
	if in := s.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id), nil); in.status != http.StatusAccepted {
		t.Errorf("cancelled: status %d", in.status)
	}
	eventually(t, "the server hears of the cancellation", func() bool { return s.saw("notifications/cancelled") && s.saw("cancelled") })
	select {
	case in := <-done:
		if all := in.all(); len(all) > 0 {
			t.Errorf("a cancelled call was answered: %q", all)
		}
	case <-time.After(10 * time.Second):
		t.Error("the cancelled call's connection is still open")
	}
}

func (s *story) completes(t *testing.T) {
	t.Helper()
	for _, ref := range []string{`{"type":"ref/prompt","name":"greet"}`, `{"type":"ref/resource","uri":"test://item/{id}"}`} {
		answer := s.ask(t, "completion/complete", `{"ref":`+ref+`,"argument":{"name":"x","value":"y"}}`)
		if !strings.Contains(answer, `"values":["a","b"]`) {
			t.Errorf("completion of %s: %s", ref, answer)
		}
	}
}

// subscribes watches a resource and the list of tools.
func (s *story) subscribes(t *testing.T, stream *incoming) {
	t.Helper()
	if answer := s.ask(t, "resources/subscribe", `{"uri":"test://one"}`); !strings.Contains(answer, `"result"`) {
		t.Errorf("subscribe: %s", answer)
	}
	if !s.saw(`"method":"resources/subscribe","params":{"uri":"test://one"}`) {
		t.Error("the server was not asked for updates")
	}
	s.listening(t)
	s.call(t, "touch")
	stream.must(t, `"method":"notifications/resources/updated","params":{"uri":"test://one","vendor":1.10}`)
	if answer := s.ask(t, "resources/unsubscribe", `{"uri":"test://one"}`); !strings.Contains(answer, `"result"`) {
		t.Errorf("unsubscribe: %s", answer)
	}
	eventually(t, "the server hears that updates are not wanted any more", func() bool { return s.saw(`"method":"resources/unsubscribe"`) })
	s.call(t, "touch") // nobody wants to know
}

// grows has the server offer one more tool.
func (s *story) grows(t *testing.T, stream *incoming) {
	t.Helper()
	s.call(t, "grow")
	stream.must(t, `"notifications/tools/list_changed"`)
	if answer := s.ask(t, "tools/list", "{}"); !strings.Contains(answer, `"name":"new-`) {
		t.Errorf("the list has not grown: %s", answer)
	}
}

// TestSharedStory is two clients of the legacy era that can be asked nothing, and so share a session with the server: both
// are told of what they subscribed to, and of lists.
func TestSharedStory(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, "legacy", carrier)
			other := *s
			s.client, other.client = s.gate.legacy(t, "{}"), s.gate.legacy(t, "{}")
			mine, theirs := s.listen(t, nil), other.listen(t, nil)
			for _, c := range []*story{s, &other} {
				if answer := c.ask(t, "resources/subscribe", `{"uri":"test://one"}`); !strings.Contains(answer, `"result"`) {
					t.Errorf("subscribe: %s", answer)
				}
			}
			s.listening(t)
			s.call(t, "touch")
			mine.must(t, `"method":"notifications/resources/updated"`)
			theirs.must(t, `"method":"notifications/resources/updated"`)
			s.ask(t, "resources/unsubscribe", `{"uri":"test://one"}`)
			if s.saw(`"method":"resources/unsubscribe"`) {
				t.Error("the server was told that nobody wants to know any more")
			}
			s.call(t, "touch")
			theirs.must(t, `"method":"notifications/resources/updated"`)
			other.leaves(t)
			eventually(t, "the server hears that updates are not wanted any more", func() bool { return s.saw(`"method":"resources/unsubscribe"`) })
			s.grows(t, mine)
		})
	}
}

// resumes cuts the connection of a call in the middle: the call goes on, and its stream is read to the end on another
// connection, from the event after the last one that came.
func (s *story) resumes(t *testing.T) {
	t.Helper()
	in, id := s.start(t, "tools/call", `{"name":"elicit"}`, nil)
	question := in.must(t, "elicitation/create")
	if len(in.ids) == 0 {
		t.Fatal("events without ids")
	}
	seen, first := in.ids[len(in.ids)-1], in.ids[0]
	in.end()
	again := s.listen(t, map[string]string{"Last-Event-ID": first})
	if first == seen {
		t.Error("the stream has no event before the question")
	}
	if repeated := again.must(t, "elicitation/create"); repeated != question {
		t.Errorf("resumed with %s, want %s", repeated, question)
	}
	again.end()
	s.reply(t, question, `{"action":"accept"}`)
	rest := s.listen(t, map[string]string{"Last-Event-ID": seen}).all()
	if len(rest) != 1 || !strings.Contains(rest[0], fmt.Sprintf(`"id":%d`, id)) || !strings.Contains(textOf(rest[0]), `"action":"accept"`) {
		t.Errorf("resumed with %q, want the answer and nothing else", rest)
	}
}

// leaves ends the session.
func (s *story) leaves(t *testing.T) {
	t.Helper()
	if in := s.send(t, http.MethodDelete, "", nil); in.status != http.StatusNoContent {
		t.Errorf("DELETE: status %d", in.status)
	}
	if in := s.post(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, nil); in.status != http.StatusNotFound {
		t.Errorf("a session that has ended: status %d", in.status)
	}
}

// TestModernStory is a client of the modern era with a server of its own era.
func TestModernStory(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, "modern", carrier)
			s.discovers(t)
			s.lists(t)
			checkProgress(t, s.client, nil)
			s.logLevel = "info"
			checkProgress(t, s.client, []string{"log 1", "log 2"})
			s.logLevel = ""
			s.inputRequired(t)
			s.disconnects(t)
			s.completes(t)
			s.subscribesModern(t)
		})
	}
}

func (s *story) discovers(t *testing.T) {
	t.Helper()
	answer := s.ask(t, "server/discover", "{}")
	for _, part := range []string{
		`"supportedVersions":["2026-07-28",`, `"tools":{"listChanged":true}`, `"subscribe":true`, `"completions":{}`, `"resultType":"complete"`,
		`"ttlMs":`, `"cacheScope":"private"`, `"` + metaPrefix + `serverInfo":{"name":"sumun"`,
	} {
		if !strings.Contains(answer, part) {
			t.Errorf("discover: %s\nwithout %s", answer, part)
		}
	}
}

// inputRequired has the server ask by the end of its answer; question, state and answers pass untouched.
func (s *story) inputRequired(t *testing.T) {
	t.Helper()
	s.capabilities = `{"elicitation":{"form":{}}}`
	answer := s.ask(t, "tools/call", `{"name":"elicit"}`)
	want := `"result":{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"message":"who are you?",` +
		`"requestedSchema":{"type":"object","properties":{}},"z":9007199254740993}}},"requestState":"st\u0061te"}`
	if !strings.Contains(answer, want) {
		t.Errorf("got %s, want %s", answer, want)
	}
	text := textOf(s.ask(t, "tools/call", `{"name":"elicit","inputResponses":{"k":{"action":"accept","content":{"n":1.10}}},"requestState":"st\u0061te"}`))
	if text != `{"k":{"action":"accept","content":{"n":1.10}}} "st\u0061te"` {
		t.Errorf("the server got %s", text)
	}
	s.capabilities = "{}"
}

// disconnects leaves a call, which cancels it.
func (s *story) disconnects(t *testing.T) {
	t.Helper()
	s.next++
	s.abandon(t, s.request(s.next, "tools/call", `{"name":"forever"}`), func() bool { return s.saw(`"name":"forever"`) })
	eventually(t, "the server hears of the cancellation", func() bool { return s.saw("cancelled") })
}

// subscribesModern opens a stream of notices: acknowledged first, tagged with its id, and filtered.
func (s *story) subscribesModern(t *testing.T) {
	t.Helper()
	all, first := s.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["test://one","test://nowhere"]}}`, nil)
	tag := func(id int) string { return fmt.Sprintf(`"%ssubscriptionId":%d`, metaPrefix, id) }
	ack := all.must(t, `"notifications/subscriptions/acknowledged"`)
	if !strings.Contains(ack, tag(first)) || !strings.Contains(ack, `"notifications":{"toolsListChanged":true,"resourceSubscriptions":["test://one"]}`) {
		t.Errorf("acknowledged with %s", ack)
	}
	few, second := s.start(t, "subscriptions/listen", `{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["test://two"]}}`, nil)
	if ack := few.must(t, `"notifications/subscriptions/acknowledged"`); !strings.Contains(ack, tag(second)) {
		t.Errorf("acknowledged with %s", ack)
	}
	if !s.saw(`"resourceSubscriptions":["test://one","test://two"]`) {
		t.Error("the server was not asked for both resources")
	}
	s.call(t, "touch")
	updated := all.must(t, `"notifications/resources/updated"`)
	if !strings.Contains(updated, tag(first)) || !strings.Contains(updated, `"uri":"test://one","vendor":1.10`) {
		t.Errorf("updated with %s", updated)
	}
	s.call(t, "grow")
	changed := all.must(t, `"notifications/tools/list_changed"`)
	if !strings.Contains(changed, tag(first)) {
		t.Errorf("changed with %s", changed)
	}
	all.end()
	few.end()
}

// TestPipeStory is a client on a pipe that speaks both eras, with servers of both.
func TestPipeStory(t *testing.T) {
	t.Parallel()
	old, young := startPeer(t, false), startPeer(t, true)
	second := young.server("young")
	second.Prefix = "young"
	g := open(t, old.server("old"), second)
	p := g.pipe(t)
	if answer := p.initialize(t, everything); !strings.Contains(answer, `"id":"hello"`) || !strings.Contains(answer, `"protocolVersion":"2025-11-25"`) {
		t.Errorf("initialize: %s", answer)
	}
	if text := textOf(p.exchange(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":1.10}}}`)); text != `{"name":"echo","arguments":{"n":1.10}}` {
		t.Errorf("echo: %s", text)
	}
	modern := g.modernClient("{}")
	if text := textOf(p.exchange(t, modern.request(2, "tools/call", `{"_meta":{$META},"name":"young.echo"}`))); !strings.Contains(text, `"name":"echo"`) {
		t.Errorf("a modern call: %s", text)
	}
	question := p.exchange(t, `{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"elicit"}}`)
	if !strings.Contains(question, "elicitation/create") {
		t.Fatalf("no question: %s", question)
	}
	var id string
	fmt.Sscanf(question, `{"jsonrpc":"2.0","id":%1s`, &id)
	answer := p.exchange(t, `{"jsonrpc":"2.0","id":`+id+`,"result":{"action":"decline"}}`)
	if !strings.Contains(answer, `"id":"q"`) || !strings.Contains(textOf(answer), `"action":"decline"`) {
		t.Errorf("after the answer: %s", answer)
	}
	p.send(t, `{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"forever"}}`)
	eventually(t, "the call reaches the server", func() bool { return old.count("tools/call") == 3 })
	p.send(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}`)
	eventually(t, "the server hears of the cancellation", func() bool { return old.count("cancelled") == 1 })
	p.send(t, `{"jsonrpc":"2.0","id":"g","method":"tools/call","params":{"name":"grow"}}`)
	first, then := p.next(t), p.next(t)
	if strings.Contains(then, `"id":"g"`) {
		first, then = then, first
	}
	if !strings.Contains(first, `"id":"g"`) || !strings.Contains(then, "notifications/tools/list_changed") {
		t.Errorf("after a change: %s and %s", first, then)
	}
	talks := old.openTalks()
	p.in.Close()
	eventually(t, "the client's own session with the server ends", func() bool { return old.openTalks() == talks-1 })
}
