package pipe_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/pipe"
)

// A socket is a client on a WebSocket.
type socket struct {
	*websocket.Conn
	t *testing.T
}

func (h *house) dial(t *testing.T, key string) *socket {
	t.Helper()
	conn, resp, err := websocket.Dial(t.Context(), h.URL, &websocket.DialOptions{ //nolint:bodyclose // nothing to close (websocket.Dial)
		Subprotocols: []string{"mcp"}, HTTPHeader: http.Header{"X-Key": {key}},
	})
	if err != nil {
		t.Fatal(err, resp)
	}
	if conn.Subprotocol() != "mcp" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{conn, t}
}

func (s *socket) send(messages ...string) {
	s.t.Helper()
	for _, m := range messages {
		if err := s.Write(s.t.Context(), websocket.MessageText, []byte(m)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *socket) next() string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := s.Read(ctx)
	if err != nil {
		s.t.Fatal("nothing came: ", err)
	}
	return string(data)
}

// status waits for the end of the line and returns how it was closed.
func (s *socket) status() websocket.StatusCode {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := s.Read(ctx); err != nil {
			if ctx.Err() != nil {
				s.t.Error("the line is still there")
			}
			return websocket.CloseStatus(err)
		}
	}
}

// TestSocket speaks both eras on one line, is asked something, and sends arrays.
func TestSocket(t *testing.T) {
	s := newHouse(t, pipe.LinesOptions{}).dial(t, "good")
	for _, c := range []struct{ send, want string }{
		{`{"jsonrpc":"2.0","id":"a","method":"server/discover","params":{` + modernMeta + `}}`, `{"jsonrpc":"2.0","id":"a","result":{}}`},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"arrays of messages are taken from clients of revision 2025-03-26 only; send each message by itself","data":{"reason":"not-found"}}}`},
		{`{`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,`},
		{hello("2025-03-26"), `{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"2025-03-26"}}`},
		{toolCall(1, "echo"), `{"x":1,"result":{"content":[ ],"n":1.10},"jsonrpc":"2.0","id":1}`},
		{`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo-modern",` + modernMeta + `}}`, `{"jsonrpc":"2.0","id":9,"result":{"resultType":"complete",`},
		{`[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]`, `[{"jsonrpc":"2.0","id":2,"result":{}}]`},
		{`[]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"an array of messages must not be empty`},
		{`[{"jsonrpc":"2.0","id":3,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"ping"}]`, `[{"jsonrpc":"2.0","id":3,"result":{}},{"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"another request of the array has this id"}}]`},
		{`[` + hello("2025-03-26") + `]`, `[{"jsonrpc":"2.0","id":"i","error":{"code":-32600,"message":"initialize must not come in an array"}}]`},
	} {
		s.send(c.send)
		if got := s.next(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.send, got, c.want)
		}
	}
	s.send("[" + toolCall(5, "ask") + "," + toolCall(6, "soon") + "]")
	question := s.next()
	if want := `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"?"}}`; question != want {
		t.Fatal(question)
	}
	s.send(`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`)
	if got := s.next(); !strings.Contains(got, `{"jsonrpc":"2.0","id":5,"result":{"action":"accept"}}`) || !strings.Contains(got, `{"jsonrpc":"2.0","id":6,`) {
		t.Error(got)
	}
	if err := s.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// TestSocketFaults sends what ends a line: the client is told why, and it is on record.
func TestSocketFaults(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	s := h.dial(t, "good")
	if err := s.Write(t.Context(), websocket.MessageBinary, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if got := s.status(); got != websocket.StatusUnsupportedData {
		t.Errorf("a binary frame ends the line with %v", got)
	}
	h.onRecord(t, "websocket: messages are text frames")
	s = h.dial(t, "good")
	s.send(`{"x":"` + strings.Repeat("x", 5000) + `"}`)
	if got := s.status(); got != websocket.StatusMessageTooBig {
		t.Errorf("a long message ends the line with %v", got)
	}
	h.onRecord(t, "websocket: the message is longer than 4096 bytes")
	s = h.dial(t, "good")
	s.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modernMeta + `}}`)
	s.next()
	h.revoke()
	s.send(`{"jsonrpc":"2.0","id":2,"method":"server/discover","params":{` + modernMeta + `}}`)
	if got := s.next(); !strings.Contains(got, "no key") {
		t.Errorf("with a key that was revoked: %s", got)
	}
}

// TestBadHandshake is refused before anything is upgraded.
func TestBadHandshake(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL, nil)
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Connection", "Upgrade")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Error(resp.Status)
	}
	h.onRecord(t, "websocket: ")
}

// TestLostSocket loses lines with calls in flight: in both eras these are cancelled, and the session ends.
func TestLostSocket(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	s := h.dial(t, "good")
	s.send(hello("2025-11-25"))
	s.next()
	s.send(toolCall(1, "wait"), `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait",`+modernMeta+`}}`,
		`{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	s.next()
	<-h.begun
	<-h.begun
	if h.sessions.Len() != 1 {
		t.Errorf("%d sessions", h.sessions.Len())
	}
	_ = s.CloseNow()
	h.wantEnded(t, 2)
	eventually(t, "the session ended", func() bool { return h.sessions.Len() == 0 })
}

// TestSilentSocket does not answer pings.
func TestSilentSocket(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{KeepAlive: 50 * time.Millisecond, WriteTimeout: 200 * time.Millisecond})
	s := h.dial(t, "good")
	s.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait",` + modernMeta + `}}`)
	h.wantEnded(t, 1) // nothing is read, so that no pong is sent
}

// TestSlowSocket does not read large answers: its line ends, and others do not notice.
func TestSlowSocket(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{WriteTimeout: 2 * time.Second})
	slow, quick := h.dial(t, "slow"), h.dial(t, "quick")
	slow.send(`{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"wait",` + modernMeta + `}}`)
	for i := range 64 {
		big := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"big",%s}}`, i+1, modernMeta)
		_ = slow.Write(t.Context(), websocket.MessageText, []byte(big)) // the line may be gone by now
	}
	quick.send(`{"jsonrpc":"2.0","id":2,"method":"server/discover","params":{` + modernMeta + `}}`)
	quick.next()
	if len(h.ended) > 0 {
		t.Error("another client waited until the slow one was cut off")
	}
	h.wantEnded(t, 1)
}

// TestDrainedSocket closes the house while calls run: they are answered, and then the client is told.
func TestDrainedSocket(t *testing.T) {
	h := newHouse(t, pipe.LinesOptions{})
	s := h.dial(t, "good")
	s.send(hello("2025-11-25"))
	s.next()
	s.send(toolCall(1, "soon"), toolCall(2, "ask"))
	s.next()
	h.lines.Drain()
	time.Sleep(50 * time.Millisecond) // until the line has seen it
	s.send(toolCall(3, "echo"))
	got := s.next()
	if !strings.Contains(got, `"id":3,"error":{"code":-32603,"message":"the gateway is closing; connect again"}`) {
		t.Error(got)
	}
	if got = s.next(); !strings.Contains(got, `"id":1,"result"`) {
		t.Error(got)
	}
	s.send(`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`) // what is asked is still heard
	if got = s.next(); !strings.Contains(got, `"id":2,"result"`) {
		t.Error(got)
	}
	if status := s.status(); status != websocket.StatusGoingAway {
		t.Errorf("closed with %v", status)
	}
	if err := h.lines.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if resp, err := http.Get(h.URL); err != nil || resp.StatusCode != http.StatusTeapot {
		t.Errorf("a line after the end: %v", err)
	} else {
		resp.Body.Close()
	}
}
