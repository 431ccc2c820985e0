package egress

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestOlderHTTP calls a server that speaks HTTP+SSE: as configured, and found out by trying. When its stream ends the session is
// opened again.
func TestOlderHTTP(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"told": "sse", "found": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newSDK()
			web := httptest.NewServer(sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return server }, nil))
			t.Cleanup(func() {
				web.CloseClientConnections()
				web.Close()
			})
			c := atURL("srv", web.URL)
			c.Type = kind
			p, e := newPool(t, c)
			for range 2 {
				if got := do(t, p, toolCall(t, legacy, "echo")); got == "" {
					t.Error("no echo")
				}
				now := p.Status()[0]
				if now.Transport != "sse" || now.Era != "legacy" {
					t.Errorf("status = %+v", now)
				}
				before := e.count("changed srv")
				web.CloseClientConnections()
				until(t, func() bool { return e.count("changed srv") > before }, func() any { return p.Status() })
			}
		})
	}
}

// TestSocket calls a server over a WebSocket that goes away after each call.
func TestSocket(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mcp"}})
		if err != nil {
			return
		}
		conversation(r.Context(), ws)
		_ = ws.Close(websocket.StatusServiceRestart, "")
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	c := atURL("srv", "ws"+web.URL[len("http"):])
	c.Type = "websocket"
	p, e := newPool(t, c)
	for n := range 3 {
		e.waitFor(t, "state srv ready", n+1)
		if got := do(t, p, toolCall(t, legacy, "echo")); got != "heard" {
			t.Errorf("echo = %q", got)
		}
		if now := p.Status()[0]; now.Transport != "websocket" {
			t.Errorf("status = %+v", now)
		}
	}
}

// conversation answers what a client says on a WebSocket, up to the first call of a tool.
func conversation(ctx context.Context, ws *websocket.Conn) {
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return
		}
		id := string(wire.Get(data, "id"))
		said := `"error":{"code":-32601,"message":"no such method"}`
		method, _ := wire.Unquote(wire.Get(data, "method"))
		switch method {
		case mcp.MethodInitialize:
			said = `"result":{"protocolVersion":"` + legacy + `","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`
		case mcp.MethodToolsCall:
			said = `"result":{"content":[{"type":"text","text":"heard"}]}`
		}
		if id != "" {
			_ = ws.Write(ctx, websocket.MessageText, []byte(`{"jsonrpc":"2.0","id":`+id+`,`+said+`}`))
		}
		if method == mcp.MethodToolsCall {
			return
		}
	}
}
