package gateway_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// This file is what a peer does that speaks exactly one revision: it objects to what that does not have, and notes what happens
// in words that are the same in each revision.

// fault notes that the peer was sent what its revision does not have.
func (p *peer) fault(format string, args ...any) { p.happens("fault: " + fmt.Sprintf(format, args...)) }

// happens notes an event.
func (p *peer) happens(event string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event)
	if p.diary != nil {
		fmt.Fprintln(p.diary, event)
	}
}

func (p *peer) happened() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// startStrict starts a peer of that revision behind Streamable HTTP.
func startStrict(t *testing.T, s *spec) *httpPeer {
	t.Helper()
	p := startPeer(t, s.modern)
	p.beStrict(s)
	return p
}

// beStrict makes a peer speak that revision only.
func (p *peer) beStrict(s *spec) {
	p.spec = s
	tools := []string{`{"name":"plain","inputSchema":{"type":"object"}}`}
	for _, name := range []string{
		"steps", "forever", "elicit", "sample", "roots", "visit", "required", "abandon", "structured", "anything", "touch", "grow",
	} {
		tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
	}
	p.lists["tools/list"] = `{"tools":[` + strings.Join(tools, ",") + `]` + p.envelope(true) + `}`
}

// grown reports whether another process of the same server has grown a tool.
func (p *peer) grown() bool {
	if p.diary == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(p.diary.Name()), grown))
	return err == nil
}

const grown = "grown"

// A diary is what all processes of a peer on a pipe note.
const diary = "diary"

func openDiary(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, diary), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func (p *pipePeer) happened() []string {
	b, _ := os.ReadFile(filepath.Join(p.dir, diary))
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

// play is what the tools of a strict peer do; it reports false for what other peers do in the same way.
func (t *talk) play(ctx context.Context, m message, name string, say func(string)) (string, bool) {
	p := t.peer
	if m.param("inputResponses") == "" {
		p.happens(m.Method + " " + name)
	}
	if m.Method != "tools/call" {
		return "", false
	}
	switch name {
	case "plain":
		return t.text("plain"), true
	case "steps":
		return t.steps(m, say), true
	case "forever":
		<-ctx.Done()
		p.happens("cancelled")
		return "", true
	case "elicit", "sample", "roots", "visit", "abandon":
		return t.wonder(ctx, m, name, say), true
	case "required":
		return t.required(m), true
	case "grow":
		if p.diary != nil {
			_ = os.WriteFile(filepath.Join(filepath.Dir(p.diary.Name()), grown), nil, 0o600)
		}
		return "", false
	case "structured":
		return t.withStructure(`{"n":1.10}`), true
	case "anything":
		return t.withStructure(`[1.10]`), true
	}
	return "", false
}

// withStructure answers with a value beside the text, where the revision has such values.
func (t *talk) withStructure(value string) string {
	if s := t.peer.spec; !s.structured || !s.modern && value[0] != '{' {
		return t.text("in words")
	}
	return result(`{"content":[{"type":"text","text":"in words"}],"structuredContent":` + value + t.peer.envelope(false) + `}`)
}

// steps says how far it is, if the client wants to know, and logs what the client wants to hear.
func (t *talk) steps(m message, say func(string)) string {
	level := m.param("_meta", metaPrefix+"logLevel")
	if !t.peer.modern {
		t.mu.Lock()
		level = t.level
		t.mu.Unlock()
	}
	t.peer.happens("level " + strings.Trim(level, `"`))
	for i, its := range []string{"debug", "info", "error"} {
		if token := m.param("_meta", "progressToken"); token != "" {
			say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`, token, i))
		}
		if level == `"info"` && its != "debug" || level == "" && !t.peer.modern {
			say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"data":"step %d"}}`, its, i))
		}
	}
	return t.text("arrived")
}

// questions are what the tools ask that ask something.
var questions = map[string]message{
	"elicit":  {Method: "elicitation/create", Params: []byte(`{"message":"who are you?","requestedSchema":{"type":"object","properties":{"n":{"type":"number"}}}}`)},
	"abandon": {Method: "sampling/createMessage", Params: []byte(`{"messages":[],"maxTokens":8}`)},
	"sample":  {Method: "sampling/createMessage", Params: []byte(`{"messages":[],"maxTokens":7}`)},
	"roots":   {Method: "roots/list"},
	"visit":   {Method: "elicitation/create", Params: []byte(`{"mode":"url","message":"sign in","url":"https://example.com/visit"}`)},
}

// capabilities returns what the client of a call has declared.
func (t *talk) capabilities(m message) string {
	if t.peer.modern {
		return m.param("_meta", metaPrefix+"clientCapabilities")
	}
	return t.hello.param("capabilities")
}

// wonder asks the client something in the way of the revision, if that and the client have it.
func (t *talk) wonder(ctx context.Context, m message, name string, say func(string)) string {
	p, q := t.peer, questions[name]
	if !p.spec.asks(q, t.capabilities(m)) {
		p.happens("cannot ask")
		return t.text("cannot ask")
	}
	params := string(q.Params)
	if p.modern {
		if answer := m.param("inputResponses", "k"); answer != "" {
			p.happens("answered " + answer)
			if m.param("requestState") != `"st\u0061te"` {
				p.fault("requestState came back as %s", m.param("requestState"))
			}
			return t.text("done")
		}
		if params != "" {
			params = `,"params":` + params
		}
		return result(fmt.Sprintf(`{"resultType":"input_required","inputRequests":{"k":{"method":%q%s}},"requestState":"st\u0061te"}`, q.Method, params))
	}
	if name == "visit" {
		params = `{"elicitationId":"v1",` + params[1:]
	}
	if params == "" {
		params = "{}"
	}
	raw := t.ask(ctx, say, q.Method, params)
	if raw == "cancelled" {
		p.happens("cancelled " + name)
		return ""
	}
	p.happens("answered " + answerIn(raw))
	if name == "visit" {
		say(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"v1"}}`)
	}
	return t.text("done")
}

// answerIn returns the result of a message, or its error.
func answerIn(raw string) string {
	m := message{Params: []byte(raw)}
	if result := m.param("result"); result != "" {
		return result
	}
	return "with error " + m.param("error", "code")
}

// required refuses a call until a URL was visited (2025-11-25).
func (t *talk) required(m message) string {
	if t.peer.spec.name != "2025-11-25" || !t.peer.spec.asks(questions["visit"], t.capabilities(m)) {
		t.peer.happens("cannot ask")
		return t.text("cannot ask")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.visited {
		return t.text("done")
	}
	t.visited = true
	return `{"jsonrpc":"2.0","id":$ID,"error":{"code":-32042,"message":"sign in first","data":{"elicitations":[` +
		`{"elicitationId":"v2",` + string(questions["visit"].Params[1:]) + `]}}}`
}
