package http1

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// TestRequest looks at what is sent.
func TestRequest(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		buf := make([]byte, 64<<10)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			seen <- string(buf[:n])
			_, _ = io.WriteString(c, hello)
		}
	})
	c, at := client(t, l)
	req := newRequest(t, http.MethodPost, at+"?a=b%20c", []byte(`{"x":1}`))
	req.Header = http.Header{"X-A": {"1", "2"}, "Content-Length": {"99"}, "Host": {"elsewhere"}}
	if _, body, err := call(t, c, req); err != nil || body != "hello" {
		t.Fatalf("%q, %v", body, err)
	}
	want := "POST /mcp?a=b%20c HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nX-A: 1\r\nX-A: 2\r\nUser-Agent: " + userAgent +
		"\r\nContent-Length: 7\r\n\r\n" + `{"x":1}`
	if got := <-seen; got != want {
		t.Errorf("sent %q in one write, want %q", got, want)
	}
	_, _, err := call(t, c, newRequest(t, http.MethodDelete, at, nil))
	if got := <-seen; err != nil || strings.Contains(got, "Content-Length") {
		t.Errorf("sent %q, %v", got, err)
	}
}

// TestForged has a caller try to smuggle something into a request. Nothing of it may reach the server.
func TestForged(t *testing.T) {
	t.Parallel()
	c, at := client(t, answering(t, hello))
	for name, header := range map[string]http.Header{
		"line in a value": {"X": {"a\r\nY: b"}},
		"line in a name":  {"X: a\r\nY": {"b"}},
		"empty name":      {"": {"b"}},
		"NUL":             {"X": {"\x00"}},
	} {
		req := newRequest(t, http.MethodPost, at, []byte(`{}`))
		req.Header = header
		if _, _, err := call(t, c, req); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	req := newRequest(t, http.MethodPost, at, []byte(`{}`))
	req.Method = "GET / HTTP/1.1\r\n"
	if _, _, err := call(t, c, req); err == nil {
		t.Error("a line in the method: no error")
	}
}

// TestReuse makes calls one after another, and expects one connection for all where that is possible.
func TestReuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(n int, c net.Conn)
		want   int64 // connections for two calls
	}{
		"kept":        {func(_ int, c net.Conn) { _, _ = io.WriteString(c, hello) }, 1},
		"closed":      {func(_ int, c net.Conn) { _, _ = io.WriteString(c, hello); _ = c.Close() }, 2},
		"half closed": {func(_ int, c net.Conn) { _, _ = io.WriteString(c, hello); _ = c.(*net.TCPConn).CloseWrite() }, 2},
		"junk later": {func(_ int, c net.Conn) {
			_, _ = io.WriteString(c, hello)
			time.Sleep(10 * time.Millisecond)
			_, _ = io.WriteString(c, hello)
		}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serve(t, func(n int, c net.Conn, in *bufio.Reader) {
				for {
					if _, _, err := request(in); err != nil {
						return
					}
					tt.answer(n, c)
				}
			})
			c, at := client(t, l)
			for range 2 {
				if _, body, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`))); err != nil || body != "hello" {
					t.Fatalf("%q, %v", body, err)
				}
				time.Sleep(30 * time.Millisecond)
			}
			if got := l.conns.Load(); got != tt.want {
				t.Errorf("%d connections, want %d", got, tt.want)
			}
		})
	}
}

// TestRepeat has a server end a connection that was kept just when the next request comes. What may have been begun is not sent
// again; what can be sent twice is.
func TestRepeat(t *testing.T) {
	t.Parallel()
	for method, again := range map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodPost: false, http.MethodDelete: false} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var came atomic.Int64
			l := serve(t, func(n int, c net.Conn, in *bufio.Reader) {
				for first := true; ; first = false {
					if _, _, err := request(in); err != nil || n == 1 && !first {
						return
					}
					came.Add(1)
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
			c, at := client(t, l)
			var err error
			for range 2 {
				_, _, err = call(t, c, newRequest(t, method, at, nil))
			}
			if (err == nil) != again || again != (came.Load() == 2) {
				t.Errorf("error %v after %d answers, want it repeated: %t", err, came.Load(), again)
			}
		})
	}
}

// TestUnsent writes to a connection that the peer has reset: nothing of the request was sent, so any request is sent again.
func TestUnsent(t *testing.T) {
	t.Parallel()
	c, at := client(t, answering(t, hello))
	if _, _, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`))); err != nil {
		t.Fatal(err)
	}
	c.pool.mu.Lock()
	_ = c.pool.idle[0].raw.(*net.TCPConn).CloseWrite() // so that writing fails
	c.pool.mu.Unlock()
	if _, body, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`))); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestLarge sends large bodies to servers that read them, or answer without.
func TestLarge(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MB: more than the system buffers
	tests := map[string]struct {
		serve func(c net.Conn, in *bufio.Reader)
		want  string
		conns int64 // for two calls; 0 for one or two
	}{
		"read": {func(c net.Conn, in *bufio.Reader) {
			for {
				_, body, err := request(in)
				if err != nil {
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%8d", len(body))
			}
		}, "16777216", 1},
		"answered early": {func(c net.Conn, _ *bufio.Reader) {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
			time.Sleep(time.Second)
		}, "large", 2},
		"refused": {func(c net.Conn, in *bufio.Reader) {
			_, _ = io.ReadFull(in, make([]byte, 100))
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, io.LimitReader(in, 1<<20))
		}, "large", 2},
		"while reading": {func(c net.Conn, in *bufio.Reader) {
			for {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(large))
				_, _ = c.Write(large) // before the body is read
				_, _ = io.Copy(io.Discard, req.Body)
			}
		}, string(large), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) { tt.serve(c, in) })
			c, at := client(t, l)
			for range 2 {
				_, body, err := call(t, c, newRequest(t, http.MethodPost, at, large))
				if err != nil || body != tt.want {
					t.Fatalf("%d bytes, %v", len(body), err)
				}
			}
			if tt.conns != 0 && l.conns.Load() != tt.conns {
				t.Errorf("%d connections, want %d", l.conns.Load(), tt.conns)
			}
		})
	}
}

// TestCancel ends calls at each stage. They end at once with the cause, and leave nothing behind.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	why := errors.New("nobody waits any more")
	large := make([]byte, 16<<20)
	t.Run("all", func(t *testing.T) {
		for name, tt := range map[string]struct {
			answer string
			body   []byte
		}{
			"before the head": {"", []byte(`{}`)},
			"in the head":     {"HTTP/1.1 200 OK\r\nConte", []byte(`{}`)},
			"in the body":     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", []byte(`{}`)},
			"in the request":  {"", large},
			"in both":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", large},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
					_, _ = in.Peek(1)
					_, _ = io.WriteString(c, tt.answer)
					if len(tt.body) < 100 {
						_, _ = io.Copy(io.Discard, in)
					} else {
						<-gone
					}
				})
				defer close(gone)
				c, at := client(t, l)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(30*time.Millisecond, func() { cancel(why) })
				start := time.Now()
				_, _, err := call(t, c, newRequest(t, http.MethodPost, at, tt.body).WithContext(ctx))
				if !errors.Is(err, why) || time.Since(start) > 5*time.Second {
					t.Errorf("error %v after %s", err, time.Since(start))
				}
				if c.pool.count() != 0 {
					t.Error("the connection was kept")
				}
			})
		}
	})
	settled(t, before)
}

// TestClose closes answers that were not read to their end.
func TestClose(t *testing.T) {
	t.Parallel()
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	for name, tt := range map[string]struct {
		answer string
		kept   bool
	}{
		"all has come":      {hello, true},
		"all chunks":        {chunks + "0\r\n\r\n", true},
		"last chunk lacks":  {chunks, false},
		"part of the chunk": {chunks + "5\r\nhel0\r\n\r\n", false},
		"half has come":     {hello[:len(hello)-2], false},
		"open":              {"HTTP/1.1 200 OK\r\n\r\nhello", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
				_, _, _ = request(in)
				_, _ = io.WriteString(c, tt.answer)
				_, _ = in.ReadByte()
			})
			c, at := client(t, l)
			resp, err := c.RoundTrip(newRequest(t, http.MethodPost, at, []byte(`{}`)))
			if err != nil {
				t.Fatal(err)
			}
			one := make([]byte, 1)
			if _, err := resp.Body.Read(one); err != nil || one[0] != 'h' {
				t.Fatal(err)
			}
			start := time.Now()
			_ = resp.Body.Close()
			if kept := c.pool.count() == 1; kept != tt.kept || time.Since(start) > time.Second {
				t.Errorf("kept %t after %s, want %t at once", kept, time.Since(start), tt.kept)
			}
			if _, err := resp.Body.Read(one); !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("reading after Close: %v", err)
			}
		})
	}
}

// TestCloseWhileReading closes an answer under who reads it.
func TestCloseWhileReading(t *testing.T) {
	t.Parallel()
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		_, _, _ = request(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = in.ReadByte()
	})
	c, at := client(t, l)
	resp, err := c.RoundTrip(newRequest(t, http.MethodPost, at, []byte(`{}`)))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = resp.Body.Close() })
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("error = %v", err)
	}
}

// TestIdle looks at how long idle connections stay, and that nothing is left behind.
func TestIdle(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		l := answering(t, hello)
		c, at := client(t, l)
		c.pool.idleTimeout, c.pool.most = 50*time.Millisecond, 3
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() { _, _, _ = call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`))) })
		}
		work.Wait()
		if n := c.pool.count(); n == 0 || n > 3 {
			t.Errorf("%d idle connections, want at most 3", n)
		}
		for deadline := time.Now().Add(2 * time.Second); c.pool.count() > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("idle connections stay")
			}
		}
		if _, _, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`))); err != nil {
			t.Error(err)
		}
		if c.CloseIdleConnections(); c.pool.count() != 0 {
			t.Error("idle connections were not closed")
		}
	})
	settled(t, before)
}

// TestNobody dials where nobody listens.
func TestNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	c, at := client(t, l)
	_, _, err = call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`)))
	if e, ok := errors.AsType[*net.OpError](err); !ok || e.Op != "dial" {
		t.Errorf("error = %v, want that of dialling", err)
	}
}

