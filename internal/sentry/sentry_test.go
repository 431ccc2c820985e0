package sentry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/sentry"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A post is a Sentry with what it tells.
type post struct {
	*sentry.Sentry
	mu       sync.Mutex
	mode     string
	told     []alert.Alert
	recorded []string
}

func stand(t *testing.T, path string) *post {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	p := &post{mode: belief.Enforce}
	p.Sentry = sentry.Open(t.Context(), sentry.Options{
		Store: s, Log: slog.New(slog.DiscardHandler), Mode: func(string) string { return p.mode }, Publish: func() {}, Again: func(string) {},
		Tell: func(_ context.Context, a alert.Alert) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.told = append(p.told, a)
		},
		Held: func(string) []catalog.Thing { return []catalog.Thing{} },
		Record: func(_ context.Context, e audit.Event) error {
			p.recorded = append(p.recorded, fmt.Sprint(e.Kind, " ", e.Actor, " ", e.Subject, " ", e.Detail["reason"]))
			return nil
		},
	})
	t.Cleanup(func() { p.Close(); s.Close() })
	return p
}

func tool(name, description string) string {
	return fmt.Sprintf(`{"name":%q,"description":%q,"inputSchema":{"type":"object"}}`, name, description)
}

// offer has a server offer tools, and returns what people are told: the texts of alerts.
func (p *post) offer(t *testing.T, tools ...string) (texts []string) {
	t.Helper()
	l := &mcp.Listing{}
	for _, one := range tools {
		l.Tools = append(l.Tools, []byte(one))
	}
	if err := p.Admit(t.Context(), &pins.Offer{Server: "s", Listing: l}); err != nil {
		t.Fatal(err)
	}
	p.Given()
	p.Announce(t.Context())
	for _, a := range p.told {
		var e struct{ Changes []string }
		if err := json.Unmarshal(a.Evidence, &e); err != nil {
			t.Error(err)
		}
		texts = append(texts, fmt.Sprintf("%s %s: %s: %s", a.Severity, a.Subject, a.Text, strings.Join(e.Changes, "; ")))
	}
	p.told = nil
	return texts
}

// A teller takes the answer to a call.
type teller struct{ value []byte }

func (r *teller) Notify(context.Context, *wire.Message) error { return nil }
func (r *teller) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

func (r *teller) Done(_ context.Context, result *mcp.Result) error {
	r.value = result.Value
	return nil
}

// ask asks as those who run the gate do.
func (p *post) ask(t *testing.T, method, params string) (string, error) {
	t.Helper()
	m := notice.Message([]byte(`{"jsonrpc":"2.0","method":"` + method + `","params":` + params + `}`)) // whose id does not matter here
	var r teller
	failed := p.Handle(t.Context(), &mcp.Call{Method: method, Request: m, Caller: &mcp.Caller{ID: "ada"}}, &r)
	return string(r.value), failed
}

// TestRaise tells people how what a server offers differs, each time once.
func TestRaise(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	p := stand(t, path)
	for i, step := range []struct {
		tools []string
		want  []string
	}{
		{[]string{tool("read", "reads"), tool("b", "x")}, nil},
		{[]string{tool("read", "reads all"), tool("b", "x")}, []string{"high read: the tool is not any more what was approved; it is held back: description: reads {+all+}"}},
		{[]string{tool("read", "reads all"), tool("b", "x")}, nil},
		{[]string{tool("read", "reads"), tool("b", "x"), tool("rеad", "reads")}, []string{
			"critical rеad: the server offers a tool that nobody has approved; it is held back: a new tool whose name `rеad (е is U+0435)` looks like that of the approved `read`; description: \"reads\"",
		}},
		{[]string{tool("read", "reads")}, []string{"low b: the tool that was approved is not offered any more: the tool is not offered any more"}},
		{[]string{tool("read", "reads"), tool("c", "x")}, []string{
			"high c: the server offers a tool that nobody has approved; it is held back: the tool `b` is offered under the name `c` now; nothing else has changed",
		}},
		{[]string{tool("read", "reads"), tool("b", "x")}, nil}, // b is back
	} {
		if d := cmp.Diff(step.want, p.offer(t, step.tools...)); d != "" {
			t.Errorf("step %d, -want +got\n%s", i, d)
		}
	}
	list, err := p.ask(t, mcp.MethodAlerts, `{"all":true}`)
	if err != nil || strings.Count(list, `"state":"open"`) != 3 || !strings.Contains(list, `"decidedBy":"sumun","digest"`) && !strings.Contains(list, `"decidedBy":"sumun"`) {
		t.Errorf("%s, %v", list, err)
	}
	// After a restart nobody is told again of what is known.
	p = stand(t, path)
	if got := p.offer(t, tool("read", "reads all"), tool("b", "x")); got != nil {
		t.Errorf("after a restart: %v", got)
	}
}

