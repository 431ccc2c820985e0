package ingress_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
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

// TestSlowBody sends bodies that never end, byte by byte: the door gives up in time, says so, and closes the connection.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	server := newHasty(t, 0)
	for name, c := range map[string]struct {
		length, key string
		status      int
	}{
		"known length": {"Content-Length: 4000", "good", http.StatusRequestTimeout},
		"chunks":       {"Transfer-Encoding: chunked", "good", http.StatusRequestTimeout},
		// One that is refused for another reason must not hold a connection either.
		"no key": {"Content-Length: 4000", "bad", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			start := time.Now()
			fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
				"Accept: application/json, text/event-stream\r\n%s\r\n\r\n", c.key, c.length)
			stop := make(chan struct{})
			defer close(stop)
			go drip(conn, strings.HasPrefix(c.length, "Transfer"), stop)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status || !strings.Contains(string(body), `"code":-32600`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if _, err := in.ReadByte(); err == nil {
				t.Error("the connection is still open")
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("that took %v", took)
			}
		})
	}
}

// drip sends a byte of a body now and then.
func drip(conn net.Conn, chunked bool, stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	piece := " "
	if chunked {
		piece = "1\r\n \r\n"
	}
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
		}
	}
}

// newHasty is a server with little patience for bodies, and for requests as a whole.
func newHasty(t *testing.T, whole time.Duration) *httptest.Server {
	t.Helper()
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	t.Cleanup(sessions.Close)
	server := httptest.NewUnstartedServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(slowly), Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`),
		BodyBytes: 4096, BodyTimeout: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}))
	server.Config.ReadTimeout = whole
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// slowly answers calls after longer than a body may take.
func slowly(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Refused == nil && call.Method == mcp.MethodToolsCall {
		select {
		case <-time.After(600 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return doortest.Answer(ctx, call, reply)
}

// TestSlowAnswer waits longer for an answer, and on a stream, than a client may take to send a body: what bounds the
// client does not bound the house.
func TestSlowAnswer(t *testing.T) {
	server := newHasty(t, 300*time.Millisecond)
	addr := server.Listener.Addr().String()
	hello := send(t, addr, "POST /mcp\n\n"+
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	defer hello.Body.Close()
	id := hello.Header.Get("Mcp-Session-Id")
	modern := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo-modern","_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	for name, request := range map[string]string{
		"legacy": "POST /mcp\nMcp-Session-Id: " + id + "\n\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}`,
		"modern": "POST /mcp\nMcp-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\nMcp-Name: echo-modern\n\n" + modern,
	} {
		resp := send(t, addr, request)
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"result"`) {
			t.Errorf("%s: %v %s", name, err, body)
		}
	}
	stream := send(t, addr, "GET /mcp\nMcp-Session-Id: "+id+"\n") //nolint:bodyclose // it never ends; its connection is closed with the test
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream.Body)
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Errorf("the stream ended: %v", err)
	case <-time.After(time.Second):
	}
}
