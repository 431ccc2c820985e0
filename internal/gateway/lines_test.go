package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// eventsRevision is the one that has HTTP+SSE.
const eventsRevision = "2024-11-05"

// origin is the gate's address without a path.
func (g *gate) origin() string { return strings.TrimSuffix(g.url, "/mcp") }

// TestEventsThroughGate lets the official SDK speak HTTP+SSE to the gate, on the paths that hosts are configured with.
func TestEventsThroughGate(t *testing.T) {
	for name, modern := range map[string]bool{"legacy server": false, "modern server": true} {
		g := open(t, startPeer(t, modern).server("peer"))
		for _, path := range []string{"/mcp", "/sse"} {
			asked := make(chan string, 1)
			client := sdk.NewClient(&sdk.Implementation{Name: "c", Version: "1"}, &sdk.ClientOptions{
				ElicitationHandler: func(_ context.Context, r *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
					asked <- r.Params.Message
					return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}, nil
				},
			})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			s, err := client.Connect(ctx, &sdk.SSEClientTransport{Endpoint: g.origin() + path, HTTPClient: g.web}, nil)
			if err != nil {
				t.Fatal(name, path, err)
			}
			tools, err := s.ListTools(ctx, nil)
			if err != nil || len(tools.Tools) == 0 {
				t.Errorf("%s, %s: %v, %v", name, path, tools, err)
			}
			if _, err := s.CallTool(ctx, &sdk.CallToolParams{Name: "echo", Arguments: map[string]any{"text": "hello"}}); err != nil {
				t.Errorf("%s, %s: %v", name, path, err)
			}
			if r, err := s.CallTool(ctx, &sdk.CallToolParams{Name: "elicit"}); err != nil || r.IsError || len(asked) != 1 {
				t.Errorf("%s, %s: asked %d times, %+v, %v", name, path, len(asked), r, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s, %s: closing: %v", name, path, err)
			}
		}
	}
}