// TestDecide approves and dismisses alerts, and refuses what makes no sense.
func TestDecide(t *testing.T) {
	t.Parallel()
	p := stand(t, filepath.Join(t.TempDir(), "s.db"))
	one, two := tool("a", "1"), tool("a", "2")
	p.offer(t, one)
	p.offer(t, two, tool("b", "1"))
	a := pins.ID("s", "tool", "a", p.Pin("s", []byte(two)).Digest)
	b := pins.ID("s", "tool", "b", p.Pin("s", []byte(tool("b", "1"))).Digest)
	if id, known := p.HeldBack("s", mcp.Tool, "a", []byte(two)); id != a || !known {
		t.Errorf("held back for %s, known: %t", id, known)
	}
	if shown, err := p.ask(t, mcp.MethodAlert, `{"id":"`+a+`"}`); err != nil || !strings.Contains(shown, `"changes":["description: [-1-] {+2+}"]`) || !strings.Contains(shown, `"before":{"name":"a"`) {
		t.Errorf("%s, %v", shown, err)
	}
	if err := p.Keep(t.Context(), &alert.Alert{ID: "other", Kind: "review", Text: "t"}); err != nil {
		t.Error(err)
	}
	for i, step := range []struct{ method, params, reason string }{
		{mcp.MethodAlertApprove, `{}`, "invalid-arguments"},
		{mcp.MethodAlertApprove, `{"ids":"x"}`, "invalid-arguments"},
		{mcp.MethodAlertApprove, `{"id":"nothing"}`, "not-found"},
		{mcp.MethodAlertApprove, `{"id":"other"}`, "conflict"},
		{mcp.MethodAlertDismiss, `{"id":"other","reason":"done"}`, ""},
		{mcp.MethodAlertDismiss, `{"id":"` + b + `"}`, ""},
		{mcp.MethodAlertDismiss, `{"id":"` + b + `"}`, "conflict"},
		{mcp.MethodAlertApprove, `{"id":"` + b + `","reason":"after all"}`, ""},
		{mcp.MethodAlertApprove, `{"server":"s"}`, ""},
		{mcp.MethodAlertApprove, `{"id":"` + a + `"}`, "conflict"},
		{mcp.MethodAlertApprove, `{"server":"s"}`, ""}, // nothing is open
	} {
		_, err := p.ask(t, step.method, step.params)
		got := ""
		if e := mcp.AsError(err); e != nil {
			got = string(e.Reason)
		}
		if got != step.reason {
			t.Errorf("step %d: %v, want %q", i, err, step.reason)
		}
	}
	want := []string{"alert.dismissed ada  done", "alert.dismissed ada b ", "alert.approved ada b after all", "alert.approved ada a "}
	if d := cmp.Diff(want, p.recorded); d != "" {
		t.Errorf("on record, -want +got\n%s", d)
	}
	for _, free := range []string{two, tool("b", "1")} {
		name, _ := wire.Unquote(wire.Get([]byte(free), "name"))
		if id, _ := p.HeldBack("s", mcp.Tool, name, []byte(free)); id != "" {
			t.Errorf("%s is held back for %s", name, id)
		}
	}
	if st, err := p.Standing(t.Context(), "s"); err != nil || st.Open != 0 || st.Since.IsZero() {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestModes flags, and does not look.
func TestModes(t *testing.T) {
	t.Parallel()
	p := stand(t, filepath.Join(t.TempDir(), "s.db"))
	p.mode = belief.Off
	p.offer(t, tool("a", "1"))
	p.mode = belief.Flag
	p.offer(t, tool("a", "1"))
	if got := p.offer(t, tool("a", "2")); len(got) != 1 || strings.Contains(got[0], "held back") {
		t.Errorf("flagged: %v", got)
	}
	if id, _ := p.HeldBack("s", mcp.Tool, "a", []byte(tool("a", "2"))); id != "" {
		t.Error("what is flagged is held back")
	}
	p.mode = belief.Enforce
	if id, _ := p.HeldBack("s", mcp.Tool, "a", []byte(tool("a", "2"))); id == "" {
		t.Error("nobody has approved it")
	}
}
