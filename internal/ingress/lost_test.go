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

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestLostNotices ends the stream of a client that was too slow. It comes back for the rest, and is told that there is a gap; then it
// listens anew.
func TestLostNotices(t *testing.T) {
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	t.Cleanup(sessions.Close)
	slow := true
	server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
			if call.Refused != nil || call.Method != mcp.MethodListen {
				return doortest.Answer(ctx, call, reply)
			}
			if err := doortest.Notify(ctx, reply, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`); err != nil || !slow {
				return err
			}
			slow = false
			return &notice.LostError{N: 3}
		}),
		Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`), BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	hello := send(t, addr, "POST /mcp\n\n"+
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	defer hello.Body.Close()
	get := "GET /mcp\nMcp-Session-Id: " + hello.Header.Get("Mcp-Session-Id") + "\n"
	for _, step := range []struct {
		header string
		status int
		says   string
	}{
		{"", http.StatusOK, "id: 1-1\n"},
		{"Last-Event-ID: 1-1\n", http.StatusNotFound, "this stream is not kept any longer"},
		{"", http.StatusOK, "list_changed"},
	} {
		answer := send(t, addr, get+step.header)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != step.status || !strings.Contains(string(body), step.says) {
			t.Errorf("%q: %d %q, %v; want %d and %q", step.header, answer.StatusCode, body, err, step.status, step.says)
		}
	}
}
