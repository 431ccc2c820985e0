package http1

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestDo makes requests whose bodies lie in memory, over our connections and through net/http.
func TestDo(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "" || r.URL.Path == "/" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		w.Header()["X-Seen"] = slices.Concat(r.Header["X-A"], r.Header["X-B"])
		w.Header().Set("X-Proto", r.Proto)
		_, _ = w.Write(body)
	}
	plain := httptest.NewServer(http.HandlerFunc(echo))
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	for _, web := range []*httptest.Server{plain, secure} {
		other := web.Client().Transport.(*http.Transport).Clone()
		other.ForceAttemptHTTP2 = true
		u, _ := url.Parse(web.URL)
		c := New(u, other)
		defer c.CloseIdleConnections()
		shared := http.Header{"X-A": {"1", "2"}, "X-B": {"3"}}
		for _, size := range []int{0, 10, 10, 20 << 10, 1 << 20} {
			r := &Request{Method: http.MethodPost, URL: u, Header: shared, More: []Field{{"X-B", "4"}, {"X-B", "5"}}, Body: bytes.Repeat([]byte("x"), size)}
			resp, err := c.Do(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if seen := strings.Join(resp.Header["X-Seen"], " "); err != nil || !bytes.Equal(body, r.Body) || seen != "1 2 4 5" {
				t.Errorf("%d bytes over %s: %d bytes, %v; the server saw %q", size, resp.Header.Get("X-Proto"), len(body), err, seen)
			}
			if !r.Free() {
				t.Errorf("%d bytes over %s: the body is still read", size, resp.Header.Get("X-Proto"))
			}
		}
		if len(shared["X-B"]) != 1 {
			t.Errorf("the shared header was changed: %v", shared)
		}
	}
}

// TestDoEarly has a server answer before it has read a large body, which is still on its way then.
func TestDoEarly(t *testing.T) {
	t.Parallel()
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
		_, _ = in.ReadByte()
		_, _ = io.Copy(io.Discard, c)
	})
	c, at := client(t, l)
	u, _ := url.Parse(at)
	r := &Request{Method: http.MethodPost, URL: u, Body: make([]byte, 64<<20)}
	resp, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !r.Free() {
		t.Error("the body is read after the answer was closed")
	}
	forged := &Request{Method: http.MethodPost, URL: u, More: []Field{{"X", "a\r\nY: b"}}}
	if resp, err = c.Do(t.Context(), forged); err == nil {
		_ = resp.Body.Close()
		t.Error("a line in a value: no error")
	}
}

// TestRedirectNowhere has a server redirect without saying where: the request is made once, and the answer is that.
func TestRedirectNowhere(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, _, err := request(in); err != nil {
				return
			}
			requests.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c, at := client(t, l)
	u, _ := url.Parse(at)
	resp, err := c.Do(t.Context(), &Request{Method: http.MethodPost, URL: u, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if n := requests.Load(); n != 1 || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%d requests, status %d", n, resp.StatusCode)
	}
}

// TestCloseWhileRead closes a body while net/http may read it, as it does with a request that is given up over HTTP/2: what is free
// after that is read no more.
func TestCloseWhileRead(t *testing.T) {
	t.Parallel()
	for range 200 {
		m := &message{bytes: bytes.Repeat([]byte("x"), 64<<10)}
		body, _ := m.body()
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, io.LimitReader(body, int64(len(m.bytes)))) })
		_ = body.Close()
		if m.open.Load() != 0 {
			t.Fatal("the message is not free")
		}
		copy(m.bytes, "another") // which the race detector minds while anybody reads
		reading.Wait()
		_ = body.Close()
		if n, err := body.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatalf("read %d bytes of a closed body, %v", n, err)
		}
	}
}
