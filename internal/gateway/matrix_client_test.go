package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An actor is a client that speaks exactly one revision. It objects to what that does not have, notes what happens in words that
// are the same in each revision, and answers what it is asked.
type actor struct {
	*client
	spec *spec
	// of is the revision of the server.
	of *spec
	// answers are what it says when it is asked, by method; it is silent where there is none.
	answers map[string]string

	mu     sync.Mutex
	events []string
}

// enter opens a client of that revision, with those capabilities.
func (g *gate) enter(t *testing.T, s, of *spec, capabilities string) *actor {
	t.Helper()
	a := &actor{client: g.modernClient(capabilities), spec: s, of: of}
	if !s.modern {
		a.begin(t)
	}
	return a
}

// begin begins a session of the legacy era, whatever was before.
func (a *actor) begin(t *testing.T) {
	t.Helper()
	a.client = &client{gate: a.gate, older: a.spec.name, capabilities: a.capabilities}
	if a.spec.events {
		a.openLine(t, a.overhears)
	}
	hello := a.initialize(t, a.capabilities)
	if !strings.Contains(hello, `"protocolVersion":"`+a.spec.name+`"`) {
		t.Errorf("initialize: %s", hello)
	}
	a.judge(hello, "initialize")
}

// overhears takes what comes on a line while nobody reads it: a notice of no call may, like over Streamable HTTP.
func (a *actor) overhears(raw string) {
	if m := messageOf(raw); m.Method == "" || m.ID != nil || m.Method == "notifications/progress" {
		a.happens("fault: belongs to nothing: %.300s", raw)
	}
	a.judge(raw, "")
}

func (a *actor) happens(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, fmt.Sprintf(format, args...))
}

// saw returns what has happened since it was asked last.
func (a *actor) saw() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.events
	a.events = nil
	return all
}

// cacheables are the methods whose results say how long they hold, in the modern era.
var cacheables = []string{
	"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read",
}

// judge notes what clients of the revision must object to in a message that came while they waited for the answer of a method.
func (a *actor) judge(raw, method string) {
	var m struct {
		message
		Result map[string]json.RawMessage
		Error  *struct{ Code int }
	}
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		a.happens("fault: not one message: %.200s", raw)
		return
	}
	object := func(bad bool) {
		if bad {
			a.happens("fault: %.300s", raw)
		}
	}
	switch {
	case m.Method != "" && m.ID != nil:
		object(a.spec.modern || !a.spec.asks(m.message, a.capabilities))
		object((m.param("mode") == `"url"`) != (m.param("elicitationId") != ""))
	case m.Method != "":
		object(!a.spec.hears(m.Method))
		object((a.spec.modern && method == "subscriptions/listen") != strings.Contains(m.param("_meta"), metaPrefix+"subscriptionId"))
		object(m.Method == "notifications/progress" && m.param("progressToken") != `"tok"`)
	case m.Error != nil && a.spec.modern:
		object(slices.Contains([]int{-32002, -32042}, m.Error.Code))
	case m.Error != nil:
		object(slices.Contains([]int{-32020, -32021, -32022}, m.Error.Code) || m.Error.Code == -32042 && !a.spec.visits)
		object(m.Error.Code == -32602 && method == "resources/read")
	case a.spec.modern:
		object(m.Result["resultType"] == nil)
		object(slices.Contains(cacheables, method) && (m.Result["ttlMs"] == nil || m.Result["cacheScope"] == nil))
	default:
		object(m.Result["resultType"] != nil || m.Result["ttlMs"] != nil || m.Result["cacheScope"] != nil)
		object(strings.Contains(string(m.Result["_meta"]), metaPrefix))
		object(m.Result["inputRequests"] != nil || m.Result["requestState"] != nil)
		structured := string(m.Result["structuredContent"])
		object(structured != "" && structured[0] != '{')
		// Among the legacy revisions nothing is translated: results are open there, and a client passes over what it does not know.
		object(structured != "" && !a.spec.structured && a.of.modern)
	}
}

// perform makes a request, answers what it is asked on the way, and returns the last message, empty if the actor was silent.
func (a *actor) perform(t *testing.T, method, params string) string {
	t.Helper()
	for range 3 {
		in, _ := a.start(t, method, params, nil)
		for raw := in.message(); raw != ""; raw = in.message() {
			a.judge(raw, method)
			var m message
			_ = json.Unmarshal([]byte(raw), &m)
			switch {
			case m.Method != "" && m.ID != nil:
				if !a.isAsked(t, m, raw) {
					return ""
				}
			case m.Method != "":
				a.hears(m)
			case !strings.Contains(raw, `"inputRequests"`):
				a.answered(raw)
				in.end()
				return raw
			default:
				if params = a.resumed(t, params, raw); params == "" {
					return ""
				}
			}
		}
		in.end()
		if !a.spec.modern {
			break
		}
	}
	t.Errorf("%s: no answer", method)
	return ""
}

// hears notes a notification.
func (a *actor) hears(m message) {
	switch m.Method {
	case "notifications/progress":
		a.happens("progress %s", m.param("progress"))
	case "notifications/message":
		a.happens("log %s", m.param("data"))
	case "notifications/resources/updated":
		a.happens("updated %s", m.param("uri"))
	case "notifications/elicitation/complete": // may come or not
	default:
		a.happens("%s", m.Method)
	}
}

// answered notes the last message of a call.
func (a *actor) answered(raw string) {
	code, _ := fault(raw)
	switch text := textOf(raw); {
	case code == -32002 && !a.spec.modern, code == -32602 && a.spec.modern:
		a.happens("not found")
	case code != 0:
		a.happens("error %d", code)
	case text != raw:
		a.happens("answer %s", text)
	default:
		a.happens("answer")
	}
	m := message{Params: []byte(raw)}
	if s := m.param("result", "structuredContent"); s != "" && a.spec.structured {
		a.happens("structured %s", s)
	}
}

// questionText is what a question is told from others by.
func questionText(m message) string {
	if url := m.param("url"); url != "" {
		return "asked to visit " + url
	}
	return "asked " + m.Method + " " + m.param("message") + m.param("maxTokens")
}

// isAsked answers a question that came as a request.
func (a *actor) isAsked(t *testing.T, m message, raw string) bool {
	t.Helper()
	a.happens("%s", questionText(m))
	value := a.answers[m.Method]
	if value != "" {
		a.reply(t, raw, value)
	}
	return value != ""
}

// resumed returns the params that continue a call which has ended with questions, empty if the actor stays silent.
func (a *actor) resumed(t *testing.T, params, raw string) string {
	t.Helper()
	q := pendingOf(t, raw)
	m := message{Method: q.method, Params: json.RawMessage(q.params)}
	if q.params == "" {
		m.Params = json.RawMessage("{}")
	}
	if !a.spec.asks(m, a.capabilities) || m.param("elicitationId") != "" {
		a.happens("fault: asked %s %s", q.method, q.params)
	}
	a.happens("%s", questionText(m))
	value := a.answers[q.method]
	if value == "" {
		return ""
	}
	state := message{Params: []byte(raw)}.param("result", "requestState")
	params, _, _ = strings.Cut(params, `,"inputResponses"`)
	return fmt.Sprintf(`%s,"inputResponses":{%q:%s},"requestState":%s}`, strings.TrimSuffix(params, "}"), q.keys[0], value, state)
}

// tool calls a tool to the end.
func (a *actor) tool(t *testing.T, name string) {
	t.Helper()
	a.perform(t, "tools/call", `{"name":"`+name+`","arguments":{}}`)
}
