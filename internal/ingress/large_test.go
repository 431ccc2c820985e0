package ingress_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestLargeOwnResult answers with results of the house's own, below and above the size from which they are not copied.
// Both come whole, with their length and the client's id, and are not changed.
func TestLargeOwnResult(t *testing.T) {
	for _, size := range []int{100, 5000, 500_000} {
		value := `{"tools":[],"padding":"` + strings.Repeat("x", size) + `"}`
		shared := []byte(value)
		sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
		t.Cleanup(sessions.Close)
		server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
			Handler: mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
				return reply.Done(ctx, mcp.Own(shared))
			}),
			Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`), BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
		}))
		t.Cleanup(server.Close)
		for era, request := range map[string]string{
			"legacy": "POST /mcp\n\n" + `{"jsonrpc":"2.0","id":"a","method":"tools/list"}`,
			"modern": "POST /mcp\nMcp-Protocol-Version: 2026-07-28\nMcp-Method: tools/list\n\n" +
				`{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"_meta":{` +
				`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		} {
			resp := send(t, server.Listener.Addr().String(), request)
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := `{"jsonrpc":"2.0","id":"a","result":` + value + `}`
			if err != nil || string(body) != want || resp.ContentLength != int64(len(want)) {
				t.Errorf("%s, %d bytes: %d of %d bytes, Content-Length %d, %v", era, size, len(body), len(want), resp.ContentLength, err)
			}
		}
		if string(shared) != value {
			t.Errorf("the shared result of %d bytes was changed", size)
		}
	}
}
