package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A spec is what a revision has, as its text says it: the tests do not ask the product what is right.
type spec struct {
	name   string
	modern bool
	// versioned says that requests over HTTP name the revision in a header.
	versioned bool
	// events says that HTTP+SSE is its transport over HTTP.
	events bool
	// elicits and visits say that a server may ask for a form to be filled in, and for a URL to be visited.
	elicits, visits bool
	// structured says that results have structuredContent.
	structured bool
	// declares is what a client says of itself that can do all there is, offers what such a server says.
	declares, offers string
}

const (
	canSample  = `"sampling":{},"roots":{"listChanged":true}`
	serves     = `"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"logging":{}`
	servesMore = `{` + serves + `,"completions":{}}`
)

// specs are the revisions, oldest first.
var specs = []*spec{
	{name: "2024-11-05", events: true, declares: `{` + canSample + `}`, offers: `{` + serves + `}`},
	{name: "2025-03-26", declares: `{` + canSample + `}`, offers: servesMore},
	{
		name: "2025-06-18", versioned: true, elicits: true, structured: true,
		declares: `{"elicitation":{},` + canSample + `}`, offers: servesMore,
	},
	{
		name: "2025-11-25", versioned: true, elicits: true, visits: true, structured: true,
		declares: `{"elicitation":{"form":{},"url":{}},` + canSample + `}`, offers: servesMore,
	},
	{
		name: "2026-07-28", modern: true, versioned: true, elicits: true, visits: true, structured: true,
		declares: `{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}`, offers: servesMore,
	},
}

// specOf returns the spec of a revision, nil for other names.
func specOf(name string) *spec {
	for _, s := range specs {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Methods that all revisions have, by who sends them.
var (
	commonRequests = []string{
		"tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list",
		"completion/complete",
	}
	legacyRequests = []string{"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}
	modernRequests = []string{"server/discover", "subscriptions/listen"}
	legacyNotices  = []string{"notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed"}
	serverNotices  = []string{
		"notifications/progress", "notifications/message", "notifications/resources/updated", "notifications/resources/list_changed",
		"notifications/tools/list_changed", "notifications/prompts/list_changed",
	}
)

// takes reports whether servers of the revision know what a client sends.
func (s *spec) takes(method string) bool {
	if s.modern {
		return slices.Contains(commonRequests, method) || slices.Contains(modernRequests, method) || method == "notifications/cancelled"
	}
	return slices.Contains(commonRequests, method) || slices.Contains(legacyRequests, method) || slices.Contains(legacyNotices, method)
}

// hears reports whether clients of the revision know a notification.
func (s *spec) hears(method string) bool {
	switch method {
	case "notifications/subscriptions/acknowledged":
		return s.modern
	case "notifications/elicitation/complete":
		return s.visits && !s.modern
	case "notifications/cancelled":
		return !s.modern
	}
	return slices.Contains(serverNotices, method)
}

// asks reports whether a server may ask this, of a client that has declared those capabilities.
func (s *spec) asks(m message, capabilities string) bool {
	var has struct {
		Sampling, Roots json.RawMessage
		Elicitation     map[string]json.RawMessage
	}
	_ = json.Unmarshal([]byte(capabilities), &has)
	switch m.Method {
	case "sampling/createMessage":
		return has.Sampling != nil
	case "roots/list":
		return has.Roots != nil
	case "elicitation/create":
		_, url := has.Elicitation["url"]
		return s.elicits && has.Elicitation != nil && (m.param("mode") != `"url"` || s.visits && url)
	}
	return m.Method == "ping" && !s.modern
}

// judge notes what a server of the revision must object to in a message. Before the handshake of the legacy
// era, and once for each session in the other, it may be addressed in a way that it does not know (basic/versioning).
func (t *talk) judge(raw string, header http.Header) {
	s := t.peer.spec
	if s == nil {
		return
	}
	var m message
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		t.peer.fault("not one message: %.200s", raw)
		return
	}
	greeted, ready := t.handshake(m.Method)
	switch {
	case m.Method == "initialize":
	case s.modern:
		t.judgeModern(m, header)
	case !greeted && m.Method == "server/discover":
	case !greeted || !ready && m.Method != "ping":
		t.peer.fault("%s before the handshake is over", m.Method)
	default:
		t.judgeLegacy(m, header)
	}
}

// handshake notes how far the handshake is.
func (t *talk) handshake(method string) (greeted, ready bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.greeted = t.greeted || method == "initialize"
	t.ready = t.ready || method == "notifications/initialized"
	return t.greeted, t.ready
}

func (t *talk) judgeLegacy(m message, header http.Header) {
	p := t.peer
	if m.Method != "" && !p.spec.takes(m.Method) {
		p.fault("%s is not known", m.Method)
	}
	for _, member := range []string{"inputResponses", "requestState"} {
		if m.param(member) != "" {
			p.fault("%s has %s", m.Method, member)
		}
	}
	if strings.Contains(m.param("_meta"), metaPrefix) {
		p.fault("%s has _meta %s", m.Method, m.param("_meta"))
	}
	if header == nil {
		return
	}
	for name := range header {
		if strings.HasPrefix(name, "Mcp-") && name != "Mcp-Session-Id" && name != "Mcp-Protocol-Version" {
			p.fault("%s has the header %s", m.Method, name)
		}
	}
	version := header.Get("Mcp-Protocol-Version")
	if version != p.spec.name && (p.spec.versioned || version != "") {
		p.fault("%s names the revision %q in its header", m.Method, version)
	}
}

func (t *talk) judgeModern(m message, header http.Header) {
	p := t.peer
	switch {
	case m.Method == "":
		p.fault("an answer, though nothing was asked: %s", m.ID)
		return
	case !p.spec.takes(m.Method):
		p.fault("%s is not known", m.Method)
	case m.ID == nil:
		return
	}
	if m.param("_meta", metaPrefix+"protocolVersion") != `"`+p.spec.name+`"` || !strings.HasPrefix(m.param("_meta", metaPrefix+"clientCapabilities"), "{") {
		p.fault("%s has _meta %s", m.Method, m.param("_meta"))
	}
	if header == nil {
		return
	}
	want := http.Header{}
	modernHeaders(want, fmt.Sprintf(`{"method":%q,"params":%s}`, m.Method, m.Params))
	for name := range want {
		if header.Get(name) != want.Get(name) {
			p.fault("%s has the header %s: %q, not %q", m.Method, name, header.Get(name), want.Get(name))
		}
	}
	if header.Get("Mcp-Session-Id") != "" {
		p.fault("%s names a session", m.Method)
	}
}
