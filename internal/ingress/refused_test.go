package ingress_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestTooMuch tells each kind of clients, in its own way, that it has used up its limits and when to come again, and names no session
// that was not opened.
func TestTooMuch(t *testing.T) {
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	t.Cleanup(sessions.Close)
	server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error {
			return &mcp.Error{Code: mcp.CodeInternal, Reason: mcp.RateLimited, Message: "too many", Data: []byte(`{"reason":"rate-limited","retryAfterMs":1001}`)}
		}),
		Authenticate: authenticate, Sessions: sessions, BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	for name, tt := range map[string]struct {
		head, body string
		status     int
		after      string
	}{
		"modern":     {"Mcp-Protocol-Version: 2026-07-28\nMcp-Method: server/discover\n", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, 429, "2"},
		"dialect":    {"", `{"jsonrpc":"2.0","id":1,"method":"mcp.tool.list"}`, 429, "2"},
		"initialize": {"", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`, 200, ""},
	} {
		answer := send(t, server.Listener.Addr().String(), "POST /mcp\n"+tt.head+"\n"+tt.body)
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if h := answer.Header; answer.StatusCode != tt.status || h.Get("Retry-After") != tt.after || h.Get("Mcp-Session-Id") != "" || !strings.Contains(string(body), `"retryAfterMs":1001`) {
			t.Errorf("%s: %d, %v, %s", name, answer.StatusCode, h, body)
		}
	}
}

// TestNobodyKnows tells a client whose key cannot be judged that it is not its fault, and when to come again.
func TestNobodyKnows(t *testing.T) {
	server := newServer(t)
	answer := send(t, server.Listener.Addr().String(), "POST /mcp\nAuthorization: Bearer unsure\n\n{}")
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "2" || answer.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d, %v", answer.StatusCode, answer.Header)
	}
	if !strings.Contains(string(body), `"reason":"unavailable"`) {
		t.Errorf("the reason is not told: %s", body)
	}
}
