package roots

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// in is a call of a tool with arguments in a root.
func (h *house) in(root, tool, arguments string) *mcp.Call {
	return inContext(h.t, "ann", mcp.MethodToolsCall, fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments), root)
}

// remembers sends a call of a tool that is remembered and reports whether the answer came from memory.
func (h *house) remembers(s *server, call *mcp.Call) bool {
	h.t.Helper()
	h.target.Remember = true
	defer func() { h.target.Remember = false }()
	before := s.calls()
	got := h.mustSend(s, call)
	at := wire.Get(wire.Get([]byte(got), "_meta"), mcp.MetaRemembered)
	if (s.calls() == before) != (wire.Get(at, "at") != nil) {
		h.t.Errorf("%d further calls of the server, and the answer is %s", s.calls()-before, got)
	}
	return s.calls() == before
}

const remembering = `{"rootId":"m"}`

// TestRemember answers identical calls from memory, and no others.
func TestRemember(t *testing.T) {
	h, s := open(t, newShelf(), testSettings), &server{}
	n := 0
	s.answer = func(*mcp.Call) string {
		n++
		return fmt.Sprintf(`{"content":[{"type":"text","text":"%d"}],"_meta":{"a":1}}`, n)
	}
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"m","memory":true,"variables":{"x":1}}`)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"n","memory":true,"variables":{"x":1}}`)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"plain","variables":{"x":1}}`)
	arguments := `{"a":1,"b":[1.50,"한\u00e9"],"c":18446744073709551616}`
	for i, tt := range []struct {
		root, tool, arguments string
		known                 bool
	}{
		{remembering, "t", arguments, false},
		{remembering, "t", arguments, true},
		{remembering, "t", `{ "c":18446744073709551616.0, "b":[15e-1,"\ud55cé"], "a":1e0 }`, true},
		{remembering, "t", `{"a":1,"b":[1.5,"한é"],"c":18446744073709551617}`, false},
		{remembering, "t", `{"a":1,"b":["한é",1.5],"c":18446744073709551616}`, false},
		{remembering, "t", `{"a":"1"}`, false},
		{remembering, "u", arguments, false},
		{`{"rootId":"m","path":"p"}`, "t", arguments, false},
		{`{"rootId":"m","path":"p"}`, "t", arguments, true},
		{`{"rootId":"m","variables":{"x":2}}`, "t", arguments, false},
		{`{"rootId":"m","sampling":{"topK":1}}`, "t", arguments, false},
		{`{"rootId":"n"}`, "t", arguments, false},
		{`{"rootId":"plain"}`, "t", arguments, false},
		{`{"rootId":"plain"}`, "t", arguments, false},
		{remembering, "t", `{"a":1,"b":[1.5,"한é"],"c":18446744073709551616}`, true},
	} {
		if got := h.remembers(s, h.in(tt.root, tt.tool, tt.arguments)); got != tt.known {
			t.Errorf("%d: %s %s in %s: from memory %t", i, tt.tool, tt.arguments, tt.root, got)
		}
	}
	h.target.Remember = true
	got := h.mustSend(s, h.in(remembering, "t", arguments))
	if member(got, "content") != `[{"type":"text","text":"1"}]` || member(member(got, "_meta"), "a") != "1" {
		t.Errorf("the answer from memory is %s", got)
	}
}

// TestWritesForget has writes end what is remembered, also what was read while they went on, and also after a crash.
func TestWritesForget(t *testing.T) {
	store := newShelf()
	h, s := open(t, store, testSettings), &server{}
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"m","memory":true}`)
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"n","memory":true}`)
	read := func() *mcp.Call { return h.in(remembering, "t", `{}`) }
	writes := map[string]*mcp.Call{
		"a tool":            h.in(remembering, "w", `{}`),
		"at another path":   h.in(`{"rootId":"m","path":"p"}`, "w", `{}`),
		"a resource":        inContext(t, "ann", mcp.MethodWrite, `{"uri":"file:///x"}`, remembering),
		"a tool that fails": h.in(remembering, "w", `{"fail":true}`),
	}
	for name, write := range writes {
		h.remembers(s, read())
		if !h.remembers(s, read()) {
			t.Fatal("nothing is remembered")
		}
		h.mustSend(s, write)
		if h.remembers(s, read()) {
			t.Errorf("%s: an answer from before is given", name)
		}
	}
	h.remembers(s, read())
	h.mustSend(s, h.in(`{"rootId":"n"}`, "w", `{}`)) // in another root
	h.target.ReadOnly = true
	h.mustSend(s, h.in(remembering, "r", `{}`)) // changes nothing
	h.target.ReadOnly = false
	if !h.remembers(s, read()) {
		t.Error("what writes elsewhere, or nothing, has the answers forgotten")
	}

	// What goes on as a task is not known to end.
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"tasks","memory":true}`)
	task := &server{answer: func(*mcp.Call) string { return `{"task":{"taskId":"1"}}` }}
	h.mustSend(task, h.in(`{"rootId":"tasks"}`, "w", `{}`))
	for range 2 {
		if h.remembers(s, h.in(`{"rootId":"tasks"}`, "t", `{}`)) {
			t.Error("an answer is given while a task may write")
		}
	}

	// The store fails: the write is refused, and the next one that is made has the answers forgotten for good.
	h.remembers(s, read())
	if err := h.writer.write(); err != nil {
		t.Fatal(err)
	}
	store.fail(true)
	if _, err := h.send(s, h.in(remembering, "w", `{}`), &scripted{}); err == nil {
		t.Error("a write is made whose mark is not stored")
	}
	store.fail(false)
	h.mustSend(s, h.in(remembering, "w", `{}`))
	crashed := open(t, store, testSettings)
	if crashed.remembers(s, crashed.in(remembering, "t", `{}`)) {
		t.Error("an answer of before the write is given after a crash")
	}
	h.remembers(s, read())

	// What is read while a write goes on may be of before.
	begun, end, over := make(chan struct{}), make(chan struct{}), make(chan error)
	slow := &server{act: func(context.Context, *mcp.Call, mcp.Reply) error {
		close(begun)
		<-end
		return nil
	}}
	write := h.in(remembering, "w", `{}`)
	go func() { over <- h.Middleware(slow).Handle(t.Context(), write, &scripted{}) }()
	<-begun
	for range 2 {
		if h.remembers(s, read()) {
			t.Error("an answer is given that was read during a write")
		}
	}
	// The process is killed before the write ends: what was stored is all that is known.
	if err := h.writer.write(); err != nil {
		t.Fatal(err)
	}
	killed := open(t, store, testSettings)
	if killed.remembers(s, killed.in(remembering, "t", `{}`)) {
		t.Error("an answer of before the write is given after a crash")
	}
	close(end)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if h.remembers(s, read()) || !h.remembers(s, read()) {
		t.Error("after the write nothing is remembered anew")
	}
}

