package client_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/client"
)

// raw serves the modern era byte by byte: f returns the result of a request.
func raw(t *testing.T, f func(method string, params json.RawMessage) string) string {
	t.Helper()
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result := `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{},"serverInfo":{"name":"raw","version":"1"}}`
		if q.Method != "server/discover" {
			result = f(q.Method, q.Params)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, result)
	}))
}

// TestRounds has a server ask for patience, ask too often, and ask too much at once.
func TestRounds(t *testing.T) {
	t.Parallel()
	questions := make([]string, 65)
	for i := range questions {
		questions[i] = fmt.Sprintf(`"q%d":{"method":"roots/list"}`, i)
	}
	var mu sync.Mutex
	rounds := map[string]int{}
	url := raw(t, func(_ string, params json.RawMessage) string {
		var p struct {
			Name           string
			RequestState   string
			InputResponses map[string]json.RawMessage
		}
		_ = json.Unmarshal(params, &p)
		mu.Lock()
		rounds[p.Name]++
		n := rounds[p.Name]
		mu.Unlock()
		switch {
		case p.Name == "patience" && p.RequestState != "2":
			return fmt.Sprintf(`{"resultType":"input_required","requestState":"%d"}`, n)
		case p.Name == "endless":
			return `{"resultType":"input_required","inputRequests":{"q":{"method":"roots/list"}}}`
		case p.Name == "flood":
			return `{"resultType":"input_required","inputRequests":{` + strings.Join(questions, ",") + `}}`
		case p.Name == "strange":
			return `{"resultType":"input_required","inputRequests":{"q":{"method":"no/such"}}}`
		}
		return `{"resultType":"complete","content":[{"type":"text","text":"done"}]}`
	})
	c := dial(t, url, client.WithRoots(func(context.Context) ([]client.Root, error) { return nil, nil }))
	if got, err := client.Call[string](t.Context(), c, "patience", nil); err != nil || got != "done" || rounds["patience"] != 3 {
		t.Errorf("patience = %q after %d rounds, %v", got, rounds["patience"], err)
	}
	for tool, want := range map[string]string{"endless": "more than 10 times", "flood": "more than 64 things", "strange": "does not answer no/such"} {
		if _, err := c.Call(t.Context(), tool, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v", tool, err)
		}
	}
	if rounds["endless"] != 10 || rounds["flood"] != 1 {
		t.Errorf("rounds = %v", rounds)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	mu.Lock()
	rounds["patience"] = -100
	mu.Unlock()
	if _, err := c.Call(ctx, "patience", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

// TestEndless lists what does not end.
func TestEndless(t *testing.T) {
	t.Parallel()
	n := 0
	c := dial(t, raw(t, func(_ string, _ json.RawMessage) string {
		n++
		return `{"resultType":"complete","tools":[{"name":"a"}],"nextCursor":"same"}`
	}))
	if _, err := c.Tools(t.Context()); err == nil || !strings.Contains(err.Error(), "does not end") || n != 2 {
		t.Errorf("error = %v after %d pages", err, n)
	}
}

// TestOdd reads answers that are not what they should be without harm.
func TestOdd(t *testing.T) {
	t.Parallel()
	c := dial(t, raw(t, func(method string, _ json.RawMessage) string {
		switch method {
		case "tools/list":
			return `{"tools":[{"name":1,"inputSchema":"x"},7,{"name":"b","n":1.10,"_meta":[]}]}`
		case "resources/read":
			return `{"contents":[{"uri":"a","blob":"not base64!"}]}`
		case "prompts/get":
			return `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","data":"AP8=","mimeType":"image/png"}]},{"content":3}]}`
		}
		return `{"content":[{"type":"resource","resource":{"uri":"a","text":"b"}},{"type":"audio","data":"AP8="}],"isError":"no"}`
	}))
	ctx := t.Context()
	tools, err := c.Tools(ctx)
	if err != nil || len(tools) != 3 || tools[2].Name != "b" || string(tools[2].Raw) != `{"name":"b","n":1.10,"_meta":[]}` || tools[1].Changed() {
		t.Errorf("tools = %+v, %v", tools, err)
	}
	read, err := c.Read(ctx, "a")
	if err != nil || read.Text() != "" || read.ETag() != "" || read.NotModified {
		t.Errorf("read = %+v, %v", read, err)
	}
	prompt, err := c.Render(ctx, "p", nil)
	if err != nil || prompt.Messages[0].Text() != "a" || !cmp.Equal(prompt.Messages[0].Content[1].Data, []byte{0, 255}) || prompt.Messages[1].Text() != "" {
		t.Errorf("prompt = %+v, %v", prompt, err)
	}
	result, err := c.Call(ctx, "t", nil)
	if err != nil || result.IsError || result.Content()[0].URI != "a" || result.Content()[0].Text != "b" || result.Text() != "" {
		t.Errorf("result = %+v, %v", result, err)
	}
}

// TestTLS believes the authorities that it is told to, and says who it is.
func TestTLS(t *testing.T) {
	t.Parallel()
	var told sync.Map
	s := newServer()
	s.AddReceivingMiddleware(func(next sdk.MethodHandler) sdk.MethodHandler {
		return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
			if info, ok := r.GetParams().GetMeta()["io.modelcontextprotocol/clientInfo"]; ok {
				told.Store(fmt.Sprint(info), true)
			}
			return next(ctx, method, r)
		}
	})
	web := httptest.NewTLSServer(sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	if c, err := client.Dial(t.Context(), web.URL, client.WithStartTimeout(5*time.Second)); err == nil {
		c.Close()
		t.Error("an authority that nobody knows is believed")
	}
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	c := dial(t, web.URL, client.WithTLSRoots(roots), client.WithName("mine", "3"))
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, ok := told.Load("map[name:mine version:3]"); !ok {
		t.Error("the server was not told who asks")
	}
}

// TestTooSlow ends events that nobody takes in time.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	s := newServer()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	c := dial(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Protocol-Version") != "" {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 1000 {
			_, _ = fmt.Fprint(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"mcp.event.rootClosed\",\"params\":{}}\n\n")
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})))
	wait := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() { close(wait) })
	if err := c.Events(t.Context(), func(client.Event) { <-wait }); !errors.Is(err, client.ErrTooSlow) {
		t.Errorf("error = %v", err)
	}
}
