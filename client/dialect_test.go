package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/client"
)

// asked is one request of the dialect, as it came.
type asked struct {
	ID     json.RawMessage            `json:"id"`
	Method string                     `json:"method"`
	Params map[string]json.RawMessage `json:"params"`
}

// speaker answers the dialect beside the standard: each method by a function that returns a result or an error object.
func speaker(t *testing.T, methods map[string]func(asked) string) string {
	t.Helper()
	return listen(t, beside(methods))
}

// beside returns the handler of a speaker.
func beside(methods map[string]func(asked) string) http.Handler {
	s := newServer()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Protocol-Version") != "" {
			h.ServeHTTP(w, r)
			return
		}
		var q asked
		body, _ := io.ReadAll(r.Body)
		f := methods[""]
		if json.Unmarshal(body, &q) == nil && methods[q.Method] != nil {
			f = methods[q.Method]
		}
		if f == nil || r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer := f(q)
		if strings.HasPrefix(answer, `{"code"`) {
			w.WriteHeader(http.StatusConflict)
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":%s}`, q.ID, answer)
			return
		}
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, answer)
	})
}

// TestDialect makes each call of the dialect, with what it says and what it is told.
func TestDialect(t *testing.T) {
	t.Parallel()
	var last asked
	answer := func(text string) func(asked) string {
		return func(q asked) string {
			last = q
			return text
		}
	}
	c := dial(t, speaker(t, map[string]func(asked) string{
		"mcp.tool.invoke":     answer(`{"output":{"n":18446744073709551616},"metadata":{"toolId":"calc","server":"own","durationMs":1.5,"sampling":{"topP":0.5},"traceId":"t"}}`),
		"mcp.resource.read":   answer(`{"rows":[[1]],"etag":"e","revision":3}`),
		"mcp.resource.write":  answer(`{"etag":"e2","revision":4}`),
		"mcp.root.create":     answer(`{"rootId":"r1"}`),
		"mcp.root.close":      answer(`{}`),
		"mcp.sampling.update": answer(`{"temperature":0.9}`),
		"mcp.tools.list":      answer(`[{"toolId":"calc"}]`),
	}), client.WithKey("k"), client.WithContext(client.Context{RootID: "r", Path: "a/b"}))
	ctx := t.Context()
	warm := 0.9
	for _, tt := range []struct {
		do         func() (any, error)
		want       any
		method     string
		wantParams string
	}{
		{func() (any, error) {
			i, err := c.Invoke(ctx, "calc", map[string]int{"a": 1})
			if err != nil {
				return nil, err
			}
			var out map[string]any
			err = i.Decode(&out)
			return []any{out["n"], i.Metadata.Server, *i.Metadata.Sampling.TopP, i.Metadata.DurationMS}, err
		}, []any{json.Number("18446744073709551616"), "own", 0.5, 1.5}, "mcp.tool.invoke", `{"args":{"a":1},"context":{"rootId":"r","path":"a/b"},"toolId":"calc"}`},
		{func() (any, error) {
			return client.Query[struct{ Rows [][]int }](ctx, c, "db.query", map[string]string{"sql": "select 1"})
		}, struct{ Rows [][]int }{[][]int{{1}}}, "mcp.resource.read", `{"context":{"rootId":"r","path":"a/b"},"params":{"sql":"select 1"},"resourceId":"db.query"}`},
		{
			func() (any, error) { return c.Write(ctx, "file:///a", []byte("가"), client.IfMatch(`"1"`)) },
			client.Version{ETag: "e2", Revision: 4},
			"mcp.resource.write", `{"content":"가","context":{"rootId":"r","path":"a/b"},"ifMatch":"\"1\"","uri":"file:///a"}`,
		},
		{
			func() (any, error) { return c.Write(ctx, "file:///b", []byte{0xff}, client.Create()) },
			client.Version{ETag: "e2", Revision: 4},
			"mcp.resource.write", `{"blob":"/w==","context":{"rootId":"r","path":"a/b"},"uri":"file:///b"}`,
		},
		{
			func() (any, error) { return c.Write(ctx, "file:///b", nil, client.IfRevision(3)) },
			client.Version{ETag: "e2", Revision: 4},
			"mcp.resource.write", `{"content":"","context":{"rootId":"r","path":"a/b"},"ifRevision":3,"uri":"file:///b"}`,
		},
		{
			func() (any, error) { return c.CreateRoot(ctx, client.NewRoot{Name: "n", TTL: "1h", Memory: true}) },
			"r1", "mcp.root.create", `{"memory":true,"name":"n","ttl":"1h"}`,
		},
		{func() (any, error) { return nil, c.CloseRoot(ctx, "r1") }, nil, "mcp.root.close", `{"rootId":"r1"}`},
		{func() (any, error) {
			s, err := c.UpdateSampling(ctx, client.Context{RootID: "r1"}, client.Sampling{Temperature: &warm}, "더 창의적으로")
			return *s.Temperature, err
		}, 0.9, "mcp.sampling.update", `{"context":{"rootId":"r1"},"feedback":"더 창의적으로","temperature":0.9}`},
		{func() (any, error) {
			raw, err := c.Request(ctx, "mcp.tools.list", nil)
			return string(raw), err
		}, `[{"toolId":"calc"}]`, "mcp.tools.list", `{}`},
	} {
		got, err := tt.do()
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s = %v, %v", tt.method, got, err)
		}
		if params := marshal(t, last.Params); last.Method != tt.method || params != tt.wantParams {
			t.Errorf("%s was sent as %s %s", tt.method, last.Method, params)
		}
	}
}