// TestMemoryRestart keeps the memory over a restart, and answers from it.
func TestMemoryRestart(t *testing.T) {
	store := newShelf()
	h, s := open(t, store, testSettings), &server{}
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"m","memory":{"entries":3}}`)
	for i := range 5 {
		h.remembers(s, h.in(remembering, "t", fmt.Sprintf(`{"i":%d}`, i)))
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(store.entries[[2]string{"ann", "m"}]); n != 3 {
		t.Errorf("%d entries are stored", n)
	}
	h = open(t, store, testSettings)
	for i, known := range []bool{false, false, true, true, true} {
		if i > 1 && h.remembers(s, h.in(remembering, "t", fmt.Sprintf(`{"i":%d}`, i))) != known {
			t.Errorf("call %d: from memory is not %t", i, known)
		}
	}
	same(t, member(member(h.must("ann", mcp.MethodRootGet, `{"rootId":"m"}`), "memory"), "entries"), "3")
}

// TestOffers hands earlier results to later calls, within bounds, and to nobody who is not trusted.
func TestOffers(t *testing.T) {
	h, s := open(t, newShelf(), testSettings), &server{}
	h.must("ann", mcp.MethodRootCreate, `{"rootId":"m","memory":{"entries":3}}`)
	answers := map[string]string{
		"structured": `{"content":[{"type":"text","text":"no"}],"structuredContent":{"n":1e2}}`,
		"text":       `{"content":[{"type":"text","text":"half \ud83d of it"}]}`,
		"blocks":     `{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`,
		"failed":     `{"content":[{"type":"text","text":"oh"}],"isError":true}`,
		"asking":     `{"resultType":"input_required","content":[]}`,
		"task":       `{"task":{"taskId":"1"}}`,
		"long":       `{"content":[{"type":"text","text":"` + strings.Repeat("글", 9000) + `"}]}`,
	}
	s.answer = func(call *mcp.Call) string { return answers[call.Name] }
	for _, name := range []string{"structured", "text", "blocks", "failed", "asking", "task", "long"} {
		h.mustSend(s, h.in(remembering, name, `{"q":"`+name+`"}`))
	}
	h.mustSend(s, inContext(t, "ann", mcp.MethodPromptsGet, tool, remembering))
	var told []string
	for one := range wire.Elements(wire.Get([]byte(s.last()), "memory")) {
		out := string(wire.Get(one, "output"))
		if len(out) > 8<<10+20 || !strings.Contains(string(wire.Get(one, "at")), "T") {
			t.Errorf("%s", one)
		}
		if string(wire.Get(one, "cut")) == "true" {
			out = out[:4] + out[len(out)-10:]
		}
		told = append(told, string(wire.Get(one, "tool"))+string(wire.Get(one, "args"))+out)
	}
	want := []string{
		`"text"{"q":"text"}"half ` + "\ufffd" + ` of it"`,
		`"blocks"{"q":"blocks"}[{"type":"text","text":"a"},{"type":"text","text":"b"}]`,
		`"long"{"q":"long"}"글… [cut]"`,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	h.mustSend(s, inContext(t, "ann", mcp.MethodRead, tool, remembering))
	if strings.Contains(s.last(), "memory") {
		t.Error("a resource is told of the memory")
	}
	h.target.Trusted = false
	h.mustSend(s, inContext(t, "ann", mcp.MethodPromptsGet, tool, remembering))
	if s.last() != "" {
		t.Errorf("who is not trusted is told %s", s.last())
	}
}
