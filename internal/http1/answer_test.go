package http1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestAnswers has a server answer in many ways, right and wrong.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	many := strings.Repeat("X: y\r\n", mostFields)
	tests := map[string]struct {
		answer string
		want   string // the body, or what the error says
		kept   bool   // the connection can be used again
	}{
		"sized":             {ok + "Content-Length: 5\r\n\r\nhello", "hello", true},
		"lower case":        {ok + "content-length: 5\r\nConnection: Keep-Alive\r\n\r\nhello", "hello", true},
		"bare line feeds":   {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello", true},
		"no reason":         {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		"empty":             {ok + "Content-Length: 0\r\n\r\n", "", true},
		"no content":        {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
		"same length twice": {ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", true},
		"chunked":           {ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello", true},
		"trailer":           {ok + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n", "hello", true},
		"to the end":        {ok + "\r\nhello", "hello", false},
		"close":             {ok + "Content-Length: 5\r\nConnection: x, Close\r\n\r\nhello", "hello", false},
		"old":               {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
		"old, kept":         {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", "hello", true},
		"junk behind":       {ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n", "hello", false},
		"interim":           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "hello", true},
		"many fields":       {ok + many[:len(many)-6] + "Content-Length: 5\r\n\r\nhello", "hello", true},

		"too many fields":     {ok + many + "Content-Length: 5\r\n\r\nhello", "larger than", false},
		"large head":          {ok + "X: " + strings.Repeat("y", mostHead) + "\r\nContent-Length: 5\r\n\r\nhello", "larger than", false},
		"interim for ever":    {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20) + "Content-Length", "interim", false},
		"switched":            {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n", "another protocol", false},
		"not HTTP":            {"SSH-2.0-OpenSSH\r\nContent-Length: 5\r\n\r\n", "malformed status line", false},
		"another version":     {"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "malformed status line", false},
		"short code":          {"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello", "malformed status line", false},
		"long code":           {"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", "malformed status line", false},
		"folded":              {ok + "X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", "malformed header", false},
		"space before colon":  {ok + "Content-Length : 5\r\n\r\nhello", "malformed header", false},
		"no colon":            {ok + "Content-Length\r\nContent-Length: 5\r\n\r\nhello", "malformed header", false},
		"no name":             {ok + ": x\r\nContent-Length: 5\r\n\r\nhello", "malformed header", false},
		"NUL":                 {ok + "X: a\x00b\r\nContent-Length: 5\r\n\r\nhello", "malformed header", false},
		"bare CR":             {ok + "X: a\rContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello", "malformed header", false},
		"two lengths":         {ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "contradicting", false},
		"list of lengths":     {ok + "Content-Length: 5, 5\r\n\r\nhello", "malformed Content-Length", false},
		"signed length":       {ok + "Content-Length: +5\r\n\r\nhello", "malformed Content-Length", false},
		"negative length":     {ok + "Content-Length: -5\r\n\r\nhello", "malformed Content-Length", false},
		"huge length":         {ok + "Content-Length: 9223372036854775808\r\n\r\nhello", "malformed Content-Length", false},
		"length and chunks":   {ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding has", false},
		"gzip":                {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "unsupported Transfer-Encoding", false},
		"chunked twice":       {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "unsupported Transfer-Encoding", false},
		"old and chunked":     {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding has", false},
		"wrong chunk":         {ok + "Transfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n", "chunk", false},
		"length in a trailer": {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n", "malformed trailer", false},
		"large trailer": {
			ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: " + strings.Repeat("y", mostHead) + "\r\n\r\n",
			"larger than", false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, at := client(t, answering(t, tt.answer))
			trailer, body, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`)))
			got := body
			if err != nil {
				got = err.Error()
			}
			if err != nil && !strings.Contains(got, tt.want) || err == nil && got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			if kept := c.pool.count() == 1; kept != tt.kept {
				t.Errorf("connection kept = %t, want %t", kept, tt.kept)
			}
			if name == "trailer" && trailer.Get("X-Sum") != "7" {
				t.Errorf("trailer = %v", trailer)
			}
		})
	}
}

// TestBrokenOff has the server end the connection at each byte of an answer, and expects an error each time.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"sized":   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serve(t, func(n int, c net.Conn, in *bufio.Reader) {
				if _, _, err := request(in); err == nil {
					_, _ = io.WriteString(c, answer[:n-1])
				}
			})
			c, at := client(t, l)
			for n := range answer {
				_, body, err := call(t, c, newRequest(t, http.MethodPost, at, []byte(`{}`)))
				if err == nil || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
					t.Errorf("after %d bytes: body %q, error %v", n, body, err)
				}
			}
			if n := c.pool.count(); n != 0 {
				t.Errorf("%d connections kept", n)
			}
		})
	}
}

// TestSlowAnswer sends an answer byte by byte.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	l := serve(t, func(_ int, c net.Conn, in *bufio.Reader) {
		_, _, _ = request(in)
		for _, b := range []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n") {
			_, _ = c.Write([]byte{b})
			time.Sleep(100 * time.Microsecond)
		}
		_, _ = in.ReadByte()
	})
	c, at := client(t, l)
	trailer, body, err := call(t, c, newRequest(t, http.MethodGet, at, nil))
	if err != nil || body != "hello" || trailer.Get("A") != "b" || c.pool.count() != 1 {
		t.Errorf("body %q, error %v, %d connections kept", body, err, c.pool.count())
	}
}

// FuzzAnswer reads bytes as an answer here and in net/http. What is accepted here is accepted there too, and means the same.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 404 Not Found\nx: y\nX:  z \n\nrest",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add([]byte(seed), http.MethodPost)
		f.Add([]byte(seed), http.MethodHead)
	}
	f.Fuzz(func(t *testing.T, answer []byte, method string) {
		if method != http.MethodHead {
			method = http.MethodPost
		}
		req := &http.Request{Method: method}
		ours, err := readAnswer(req, answer)
		if err != nil {
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), req)
		if err != nil {
			t.Fatalf("accepted what net/http refuses: %v", err)
		}
		defer theirs.Body.Close()
		body, err := io.ReadAll(theirs.Body)
		want := seen{theirs.StatusCode, theirs.Header, string(body), err != nil}
		if diff := cmp.Diff(want.plain(), ours.plain()); diff != "" {
			t.Errorf("net/http reads another answer (-theirs +ours):\n%s", diff)
		}
	})
}

// A seen is what a reader makes of an answer.
type seen struct {
	code   int
	header http.Header
	body   string
	broken bool
}

// plain returns what two readers must agree on.
func (s seen) plain() []any {
	header := maps.Clone(s.header)
	for _, name := range []string{"Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Cache-Control"} { // which net/http takes out, or adds
		delete(header, name)
	}
	body := s.body
	if s.broken {
		body = ""
	}
	names := slices.Sorted(maps.Keys(header))
	all := []any{s.code, body, s.broken, names}
	for _, name := range names {
		all = append(all, header[name])
	}
	return all
}

// readAnswer reads an answer as an exchange does.
func readAnswer(req *http.Request, answer []byte) (seen, error) {
	near, far := net.Pipe()
	_ = far.Close()
	c := newConn(&pool{}, near, near)
	c.in.Reset(bytes.NewReader(answer))
	x := newExchange(context.Background(), asked{method: req.Method, req: req}, c)
	if err := x.receive(); err != nil {
		return seen{}, err
	}
	if bytes.HasPrefix(answer, []byte("HTTP/1.1 1")) || bytes.HasPrefix(answer, []byte("HTTP/1.0 1")) {
		return seen{}, io.EOF // ReadResponse returns the interim answer
	}
	x.keep = false
	var body bytes.Buffer
	var err error
	if x.framed != sized || x.left > 0 {
		_, err = body.ReadFrom(x)
	}
	return seen{x.resp.StatusCode, x.resp.Header, body.String(), err != nil}, nil
}
