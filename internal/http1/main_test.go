package http1

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A raw is a server that does with each connection what the test says. It counts connections.
type raw struct {
	net.Listener
	conns atomic.Int64
}

// serve starts a raw server, which ends with the test. Serve is told which connection it has, from 1 on.
func serve(t *testing.T, serve func(n int, c net.Conn, in *bufio.Reader)) *raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{Listener: l}
	var work sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			n := int(r.conns.Add(1))
			work.Go(func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	return r
}

// request reads a request and returns its body.
func request(in *bufio.Reader) (*http.Request, []byte, error) {
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(req.Body)
	return req, body, err
}

// answering is a server that answers each request with the same bytes.
func answering(t *testing.T, answer string) *raw {
	t.Helper()
	return serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, _, err := request(in); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
			if !strings.Contains(answer, "Content-Length") && !strings.Contains(answer, "chunked") && !strings.Contains(answer, " 204 ") {
				return
			}
		}
	})
}

// client returns a Transport for the server, and a URL on it.
func client(t *testing.T, l net.Listener) (*Transport, string) {
	t.Helper()
	at := "http://" + l.Addr().String()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	c := New(u, &http.Transport{IdleConnTimeout: 4 * time.Second, DisableCompression: true})
	t.Cleanup(c.CloseIdleConnections)
	return c, at + "/mcp"
}

func newRequest(t *testing.T, method, at string, body []byte) *http.Request {
	t.Helper()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, at, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// call makes a request and returns the body of the answer, and its trailer.
func call(t *testing.T, rt http.RoundTripper, req *http.Request) (trailer http.Header, body string, err error) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.Trailer, string(all), err
}

// count returns how many connections are idle.
func (p *pool) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 64<<10)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
