package pipe_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pipe"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A listener is a client of HTTP+SSE.
type listener struct {
	t        *testing.T
	h        *house
	key      string
	endpoint string
	body     io.Closer
	events   *wire.EventReader
	leave    context.CancelFunc
}

func (h *house) listen(t *testing.T, key string) *listener {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/sse", nil)
	req.Header.Set("X-Key", key)
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // closed by lose
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(resp.Status, resp.Header)
	}
	l := &listener{t: t, h: h, key: key, body: resp.Body, events: wire.NewEventReader(resp.Body, 4<<20), leave: leave}
	t.Cleanup(l.lose)
	first, err := l.events.Next()
	if err != nil || first.Name != "endpoint" || !strings.HasPrefix(string(first.Data), "/messages?session=") {
		t.Fatalf("the first event is %+v, %v", first, err)
	}
	l.endpoint = string(first.Data)
	return l
}

func (l *listener) lose() {
	l.leave()
	l.body.Close()
}

// post sends a message and returns the status.
func (l *listener) post(endpoint, key, message string) (int, string) {
	l.t.Helper()
	req, _ := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.h.URL+endpoint, strings.NewReader(message))
	req.Header.Set("X-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func (l *listener) send(messages ...string) {
	l.t.Helper()
	for _, m := range messages {
		if status, body := l.post(l.endpoint, l.key, m); status != http.StatusAccepted {
			l.t.Fatal(status, body)
		}
	}
}

func (l *listener) next() string {
	l.t.Helper()
	late := time.AfterFunc(10*time.Second, l.leave)
	defer late.Stop()
	e, err := l.events.Next()
	if err != nil {
		l.t.Fatal("nothing came: ", err)
	}
	if e.Name != "message" || e.HasID {
		l.t.Errorf("event %+v", e)
	}
	return string(e.Data)
}

// TestEvents speaks over HTTP+SSE in the revision that has it, and is asked something.
func TestEvents(t *testing.T) {
	l := newHouse(t, pipe.LinesOptions{}).listen(t, "good")
	for _, c := range []struct{ send, want string }{
		{`{"jsonrpc":"2.0","id":0,"method":"tools/list","params":{` + modernMeta + `}}`, `{"jsonrpc":"2.0","id":0,"error":{"code":-32600,"message":"HTTP+SSE carries the legacy era only`},
		{toolCall(1, "echo"), `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"HTTP+SSE carries the legacy era only`},
		{`{`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,`},
		{hello("2024-11-05"), `{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"2024-11-05"}}`},
		{toolCall(1, "echo"), `{"x":1,"result":{"content":[ ],"n":1.10},"jsonrpc":"2.0","id":1}`},
		{toolCall(2, "ask"), `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"?"}}`},
		{`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`, `{"jsonrpc":"2.0","id":2,"result":{"action":"accept"}}`},
		{`[{"jsonrpc":"2.0","id":3,"method":"ping"}]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"arrays`},
	} {
		l.send(c.send)
		if got := l.next(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.send, got, c.want)
		}
	}
}

// TestForeignEvents posts to what is another's, or nobody's.
func TestForeignEvents(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	l := h.listen(t, "good")
	for _, c := range []struct{ endpoint, key, want string }{
		{l.endpoint, "other", "forbidden"},
		{"/messages?session=AAAAAAAAAAAAAAAAAAAAAAAAAA", "good", "not-found"},
		{"/messages", "good", "not-found"},
		{l.endpoint + "A", "good", "not-found"},
	} {
		if _, got := l.post(c.endpoint, c.key, hello("2024-11-05")); got != c.want {
			t.Errorf("%s with key %s: %s, want %s", c.endpoint, c.key, got, c.want)
		}
	}
	if h.sessions.Len() != 0 {
		t.Error("a session was opened")
	}
}

// TestLostEvents loses the stream with a call in flight: it is cancelled, the session ends, and nothing more is taken.
func TestLostEvents(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	l := h.listen(t, "good")
	l.send(hello("2025-06-18"))
	l.next()
	l.send(toolCall(1, "wait"))
	<-h.begun
	l.lose()
	h.wantEnded(t, 1)
	eventually(t, "the session ended", func() bool { return h.sessions.Len() == 0 })
	if _, got := l.post(l.endpoint, "good", toolCall(2, "echo")); got != "not-found" {
		t.Errorf("a message after the end: %s", got)
	}
}

// TestSlowEvents does not read large answers: the stream ends.
func TestSlowEvents(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{WriteTimeout: 300 * time.Millisecond})
	l := h.listen(t, "good")
	l.send(hello("2024-11-05"))
	l.next()
	l.send(toolCall(0, "wait"))
	for i := range 64 {
		if status, _ := l.post(l.endpoint, l.key, toolCall(i+1, "big")); status != http.StatusAccepted {
			break // the stream has ended
		}
	}
	h.wantEnded(t, 1)
}

// TestDrainedEvents closes the house while a call runs: it is answered, then the stream ends.
func TestDrainedEvents(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{KeepAlive: 20 * time.Millisecond})
	l := h.listen(t, "good")
	l.send(hello("2024-11-05"))
	l.next()
	l.send(toolCall(1, "soon"))
	h.lines.Drain()
	if got := l.next(); !strings.Contains(got, `"id":1,"result"`) {
		t.Error(got)
	}
	if _, err := l.events.Next(); err == nil {
		t.Error("the stream goes on")
	}
}