// TestTLS speaks with servers that have HTTP/2, and that do not.
func TestTLS(t *testing.T) {
	t.Parallel()
	for name, proto := range map[string]string{"HTTP/1.1": "HTTP/1.1", "HTTP/2": "HTTP/2.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				_, _ = io.WriteString(w, r.Proto+" "+string(body))
			}))
			web.EnableHTTP2 = name == "HTTP/2"
			web.StartTLS()
			defer web.Close()
			other := web.Client().Transport.(*http.Transport).Clone()
			other.ForceAttemptHTTP2 = true
			u, _ := url.Parse(web.URL)
			c := New(u, other)
			defer c.CloseIdleConnections()
			for n := range 3 {
				_, body, err := call(t, c, newRequest(t, http.MethodPost, web.URL, []byte(`{}`)))
				if err != nil || body != proto+" {}" {
					t.Fatalf("call %d: %q, %v", n, body, err)
				}
			}
			if kept := c.pool.count() == 1; kept == web.EnableHTTP2 || c.http2.Load() != web.EnableHTTP2 {
				t.Errorf("connection of our own kept: %t, http2: %t", kept, c.http2.Load())
			}
			other.TLSClientConfig.RootCAs = nil
			_, _, err := call(t, New(u, &http.Transport{}), newRequest(t, http.MethodPost, web.URL, []byte(`{}`)))
			if e, ok := errors.AsType[*net.OpError](err); !ok || e.Op != "dial" || !errors.As(err, new(x509.UnknownAuthorityError)) {
				t.Errorf("an unknown authority: %v", err)
			}
		})
	}
}

