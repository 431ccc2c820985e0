package line

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// address reads a URL of a test.
func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// dial connects to a server whose end of the line is handed to serve.
func dial(t *testing.T, o Options, serve func(ctx context.Context, ws *websocket.Conn)) *Socket {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accepting: %v", err)
			return
		}
		defer func() { _ = ws.CloseNow() }()
		ws.SetReadLimit(-1)
		serve(ctx, ws)
	}))
	t.Cleanup(func() {
		cancel()
		web.CloseClientConnections()
		web.Close()
	})
	o.URL, o.RoundTripper = address(t, "ws"+strings.TrimPrefix(web.URL, "http")), &http.Transport{}
	if o.MaxMessage == 0 {
		o.MaxMessage = 1 << 20
	}
	handshake, done := context.WithCancel(t.Context())
	s, err := DialSocket(handshake, o)
	if err != nil {
		t.Fatal(err)
	}
	done() // of the handshake only
	t.Cleanup(s.Close)
	return s
}

// echo sends back whatever comes.
func echo(ctx context.Context, ws *websocket.Conn) {
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil {
			return
		}
		_ = ws.Write(ctx, kind, data)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	s := dial(t, Options{MaxMessage: 300 << 10}, echo)
	for _, message := range []string{"{}", strings.Repeat("large ", 50_000), "", "é"} {
		if err := s.Send([]byte(message)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Next()
		if err != nil || string(got) != message {
			t.Errorf("sent %d bytes, got %d back (%v)", len(message), len(got), err)
		}
	}
	if err := s.Send(make([]byte, 301<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); !errors.Is(err, wire.ErrTooLong) {
		t.Errorf("a long message: %v", err)
	}
	_ = s.Send([]byte("still there?"))
	if got, err := s.Next(); string(got) != "still there?" {
		t.Errorf("after a long message: %q, %v", got, err)
	}
	s.Close()
	if _, err := s.Next(); err == nil {
		t.Error("a closed line goes on")
	}
	if err := s.Send([]byte("{}")); err == nil {
		t.Error("a closed line takes messages")
	}
}

func TestSocketEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve func(ctx context.Context, ws *websocket.Conn)
		want  string
	}{
		"with a status": {func(_ context.Context, ws *websocket.Conn) {
			_ = ws.Close(websocket.StatusTryAgainLater, "busy\u202e")
		}, `it closed the connection with status 1013, "busy\u202e"`},
		"without a reason": {func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(websocket.StatusGoingAway, "") }, "status 1001"},
		"abruptly":         {func(_ context.Context, ws *websocket.Conn) { _ = ws.CloseNow() }, ""},
		"with bytes": {func(ctx context.Context, ws *websocket.Conn) {
			_ = ws.Write(ctx, websocket.MessageBinary, []byte("{}"))
			_, _, _ = ws.Read(ctx)
		}, "binary frame"},
		"in silence": {func(ctx context.Context, _ *websocket.Conn) { <-ctx.Done() }, "no sign of life within 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dial(t, Options{KeepAlive: 50 * time.Millisecond}, tt.serve)
			if _, err := s.Next(); err == nil {
				t.Fatal("the line goes on")
			}
			if got := s.Epitaph(); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("epitaph = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestKeepAlive leaves a line in silence, whose other end answers pings.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	pings := make(chan struct{}, 100)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
			pings <- struct{}{}
			return true
		}})
		if err == nil {
			_, _, _ = ws.Read(r.Context())
		}
	}))
	defer web.Close()
	s, err := DialSocket(t.Context(), Options{
		URL: address(t, "ws"+web.URL[4:]), RoundTripper: &http.Transport{}, MaxMessage: 100, KeepAlive: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.Next()
	}()
	for range 5 {
		<-pings
	}
	select {
	case <-ended:
		t.Errorf("the line has ended: %s", s.Epitaph())
	default:
	}
	s.Close()
	<-ended
}

// TestSocketClose closes a line whose other end says nothing to that.
func TestSocketClose(t *testing.T) {
	t.Parallel()
	s := dial(t, Options{}, func(ctx context.Context, _ *websocket.Conn) { <-ctx.Done() })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.Next()
	}()
	begun := time.Now()
	s.Close()
	if took := time.Since(begun); took > courtesy+time.Second {
		t.Errorf("it took %v", took)
	}
	<-ended
}

func TestNoSocket(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/moved", http.RedirectHandler("/", http.StatusTemporaryRedirect))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no socket here", http.StatusTeapot) })
	web := httptest.NewServer(mux)
	defer web.Close()
	for path, want := range map[string]string{"/": "HTTP 418 I'm a teapot: no socket here", "/moved": "HTTP 307 Temporary Redirect: it redirects to /, which"} {
		_, err := DialSocket(t.Context(), Options{URL: address(t, "ws"+web.URL[4:]+path), RoundTripper: &http.Transport{}})
		e, ok := errors.AsType[*StatusError](err)
		if !ok || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
