package line_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/line"
)

// TestErrorsKeepAddresses wants errors without the addresses of servers, which may hold keys and name sessions: clients are told of
// errors.
func TestErrorsKeepAddresses(t *testing.T) {
	const secret = "s3cr3t"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	options := func(scheme string) line.Options {
		u, err := url.Parse(scheme + "://" + closed + "/mcp?key=" + secret)
		if err != nil {
			t.Fatal(err)
		}
		return line.Options{URL: u, RoundTripper: http.DefaultTransport, MaxMessage: 1 << 20}
	}
	check := func(what string, err error) {
		t.Helper()
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = line.DialEvents(t.Context(), options("http"))
	check("events", err)
	_, err = line.DialSocket(t.Context(), options("ws"))
	check("socket", err)
	for name, endpoint := range map[string]string{"a message": "/messages?session=" + secret, "an endpoint": "http://[" + secret} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_ = conn.Close()
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, fmt.Sprintf("event: endpoint\ndata: %s\n\n", endpoint))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		u, _ := url.Parse(web.URL)
		ctx, cancel := context.WithCancel(t.Context())
		e, err := line.DialEvents(ctx, line.Options{URL: u, RoundTripper: http.DefaultTransport, MaxMessage: 1 << 20})
		if err == nil {
			err = e.Post(ctx, []byte("{}"), nil)
			e.Close()
		}
		check(name, err)
		cancel()
		web.CloseClientConnections()
		web.Close()
	}
}
