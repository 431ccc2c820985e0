package ingress

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestLongCall lets calls take longer than a proxy waits for: the answer becomes a stream that says so, and then what it
// would have been.
func TestLongCall(t *testing.T) {
	release := make(chan struct{})
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 10})
	defer sessions.Close()
	door := NewHTTP(HTTPOptions{
		Handler: mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
			switch {
			case call.Refused != nil:
				return call.Refused
			case call.Method == mcp.MethodToolsCall:
				<-release
			}
			return reply.Done(ctx, mcp.Own([]byte(`{}`)))
		}),
		Authenticate: func(*http.Request) (*mcp.Caller, *mcp.Error) { return &mcp.Caller{ID: "c"}, nil },
		Sessions:     sessions, BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	})
	web := httptest.NewServer(door)
	defer web.Close()
	post := func(body string, header ...string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return nil
		}
		return resp
	}
	hello := post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`)
	hello.Body.Close()
	const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}`
	for name, c := range map[string]struct {
		body   string
		header []string
		want   string
	}{
		"modern": {
			`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
			[]string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "x"},
			": keep-alive",
		},
		"legacy":      {call, []string{"Mcp-Session-Id", hello.Header.Get("Mcp-Session-Id")}, "id: "},
		"sessionless": {call, nil, ": keep-alive"},
		"array":       {"[" + call + "]", nil, ": keep-alive"},
	} {
		answer := make(chan *http.Response)
		go func() { answer <- post(c.body, c.header...) }() //nolint:bodyclose // closed below
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			door.vigil.mu.Lock()
			waiting := door.vigil.first != nil
			door.vigil.mu.Unlock()
			if waiting {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody waits")
			}
		}
		for range patience + 1 {
			door.vigil.look()
		}
		resp := <-answer
		if resp == nil {
			return
		}
		in := bufio.NewReader(resp.Body)
		first, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(first, c.want) {
			t.Errorf("%s: first comes %q, %v", name, first, err)
		}
		release <- struct{}{}
		rest, err := io.ReadAll(in)
		resp.Body.Close()
		if all := first + string(rest); err != nil || !strings.Contains(all, ": keep-alive\n") || !strings.HasSuffix(all, `data: {"jsonrpc":"2.0","id":7,"result":{}}`+"\n\n") {
			t.Errorf("%s: %q, %v", name, all, err)
		}
	}
}
