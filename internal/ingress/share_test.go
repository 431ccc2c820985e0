package ingress_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestSessionsPerCaller opens more sessions than one caller may have: it is told what to do, and others still get theirs.
func TestSessionsPerCaller(t *testing.T) {
	t.Parallel()
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100, MaxPerCaller: 2})
	t.Cleanup(sessions.Close)
	server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(doortest.Answer), Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`),
		BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		key    string
		status int
		says   string
	}{
		{"good", 200, "result"},
		{"good", 200, "result"},
		{"good", http.StatusServiceUnavailable, `"code":-32603,"message":"this caller has too many sessions; end some`},
		{"other", 200, "result"},
	} {
		resp := send(t, server.Listener.Addr().String(), "POST /mcp\nAuthorization: Bearer "+c.key+"\n\n"+
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s %v", c.key, resp.StatusCode, body, err)
		}
	}
}