// TestIn calls in several roots in one session.
func TestIn(t *testing.T) {
	t.Parallel()
	var last asked
	c := dial(t, speaker(t, map[string]func(asked) string{
		"mcp.tool.invoke": func(q asked) string { last = q; return `{"output":1,"metadata":{}}` },
	}), client.WithKey("k"), client.WithContext(client.Context{RootID: "first"}))
	odd := math.NaN()
	for _, tt := range []struct {
		c    *client.Client
		want string
	}{
		{c, `{"args":{},"context":{"rootId":"first"},"toolId":"x"}`},
		{c.In(client.Context{RootID: "r", Path: "a"}), `{"args":{},"context":{"path":"a","rootId":"r"},"toolId":"x"}`},
		{c.In(client.Context{RootID: "r"}).In(client.Context{}), `{"args":{},"context":{},"toolId":"x"}`},
		{c, `{"args":{},"context":{"rootId":"first"},"toolId":"x"}`},
	} {
		if _, err := tt.c.Invoke(t.Context(), "x", nil); err != nil {
			t.Fatal(err)
		}
		var params any
		if err := json.Unmarshal([]byte(marshal(t, last.Params)), &params); err != nil || marshal(t, params) != tt.want {
			t.Errorf("sent %s, want %s", marshal(t, params), tt.want)
		}
	}
	if _, err := c.In(client.Context{Sampling: &client.Sampling{Temperature: &odd}}).Invoke(t.Context(), "x", nil); err == nil {
		t.Error("a temperature that is no number was sent")
	}
	c.In(client.Context{}).Close()
	if _, err := c.Invoke(t.Context(), "x", nil); !errors.Is(err, client.ErrClosed) {
		t.Errorf("error = %v", err)
	}
}

// marshal writes JSON with its members in order.
func marshal(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestDialectErrors tells what a Sumun refuses, and who is none.
func TestDialectErrors(t *testing.T) {
	t.Parallel()
	c := dial(t, speaker(t, map[string]func(asked) string{
		"mcp.resource.write": func(asked) string {
			return `{"code":-32602,"message":"it has changed","data":{"reason":"conflict","etag":"now"}}`
		},
		"mcp.root.close":    func(asked) string { return `{"code":-32602,"message":"none","data":{"reason":"not-found"}}` },
		"mcp.tool.describe": func(asked) string { return `{"code":-32601,"message":"none"}` },
		"mcp.tool.invoke": func(asked) string {
			return `{"code":-32603,"message":"it died; the call may have had effects","data":{"reason":"upstream","mayHaveRun":true}}`
		},
	}), client.WithKey("k"))
	_, err := c.Write(t.Context(), "file:///a", nil, client.IfMatch("old"))
	if e, ok := errors.AsType[*client.Error](err); !errors.Is(err, client.ErrConflict) || !ok || e.ETag() != "now" ||
		err.Error() != "mcp.resource.write file:///a: it has changed" {
		t.Errorf("error = %v", err)
	}
	_, err = c.Invoke(t.Context(), "x", nil)
	if e, ok := errors.AsType[*client.Error](err); !ok || !e.MayHaveRun || strings.Count(err.Error(), "may have had effects") != 1 {
		t.Errorf("error = %v", err)
	}
	if err := c.CloseRoot(t.Context(), "x"); !errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrConflict) {
		t.Errorf("error = %v", err)
	}
	if _, err := c.Request(t.Context(), "mcp.tool.describe", nil); !errors.Is(err, client.ErrUnsupported) {
		t.Errorf("error = %v", err)
	}
	if _, err := c.Request(t.Context(), "mcp.server.info", nil); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("error = %v", err)
	}
}

// TestEvents listens to events over HTTP, until the server ends them.
func TestEvents(t *testing.T) {
	t.Parallel()
	var wanted atomic.Pointer[string]
	s := newServer()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	c := dial(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Protocol-Version") != "" {
			h.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		wanted.Store(&text)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, m := range []string{
			`{"jsonrpc":"2.0","id":1,"result":{}}`,
			`{"jsonrpc":"2.0","method":"mcp.event.resourceUpdated","params":{"uri":"file:///a"}}`,
			`{"jsonrpc":"2.0","method":"mcp.event.rootClosed","params":{}}`,
			`{"jsonrpc":"2.0","method":"mcp.event.toolsChanged","params":{"added":["가"]}}`,
		} {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", m)
		}
		if strings.Contains(text, "types") {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})))
	var got []string
	err := c.Events(t.Context(), func(e client.Event) { got = append(got, e.Type+string(e.Data)) })
	want := []string{`resourceUpdated{"uri":"file:///a"}`, `rootClosed{}`, `toolsChanged{"added":["가"]}`}
	if !errors.Is(err, client.ErrLost) || !cmp.Equal(got, want) {
		t.Errorf("events = %v, %v", got, err)
	}
	got = nil
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Events(ctx, func(e client.Event) {
		got = append(got, e.Type)
		if len(got) == 2 {
			cancel()
		}
	}, "resourceUpdated", "toolsChanged")
	if !errors.Is(err, context.Canceled) || !cmp.Equal(got, []string{"resourceUpdated", "toolsChanged"}) {
		t.Errorf("events = %v, %v", got, err)
	}
	if text := *wanted.Load(); !strings.Contains(text, `{"types":["resourceUpdated","toolsChanged"]}`) {
		t.Errorf("asked for %s", text)
	}
}