// TestFallback looks at which requests go through net/http.
func TestFallback(t *testing.T) {
	t.Parallel()
	var through atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	other := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		through.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	for name, tt := range map[string]struct {
		change func(req *http.Request)
		ours   bool
	}{
		"plain":          {func(*http.Request) {}, true},
		"no body":        {func(req *http.Request) { req.Body, req.ContentLength = nil, 0 }, true},
		"close":          {func(req *http.Request) { req.Close = true }, true},
		"unknown length": {func(req *http.Request) { req.ContentLength = -1 }, false},
		"another host":   {func(req *http.Request) { req.Host = "example.com" }, false},
		"expect":         {func(req *http.Request) { req.Header.Set("Expect", "100-continue") }, false},
	} {
		c := New(u, other)
		req := newRequest(t, http.MethodPost, web.URL, []byte(`{}`))
		tt.change(req)
		if _, body, err := call(t, c, req); err != nil || body != "{}" && req.Body != nil {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		if ours := c.pool.count() == 1 || req.Close; ours != tt.ours {
			t.Errorf("%s: ours = %t", name, ours)
		}
		c.CloseIdleConnections()
	}
	proxied := New(u, &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:1") }})
	if proxied.own {
		t.Error("a request that needs a proxy would be ours")
	}
}

// TestMany makes calls from many goroutines, some of which give up.
func TestMany(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body[:len(body)/2])
			w.(http.Flusher).Flush()
			_, _ = w.Write(body[len(body)/2:])
		}))
		t.Cleanup(web.Close)
		u, _ := url.Parse(web.URL)
		c := New(u, &http.Transport{})
		t.Cleanup(c.CloseIdleConnections)
		var work sync.WaitGroup
		for g := range 16 {
			work.Go(func() {
				for n := range 100 {
					want := strings.Repeat(fmt.Sprintf("%d.%d ", g, n), 1+n*n)
					ctx, cancel := context.WithCancel(t.Context())
					if (g+n)%5 == 0 {
						time.AfterFunc(time.Duration(n)*10*time.Microsecond, cancel)
					}
					_, body, err := call(t, c, newRequest(t, http.MethodPost, web.URL, []byte(want)).WithContext(ctx))
					if err == nil && body != want || err != nil && ctx.Err() == nil {
						t.Errorf("call %d.%d: %d bytes of %d, %v", g, n, len(body), len(want), err)
					}
					cancel()
				}
			})
		}
		work.Wait()
	})
	settled(t, before)
}

func BenchmarkRoundTrip(b *testing.B) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	other := &http.Transport{MaxIdleConnsPerHost: 512}
	ours := New(u, other)
	defer ours.CloseIdleConnections()
	for name, rt := range map[string]http.RoundTripper{"ours": ours, "net/http": other} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, web.URL, strings.NewReader("{}"))
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}

// TestDetach lets an answer outlive the context of its request.
func TestDetach(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		_, _, _ = request(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		<-more
		_, _ = io.WriteString(c, "0\r\n\r\n")
		_, _ = in.ReadByte()
	})
	c, at := client(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.RoundTrip(newRequest(t, http.MethodPost, at, []byte(`{}`)).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := resp.Body.(*exchange)
	if _, err := io.ReadFull(body, make([]byte, 5)); err != nil || body.Ended() || !body.Detach() {
		t.Fatalf("error %v, ended %t, or not detached", err, body.Ended())
	}
	cancel()
	close(more)
	if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 || !body.Ended() || c.pool.count() != 1 {
		t.Errorf("rest %q, error %v, ended %t, %d connections kept", rest, err, body.Ended(), c.pool.count())
	}
	if _, _, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`)).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was cancelled before: %v", err)
	}
}
