package http1

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A peer is a server that others have written. It answers a POST with the body that came: to /sized with a Content-Length, to
// /chunked in chunks, to /close and then it closes the connection, and to /early before it has read the body, with status 413.
type peer struct {
	program string
	source  string // of what the program is started with, %s in it being the port
	file    string
	args    []string // the file's name is %s
}

var peers = map[string]peer{
	"node": {program: "node", file: "peer.js", args: []string{"%s"}, source: `
const http = require('http')
http.createServer((req, res) => {
  if (req.url === '/early') { res.writeHead(413, {'content-length': 5}); res.end('large'); return }
  const parts = []
  req.on('data', d => parts.push(d)).on('end', () => {
    const body = Buffer.concat(parts)
    if (req.url === '/sized') res.setHeader('content-length', body.length)
    if (req.url === '/close') res.setHeader('connection', 'close')
    if (req.url === '/chunked') { res.write(body.subarray(0, 3)); setTimeout(() => res.end(body.subarray(3)), 1); return }
    res.end(body)
  })
}).listen(%s, '127.0.0.1')
`},
	"python": {program: "python3", file: "peer.py", args: []string{"%s"}, source: `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass
    def do_POST(self):
        if self.path == '/early':
            self.send_response(413); self.send_header('Content-Length', '5'); self.send_header('Connection', 'close'); self.end_headers()
            self.wfile.write(b'large'); return
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        if self.path == '/sized': self.send_header('Content-Length', str(len(body)))
        if self.path == '/close': self.send_header('Connection', 'close')
        if self.path == '/chunked': self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        if self.path == '/chunked':
            for part in (body[:3], body[3:]):
                if part: self.wfile.write(b'%%x\r\n%%s\r\n' %% (len(part), part))
            self.wfile.write(b'0\r\n\r\n')
        else: self.wfile.write(body)
http.server.ThreadingHTTPServer(('127.0.0.1', %s), Handler).serve_forever()
`},
	"nginx": {program: "nginx", file: "nginx.conf", args: []string{"-p", ".", "-e", "stderr", "-c", "%s"}, source: `
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events {}
http {
  access_log off; client_max_body_size 200k; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; keepalive_timeout 5s;
  server {
    listen 127.0.0.1:%s;
    location / { proxy_pass http://ORIGIN; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /early { client_max_body_size 1; error_page 413 @large; }
    location @large { return 413 large; }
  }
}
`},
}

// start runs the peer and returns its address.
func (p peer) start(t *testing.T, origin string) string {
	t.Helper()
	if _, err := exec.LookPath(p.program); err != nil {
		t.Skipf("%s is not here: %v", p.program, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(at)
	dir := t.TempDir()
	file := filepath.Join(dir, p.file)
	if err := os.WriteFile(file, []byte(strings.Replace(fmt.Sprintf(p.source, port), "ORIGIN", origin, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := make([]string, len(p.args))
	for i, arg := range p.args {
		args[i] = strings.Replace(arg, "%s", file, 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, p.program, args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, &said, 5*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", at); err == nil {
			_ = c.Close()
			return at
		}
		if time.Now().After(deadline) {
			cancel()
			_ = cmd.Wait()
			t.Fatalf("%s does not listen: %s", p.program, said.Bytes())
		}
	}
}

// TestPeers speaks with servers that others have written: bodies of all sizes in each framing, from several goroutines at once.
func TestPeers(t *testing.T) {
	t.Parallel()
	echo := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			req, body, err := request(in)
			if err != nil {
				return
			}
			if req.URL.Path == "/chunked" {
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				continue
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := p.start(t, echo.Addr().String())
			u := &url.URL{Scheme: "http", Host: at}
			c := New(u, &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 4 * time.Second})
			defer c.CloseIdleConnections()
			var work sync.WaitGroup
			for range 4 {
				work.Go(func() {
					for n := range 12 {
						body := bytes.Repeat([]byte("x"), 1+n*n*n*100) // up to 133 KB
						for _, path := range []string{"/close", "/sized", "/chunked"} {
							converse(t, c, u.JoinPath(path).String(), body)
						}
					}
				})
			}
			work.Wait()
			if n := c.pool.count(); n == 0 || n > 4 {
				t.Errorf("%d idle connections after calls of 4 at once", n)
			}
			_, body, err := call(t, c, newRequest(t, http.MethodPost, u.JoinPath("early").String(), make([]byte, 150<<10)))
			if err != nil || body != "large" {
				t.Errorf("an early answer: %q, %v", body, err)
			}
		})
	}
}

// converse posts a body and expects it back.
func converse(t *testing.T, c *Transport, at string, body []byte) {
	t.Helper()
	resp, err := c.RoundTrip(newRequest(t, http.MethodPost, at, body))
	if err != nil {
		t.Errorf("%s with %d bytes: %v", at, len(body), err)
		return
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%s: %d bytes of %d came back, %v", at, len(got), len(body), err)
	}
}
