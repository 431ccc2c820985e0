package ingress_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// TestSlowBody sends bodies that never end, byte by byte: the door gives up in time, says so, and closes the connection.
func TestSlowBody(t *testing.T) {
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	t.Cleanup(sessions.Close)
	server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(answer), Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`),
		BodyBytes: 4096, BodyTimeout: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	for name, length := range map[string]string{"known length": "Content-Length: 4000", "chunks": "Transfer-Encoding: chunked"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			start := time.Now()
			fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n"+
				"Accept: application/json, text/event-stream\r\n%s\r\n\r\n", length)
			stop := make(chan struct{})
			defer close(stop)
			go drip(conn, strings.HasPrefix(length, "Transfer"), stop)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), `"code":-32600`) {
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
