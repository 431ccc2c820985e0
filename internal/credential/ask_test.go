package credential_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// newCall returns a call of the caller ann-key.
func newCall(t *testing.T, method, params, capabilities string, r *mcp.Revision) *mcp.Call {
	t.Helper()
	m := new(wire.Message)
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`), m); err != nil {
		t.Fatal(err)
	}
	return &mcp.Call{Caller: person("ann-key"), Method: method, Request: m, Capabilities: []byte(capabilities), Revision: r}
}

// answers is a Reply that keeps what it is told, and has questions answered.
type answers struct {
	value   []byte
	notices []string
	asked   []mcp.Question
	answer  func(url string) ([]mcp.Answer, error)
}

func (a *answers) Notify(_ context.Context, m *wire.Message) error {
	a.notices = append(a.notices, string(m.MethodName()))
	return nil
}

func (a *answers) Ask(_ context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	a.asked = append(a.asked, questions...)
	var p struct{ Mode, URL string }
	if json.Unmarshal(questions[0].Params, &p) != nil || p.Mode != "url" {
		return nil, mcp.ErrUnsupported
	}
	return a.answer(p.URL)
}

func (a *answers) Done(_ context.Context, r *mcp.Result) error {
	a.value = append([]byte(nil), r.Value...)
	return nil
}

const (
	visits   = `{"elicitation":{"url":{}}}`
	noVisits = `{"elicitation":{"form":{}}}`
)

// TestAround makes a call of a server that wants a login.
func TestAround(t *testing.T) {
	t.Parallel()
	accept := []mcp.Answer{{Result: []byte(`{"action":"accept"}`)}}
	goes := func(t *testing.T) func(string) ([]mcp.Answer, error) {
		t.Helper()
		return func(url string) ([]mcp.Answer, error) {
			if resp, text := visit(t, browser(t, ""), url); resp.StatusCode != http.StatusOK {
				t.Errorf("%s", text)
			}
			return accept, nil
		}
	}
	for name, c := range map[string]struct {
		can    string
		legacy bool
		method string
		answer func(string) ([]mcp.Answer, error) // goes when nil
		need   bool                               // the first login is not enough
		value  string                             // part of the result
		err    string                             // or of the error
		code   int
		asked  int
	}{
		"modern":             {can: visits, value: "ann", asked: 1},
		"legacy":             {can: visits, legacy: true, value: "ann", asked: 1},
		"more scopes":        {can: visits, need: true, value: "ann", asked: 2},
		"cannot be asked":    {can: noVisits, value: `"isError":true`},
		"cannot, legacy":     {can: `{}`, legacy: true, value: "sumun server login mail"},
		"a prompt":           {can: noVisits, method: mcp.MethodPromptsGet, err: "sumun server login mail", code: mcp.CodeInternal},
		"not now":            {can: visits, answer: func(string) ([]mcp.Answer, error) { return nil, mcp.ErrUnsupported }, err: "sumun server login mail", code: mcp.CodeInternal, asked: 1},
		"not now, legacy":    {can: visits, legacy: true, answer: func(string) ([]mcp.Answer, error) { return nil, mcp.ErrUnsupported }, err: "needs a login", code: mcp.CodeURLElicitation, asked: 1},
		"declined":           {can: visits, answer: func(string) ([]mcp.Answer, error) { return []mcp.Answer{{Result: []byte(`{"action":"decline"}`)}}, nil }, err: "declined", code: mcp.CodeInternal, asked: 1},
		"declined by itself": {can: visits, answer: func(string) ([]mcp.Answer, error) { return nil, mcp.ErrDeclined }, err: "declined", code: mcp.CodeInternal, asked: 1},
		"no answer":          {can: visits, answer: func(string) ([]mcp.Answer, error) { return nil, mcp.ErrExpired }, err: "in time", code: mcp.CodeInternal, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := newGate(t, w, newMemory(), callers, "")
			if c.need {
				g.login(person("ann-key"), "ann")
				w.set(func() { w.need = "mail.send"; clear(w.live); clear(w.refresh) })
			}
			do := g.Around(func(ctx context.Context, _ mcp.Destination, call *mcp.Call, reply mcp.Reply) error {
				who, err := g.ask(call.Caller.ID) //nolint:contextcheck // the test's own will do
				if err != nil {
					return err
				}
				return reply.Done(ctx, mcp.Own([]byte(who)))
			})
			revision, method := mcp.Latest(), c.method
			if c.legacy {
				revision = mcp.LatestLegacy()
			}
			if method == "" {
				method = mcp.MethodToolsCall
			}
			reply := &answers{answer: c.answer}
			if reply.answer == nil {
				reply.answer = goes(t)
			}
			err := do(t.Context(), mcp.Destination{Server: "mail"}, newCall(t, method, `{"name":"x"}`, c.can, revision), reply)
			check(t, err, c.err, c.code)
			if !strings.Contains(string(reply.value), c.value) || len(reply.asked) != c.asked {
				t.Errorf("answered %s after %d questions", reply.value, len(reply.asked))
			}
			if c.legacy && c.asked > 0 && !strings.Contains(string(reply.asked[0].Params), "elicitationId") {
				t.Errorf("a question without an id: %s", reply.asked[0].Params)
			}
			if c.legacy && c.value == "ann" && len(reply.notices) != 1 {
				t.Errorf("told of the end: %v", reply.notices)
			}
		})
	}
}

func check(t *testing.T, err error, want string, code int) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	e := mcp.AsError(err)
	if e == nil || !strings.Contains(e.Message, want) || e.Code != code {
		t.Errorf("error %v (%+v), want %q", err, e, want)
	}
	if e != nil && e.Code == mcp.CodeURLElicitation && !strings.Contains(string(e.Data), `"elicitations":[{"mode":"url"`) {
		t.Errorf("data %s", e.Data)
	}
}

// TestAroundShared tells callers of a login that is not theirs.
func TestAroundShared(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), shared, "")
	do := g.Around(func(context.Context, mcp.Destination, *mcp.Call, mcp.Reply) error {
		_, err := g.ask("ann-key") //nolint:contextcheck // as above
		return err
	})
	reply := &answers{}
	if err := do(t.Context(), mcp.Destination{Server: "mail"}, newCall(t, mcp.MethodToolsCall, `{"name":"x"}`, visits, mcp.Latest()), reply); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(reply.value), "who runs the gateway") || len(reply.asked) > 0 {
		t.Errorf("%s", reply.value)
	}
}

var _ credential.Store = (*memory)(nil)
