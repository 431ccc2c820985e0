package ingress_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestRefusedBody sends a large body to the end before it reads, as many clients do, to a door that refuses it: the
// answer comes all the same, and the connection goes on.
func TestRefusedBody(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	body := bytes.Repeat([]byte(" "), size)
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"too large":    {"", http.StatusRequestEntityTooLarge},
		"no key":       {"Authorization: Bearer bad\r\n", http.StatusUnauthorized},
		"content type": {"Content-Type: text/plain\r\n", http.StatusUnsupportedMediaType},
		"accept":       {"Accept: text/html\r\n", http.StatusNotAcceptable},
		"origin":       {"Origin: https://evil.example\r\n", http.StatusForbidden},
	} {
		for framing, sent := range map[string][]byte{
			fmt.Sprintf("Content-Length: %d\r\n", size): body,
			"Transfer-Encoding: chunked\r\n":            fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", size, body),
		} {
			t.Run(name+" "+framing[:7], func(t *testing.T) {
				t.Parallel()
				conn := dial(t, newServer(t))
				head := "POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + framing + c.header
				for _, line := range []string{"Authorization: Bearer good", "Content-Type: application/json", "Accept: application/json, text/event-stream"} {
					if field, _, _ := strings.Cut(line, ":"); !strings.Contains(head, "\n"+field) {
						head += line + "\r\n"
					}
				}
				if _, err := conn.Write(append([]byte(head+"\r\n"), sent...)); err != nil {
					t.Fatal("sending the body: ", err)
				}
				in := bufio.NewReader(conn)
				if got := status(t, in); got != c.status {
					t.Errorf("status %d, want %d", got, c.status)
				}
				// The same connection serves the next request.
				fmt.Fprint(conn, "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n\r\n")
				if got := status(t, in); got != http.StatusMethodNotAllowed {
					t.Errorf("the next request: status %d", got)
				}
			})
		}
	}
}

// TestRefusedEndlessBody never stops sending: the door answers, and closes the connection.
func TestRefusedEndlessBody(t *testing.T) {
	t.Parallel()
	conn := dial(t, newServer(t))
	fmt.Fprint(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bad\r\nContent-Length: 1000000000000\r\n\r\n")
	flood := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(conn, endless{})
		flood <- n
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || !resp.Close {
		t.Errorf("status %d, close %v", resp.StatusCode, resp.Close)
	}
	if n := <-flood; n > 64<<20 {
		t.Errorf("%d MiB were taken", n>>20)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestExpectContinue asks first whether it may send: the door says no, and takes nothing.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	conn := dial(t, newServer(t))
	fmt.Fprint(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bad\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
	start := time.Now()
	if got := status(t, bufio.NewReader(conn)); got != http.StatusUnauthorized || time.Since(start) > 5*time.Second {
		t.Errorf("status %d after %v", got, time.Since(start))
	}
}

// TestRefusedOverHTTP2 refuses a large body on one of several streams: the connection, which they share, goes on.
func TestRefusedOverHTTP2(t *testing.T) {
	t.Parallel()
	plain := newServer(t)
	server := httptest.NewUnstartedServer(plain.Config.Handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	var dialled atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !c.Reused {
			dialled.Add(1)
		}
	}})
	for range 3 {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/mcp", bytes.NewReader(make([]byte, 5<<20)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{
			"Authorization": {"Bearer good"}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		}
		resp, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusRequestEntityTooLarge || resp.Header.Get("Connection") != "" {
			t.Errorf("%s %s %q", resp.Proto, resp.Status, resp.Header.Get("Connection"))
		}
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// status reads an answer and returns its status.
func status(t *testing.T, in *bufio.Reader) int {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal("reading the answer: ", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal("reading the answer: ", err)
	}
	return resp.StatusCode
}