// TestSocketThroughGate speaks both eras on a WebSocket, and is on record as such.
func TestSocketThroughGate(t *testing.T) {
	g := open(t, startPeer(t, false).server("peer"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{HTTPClient: g.web, Subprotocols: []string{"mcp"}}) //nolint:bodyclose // nothing to close (websocket.Dial)
	if err != nil {
		t.Fatal(err, resp)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for _, c := range []struct{ send, want string }{
		{
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{` +
				`"io.modelcontextprotocol/protocolVersion":"` + modernRevision + `","io.modelcontextprotocol/clientCapabilities":{}}}}`, `"resultType":"complete"`,
		},
		{
			`{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":"` + legacyRevision + `","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`,
			`"protocolVersion":"` + legacyRevision + `"`,
		},
		{`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{}}}`, `"id":3`},
	} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(c.send)); err != nil {
			t.Fatal(err)
		}
		_, data, err := conn.Read(ctx)
		if err != nil || !strings.Contains(string(data), c.want) || strings.Contains(string(data), `"error"`) {
			t.Errorf("%s\n got %s, %v", c.send, data, err)
		}
	}
	go g.stop() // the client is told
	_, _, err = conn.Read(ctx)
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("closed with %v", err)
	}
	record := strings.Join(g.records(t), "\n")
	if strings.Count(record, `"transport":"websocket"`) < 3 {
		t.Error(record)
	}
}

// TestForeignLines asks for lines as a page of another origin, under another Host, or without a key.
func TestForeignLines(t *testing.T) {
	cfg := configured(t)
	cfg.Anonymous = false
	g := openWith(t, cfg)
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Origin", "https://evil.example", http.StatusForbidden},
		{"Host", "evil.example", http.StatusForbidden},
		{"Authorization", "Bearer wrong", http.StatusUnauthorized},
		{"Mcp-Protocol-Version", modernRevision, http.StatusUnauthorized},
	} {
		for _, path := range []string{"/mcp", "/sse"} {
			for _, upgrade := range []bool{true, false} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+path, nil)
				req.Header.Set("Accept", "text/event-stream")
				if upgrade {
					for name, value := range map[string]string{
						"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
					} {
						req.Header.Set(name, value)
					}
				}
				req.Header.Set(c.header, c.value)
				if c.header == "Host" {
					req.Host = c.value
				}
				resp, err := g.web.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != c.status || !strings.Contains(string(body), `"error"`) {
					t.Errorf("%s: %s, %s, upgrade %v: %d %s", c.header, c.value, path, upgrade, resp.StatusCode, body)
				}
			}
		}
	}
}

// TestEventsOfGate looks at the bytes: where messages are to go, that they are accepted, and when a session is over.
func TestEventsOfGate(t *testing.T) {
	g := open(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, g.origin()+"/sse", nil)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := g.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	line := func() string {
		s, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(s, "\n")
	}
	if got := line(); got != "event: endpoint" {
		t.Fatal(got)
	}
	endpoint := strings.TrimPrefix(line(), "data: ")
	line()
	post := func(path, media, body string) int {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, g.origin()+path, strings.NewReader(body))
		req.Header.Set("Content-Type", media)
		resp, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, c := range []struct {
		path, media, body string
		status            int
	}{
		{endpoint, "text/plain", ping, http.StatusUnsupportedMediaType},
		{endpoint + "x", "application/json", ping, http.StatusNotFound},
		{"/messages", "application/json", ping, http.StatusNotFound},
		{
			endpoint, "application/json",
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + eventsRevision + `","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`, http.StatusAccepted,
		},
	} {
		if got := post(c.path, c.media, c.body); got != c.status {
			t.Errorf("%s %s: %d, want %d", c.path, c.media, got, c.status)
		}
	}
	if got := line(); got != "event: message" {
		t.Error(got)
	}
	if got := line(); !strings.Contains(got, `"protocolVersion":"`+eventsRevision+`"`) {
		t.Error(got)
	}
	leave()
	eventually(t, "the session is over", func() bool { return post(endpoint, "application/json", ping) == http.StatusNotFound })
}

// TestRetryNotBegun brings answers to a parked call on a line under an id that is in use: the token is used up, so the call ends.
func TestRetryNotBegun(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{HTTPClient: g.web}) //nolint:bodyclose // nothing to close (websocket.Dial)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	say := func(id int, params string) {
		meta := `,"_meta":{"` + metaPrefix + `protocolVersion":"` + modernRevision + `","` + metaPrefix + `clientCapabilities":` + everything + `}}`
		message := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, id, strings.TrimSuffix(params, "}")+meta)
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() string {
		_, data, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	say(1, `{"name":"forever","arguments":{}}`)
	eventually(t, "a call is under way", func() bool { return p.count("tools/call") == 1 })
	say(2, `{"name":"elicit","arguments":{}}`)
	q := pendingOf(t, hear())
	say(1, q.retry("elicit", `{"action":"accept"}`))
	if code, says := fault(hear()); code != -32600 {
		t.Errorf("an id that is in use: %d %s", code, says)
	}
	eventually(t, "the server hears that the parked call is over", func() bool { return p.count("notifications/cancelled") == 1 })
}

// TestWhoTakesAnything has a GET that takes anything answered at once at the endpoint, where a client of HTTP+SSE would get its stream.
func TestWhoTakesAnything(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, c := range []struct {
		path, accept string
		status       int
	}{
		{"/mcp", "*/*", http.StatusMethodNotAllowed},
		{"/mcp", "text/html, */*;q=0.8", http.StatusMethodNotAllowed},
		{"/mcp", "Text/Event-Stream", http.StatusOK},
		{"/sse", "*/*", http.StatusOK},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, g.origin()+c.path, nil)
		req.Header.Set("Accept", c.accept)
		resp, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.status {
			t.Errorf("%s, %s: %d, want %d", c.path, c.accept, resp.StatusCode, c.status)
		}
		cancel()
		resp.Body.Close()
	}
}
