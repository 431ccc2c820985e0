package transport

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A socketEnd lets a server of the SDK speak on a WebSocket.
type socketEnd struct{ ws *websocket.Conn }

func (e socketEnd) Connect(context.Context) (sdk.Connection, error) { return e, nil }
func (e socketEnd) SessionID() string                               { return "" }
func (e socketEnd) Close() error                                    { return e.ws.Close(websocket.StatusNormalClosure, "") }

func (e socketEnd) Read(ctx context.Context) (jsonrpc.Message, error) {
	kind, data, err := e.ws.Read(ctx)
	if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, errors.New("not text")
	}
	return jsonrpc.DecodeMessage(data)
}

func (e socketEnd) Write(ctx context.Context, m jsonrpc.Message) error {
	data, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	return e.ws.Write(ctx, websocket.MessageText, data)
}

// web serves h and returns its URL. Its connections are cut at the end of the test.
func web(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// socket serves WebSockets and returns their URL. Serve has the socket until it returns; without a word of its own it is closed
// with StatusGoingAway.
func socket(t *testing.T, serve func(ctx context.Context, ws *websocket.Conn)) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	at := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mcp"}})
		if err != nil {
			return
		}
		if ws.Subprotocol() != "mcp" {
			t.Errorf("subprotocol = %q, want mcp", ws.Subprotocol())
		}
		serve(ctx, ws)
		_ = ws.Close(websocket.StatusGoingAway, "that was all")
	}))
	t.Cleanup(cancel)
	return "ws" + strings.TrimPrefix(at, "http")
}

func sdkSocket(t *testing.T) string {
	t.Helper()
	server := newSDK()
	return socket(t, func(ctx context.Context, ws *websocket.Conn) { _ = server.Run(ctx, socketEnd{ws}) })
}

// secret is what the servers of these tests want to see.
func secret() http.Header { return http.Header{"Authorization": {"Bearer secret"}} }

// A script is a server on any line, in a few words: it is handed each message and how to say something.
type script func(message []byte, say func(string))

// onSocket lets a script speak on a WebSocket.
func onSocket(t *testing.T, s script) string {
	t.Helper()
	return socket(t, func(ctx context.Context, ws *websocket.Conn) {
		say := func(text string) { _ = ws.Write(ctx, websocket.MessageText, []byte(text)) }
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			s(data, say)
		}
	})
}

// onEvents lets a script speak HTTP+SSE. What is posted is taken with 202 before the script sees it.
func onEvents(t *testing.T, s script) string {
	t.Helper()
	type post struct{ data []byte }
	posts := make(chan post, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		fmt.Fprint(w, ": hello\n\nevent: endpoint\ndata: messages?id=1\n\n")
		_ = flush.Flush()
		for {
			select {
			case p := <-posts:
				s(p.data, func(text string) {
					_, _ = w.Write(wire.AppendEvent(nil, wire.Event{Name: "message", Data: []byte(text)}))
					_ = flush.Flush()
				})
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Query().Get("id") != "1":
			http.Error(w, "Session not found", http.StatusNotFound)
		case bytes.Contains(data, []byte(`"refused"`)):
			http.Error(w, "try later", http.StatusServiceUnavailable)
		case bytes.Contains(data, []byte(`"forgotten"`)):
			http.Error(w, "Session not found", http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, "Accepted")
			posts <- post{data}
		}
	})
	return web(t, authorized(mux)) + "/sse"
}

// authorized serves only who shows the secret.
func authorized(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// plain is a script that shakes hands in a revision and leaves the calls of tools to another.
func plain(revision string, tools func(name, id string, message []byte, say func(string))) script {
	return func(message []byte, say func(string)) {
		method, _ := wire.Unquote(wire.Get(message, "method"))
		id := string(wire.Get(message, "id"))
		switch method {
		case "server/discover":
			say(`{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32601,"message":"no such method"}}`)
		case "initialize":
			say(`{"jsonrpc":"2.0","id":` + id + `,"result":{"protocolVersion":"` + revision + `","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`)
		case "tools/call":
			name, _ := wire.Unquote(wire.Get(wire.Get(message, "params"), "name"))
			tools(name, id, message, say)
		}
	}
}

func answerTo(id, text string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`
}

// faulty does what it is called for.
func faulty(name, id string, _ []byte, say func(string)) {
	switch name {
	case "echo":
		say(answerTo(id, "echo"))
	case "garbage":
		say("oops")
		say(`{"jsonrpc":"2.0","id":` + id + `,"id":1,"result":{}}`)
		say("\xff\xfe")
		say(answerTo(id, "fine"))
	case "twice":
		say(answerTo(id, "first"))
		say(answerTo(id, "second"))
	case "long":
		say(answerTo(id, strings.Repeat("x", 2<<20)))
	case "batch":
		say(`[` + answerTo("4711", "stray") + `,{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + id +
			`,"progress":1}},7,{"jsonrpc":"2.0","a":1,"a":2},` + answerTo(id, "among \\ud83d") + `]`)
	case "empty":
		say(`[]`)
		say(`[[]]`)
		say(answerTo(id, "fine"))
	}
}

// TestLines makes the story of a session with the SDK's server on each kind of line.
func TestLines(t *testing.T) {
	t.Parallel()
	server := newSDK()
	events := web(t, authorized(sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return server }, nil)))
	for name, tt := range map[string]struct {
		target Target
		hello  Hello
		era    Era
		events bool
	}{
		"a socket":           {Target{URL: sdkSocket(t)}, Hello{}, Modern, false},
		"a legacy socket":    {Target{URL: sdkSocket(t)}, Hello{Require: Legacy}, Legacy, false},
		"events":             {Target{URL: events, Events: true}, Hello{}, Legacy, true},
		"events by trial":    {Target{URL: events}, Hello{}, Legacy, true},
		"events as required": {Target{URL: events}, Hello{Require: Legacy}, Legacy, true},
		"events as known":    {Target{URL: events, Era: Legacy}, Hello{Prefer: Modern}, Legacy, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.target.Header = secret()
			tt.hello.Capabilities = []byte(`{"elicitation":{}}`)
			s := open(t, tt.target, tt.hello)
			if got := EraOf(s.Revision()); got != tt.era || s.Events() != tt.events {
				t.Errorf("era %v, events %v; want %v and %v", got, s.Events(), tt.era, tt.events)
			}
			if got := call(t, s, "echo", nil); got != "hi" {
				t.Errorf("echo = %q", got)
			}
			sink := newRecorder()
			if got := call(t, s, "progress", sink); got != "done" || len(sink.notices) != 3 {
				t.Errorf("progress = %q with %d notices", got, len(sink.notices))
			}
			if tt.era == Legacy {
				sink.question = func(*wire.Message) ([]byte, *mcp.Error) { return []byte(`{"action":"decline"}`), nil }
				if got := call(t, s, "ask", sink); got != "decline" {
					t.Errorf("ask = %q", got)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := s.Call(ctx, toolCall("never"), nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v, want that of the context", err)
			}
			if got := s.Faults(); got != (Faults{}) {
				t.Errorf("faults = %+v", got)
			}
		})
	}
}

// TestTLS opens lines to a server that would rather speak HTTP/2, whose certificate we are told to trust or are not.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := newSDK()
	mux := http.NewServeMux()
	mux.Handle("/sse", sdk.NewSSEHandler(func(*http.Request) *sdk.Server { return server }, nil))
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		if ws, err := websocket.Accept(w, r, nil); err == nil {
			_ = server.Run(t.Context(), socketEnd{ws})
		}
	})
	at := httptest.NewUnstartedServer(mux)
	at.EnableHTTP2 = true
	at.StartTLS()
	t.Cleanup(func() {
		at.CloseClientConnections()
		at.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(at.Certificate())
	host := strings.TrimPrefix(at.URL, "https://")
	for _, url := range []string{"wss://" + host + "/socket", "https://" + host + "/sse"} {
		s := open(t, Target{URL: url, RoundTripper: http1.For(url, roots)}, Hello{})
		if got := call(t, s, "echo", nil); got != "hi" {
			t.Errorf("%s: echo = %q", url, got)
		}
		_, err := Open(t.Context(), Target{Name: "test", URL: url}, Hello{})
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: error = %v, want one about the certificate", url, err)
		}
	}
}

// TestLineFaults calls tools that do something wrong; the session goes on.
func TestLineFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		revision, want string
		faults         Faults
	}{
		"garbage": {"2024-11-05", "fine", Faults{Garbage: 3}},
		"twice":   {"2024-11-05", "first", Faults{Stray: 1}},
		"long":    {"2024-11-05", "more than 1048576 bytes", Faults{Garbage: 1}},
		"batch":   {"2025-03-26", "among \uFFFD", Faults{Garbage: 2, Stray: 1}},
		"empty":   {"2025-03-26", "fine", Faults{Garbage: 2}},
	}
	for tool, tt := range tests {
		for kind, url := range map[string]string{
			"socket": onSocket(t, plain(tt.revision, faulty)),
			"events": onEvents(t, plain(tt.revision, faulty)),
		} {
			t.Run(tool+" on "+kind, func(t *testing.T) {
				t.Parallel()
				s := open(t, Target{URL: url, Events: kind == "events", Header: secret(), MaxMessage: 1 << 20}, Hello{})
				sink := newRecorder()
				a, err := s.Call(t.Context(), toolCall(tool), sink)
				if err != nil {
					t.Fatal(err)
				}
				got := firstText(a.Result())
				if e := a.Err(nil); e != nil {
					got = e.Message
				}
				a.Release()
				if !strings.Contains(got, tt.want) {
					t.Errorf("answer = %q, want %q", got, tt.want)
				}
				if tool == "batch" && len(sink.notices) != 1 {
					t.Errorf("%d notices, want 1", len(sink.notices))
				}
				if got := call(t, s, "echo", nil); got != "echo" {
					t.Errorf("echo = %q", got)
				}
				if got := s.Faults(); got != tt.faults {
					t.Errorf("faults = %+v, want %+v", got, tt.faults)
				}
			})
		}
	}
}

// TestLost has lines end in mid-call: the call may have been begun, and the next one was not sent.
func TestLost(t *testing.T) {
	t.Parallel()
	die := func(ws *websocket.Conn, how string) {
		switch how {
		case "status":
			_ = ws.Close(websocket.StatusInternalError, "out of memory")
		case "cut":
			_ = ws.CloseNow()
		case "binary":
			_ = ws.Write(t.Context(), websocket.MessageBinary, []byte(`{}`))
			_, _, _ = ws.Read(t.Context())
		}
	}
	at := socket(t, func(ctx context.Context, ws *websocket.Conn) {
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			plain("2025-06-18", func(name, _ string, _ []byte, _ func(string)) { die(ws, name) })(data, func(text string) {
				_ = ws.Write(ctx, websocket.MessageText, []byte(text))
			})
		}
	})
	streams := make(chan context.CancelFunc, 1)
	inner := onEvents(t, plain("2024-11-05", func(string, string, []byte, func(string)) { (<-streams)() }))
	other := onEvents(t, plain("2024-11-05", faulty)) // such a server has one client, whom it takes every message from
	events := web(t, through(inner, streams))
	for name, tt := range map[string]struct {
		target     Target
		tool, want string
		sent       bool
	}{
		"closed with a status": {Target{URL: at}, "status", `closed the connection with status 1011, "out of memory"`, true},
		"cut":                  {Target{URL: at}, "cut", "broke", true},
		"a binary frame":       {Target{URL: at}, "binary", "binary frame", true},
		"the stream ends":      {Target{URL: events + "/sse", Events: true}, "end", "broke", true},
		"forgotten":            {Target{URL: other, Events: true}, "forgotten", "forgotten the session", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.target.Header = secret()
			s := open(t, tt.target, Hello{Require: Legacy})
			_, err := s.Call(t.Context(), toolCall(tt.tool), nil)
			e, ok := errors.AsType[*LostError](err)
			if !ok || e.Sent != tt.sent || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want a LostError with %q", err, tt.want)
			}
			<-s.Done()
			_, err = s.Call(t.Context(), toolCall("echo"), nil)
			if e, ok := errors.AsType[*LostError](err); !ok || e.Sent {
				t.Errorf("error after the end = %v, want a LostError that was not sent", err)
			}
		})
	}
}

// through hands requests on to another server, and tells how to end each stream.
func through(to string, streams chan<- context.CancelFunc) http.Handler {
	host := strings.TrimSuffix(strings.TrimPrefix(to, "http://"), "/sse")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if r.Method == http.MethodGet {
			streams <- cancel
		}
		out := r.Clone(ctx)
		out.RequestURI, out.URL.Scheme, out.URL.Host, out.Host = "", "http", host, host
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		buf := make([]byte, 1024)
		for {
			n, err := resp.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	})
}

// TestRefusedPost has a server not take one message: that call fails, and the session goes on.
func TestRefusedPost(t *testing.T) {
	t.Parallel()
	s := open(t, Target{URL: onEvents(t, plain("2024-11-05", faulty)), Events: true, Header: secret()}, Hello{})
	_, err := s.Call(t.Context(), toolCall("refused"), nil)
	if err == nil || !strings.Contains(err.Error(), "HTTP 503 Service Unavailable: try later") {
		t.Errorf("error = %v", err)
	}
	if got := call(t, s, "echo", nil); got != "echo" || s.Err() != nil {
		t.Errorf("echo = %q, %v", got, s.Err())
	}
}

// TestSlowPost has a server ping, and take the answer only after it has answered the call.
func TestSlowPost(t *testing.T) {
	t.Parallel()
	answered, taken := make(chan struct{}), make(chan string, 1)
	inner := onEvents(t, plain("2025-06-18", func(_, id string, _ []byte, say func(string)) {
		say(`{"jsonrpc":"2.0","id":"p1","method":"ping"}`)
		say(answerTo(id, "done"))
	}))
	outer := through(inner, make(chan context.CancelFunc, 1))
	at := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if bytes.Contains(data, []byte(`"p1"`)) {
			<-answered
			taken <- r.Header.Get("Mcp-Protocol-Version") + " " + string(data)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		outer.ServeHTTP(w, r)
	}))
	s := open(t, Target{URL: at + "/sse", Events: true, Header: secret()}, Hello{})
	if got := call(t, s, "echo", nil); got != "done" {
		t.Errorf("echo = %q", got)
	}
	close(answered)
	if got, want := <-taken, `2025-06-18 {"jsonrpc":"2.0","id":"p1","result":{}}`; got != want {
		t.Errorf("the server took %s, want %s", got, want)
	}
}

// TestNoLine has lines that cannot be opened.
func TestNoLine(t *testing.T) {
	t.Parallel()
	silent := web(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	elsewhere := web(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: endpoint\ndata: http://127.0.0.2/messages\n\n")
	}))
	page := web(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>welcome</h1>")
	}))
	for name, tt := range map[string]struct {
		target Target
		want   string
	}{
		"no endpoint":                {Target{URL: silent, Events: true, StartTimeout: 100 * time.Millisecond}, "was not ready within 100ms"},
		"an endpoint elsewhere":      {Target{URL: elsewhere, Events: true}, "http://127.0.0.2 is another origin"},
		"a page":                     {Target{URL: page, Events: true}, `does not speak HTTP+SSE: no HTTP+SSE: the content type is "text/html"`},
		"a page for a socket":        {Target{URL: "ws" + page[4:]}, "answered HTTP 200 OK instead of a WebSocket"},
		"no credentials":             {Target{URL: sdkSocket(t)}, "refuses the credentials"},
		"no credentials for events":  {Target{URL: onEvents(t, nil), Events: true}, "refuses the credentials"},
		"nobody there":               {Target{URL: "ws://127.0.0.1:1/"}, "cannot be reached"},
		"nobody there for events":    {Target{URL: "http://127.0.0.1:1/", Events: true}, "cannot be reached"},
		"neither this era nor older": {Target{URL: web(t, http.NotFoundHandler())}, "HTTP 404"},
		"older, but no endpoint":     {Target{URL: silent}, "HTTP 405"},
		"no URL":                     {Target{URL: "ws://"}, "is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.target.Name, tt.target.Log = "test", testLog(t)
			s, err := Open(t.Context(), tt.target, Hello{})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"test"`) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
	_, err := Open(t.Context(), Target{Name: "test", URL: onEvents(t, nil), Header: secret(), Events: true}, Hello{Require: Modern})
	if !IsWrongEra(err) {
		t.Errorf("a modern session over HTTP+SSE: %v", err)
	}
}

// TestNothingLeft opens and closes sessions, one of them in mid-call, and looks for goroutines of theirs.
func TestNothingLeft(t *testing.T) {
	targets := []Target{
		{URL: onSocket(t, plain("2025-06-18", faulty)), Header: secret()},
		{URL: onEvents(t, plain("2024-11-05", faulty)), Header: secret(), Events: true},
		{URL: onEvents(t, plain("2024-11-05", faulty)), Header: secret()},
	}
	for _, target := range targets {
		s := open(t, target, Hello{})
		done := make(chan error, 1)
		go func() {
			_, err := s.Call(t.Context(), toolCall("never"), nil)
			done <- err
		}()
		for s.InFlight() < 1 {
			time.Sleep(time.Millisecond)
		}
		begun := time.Now()
		s.Close()
		if err := <-done; !strings.Contains(err.Error(), "was closed") {
			t.Errorf("error = %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("closing took %v", took)
		}
	}
	var stacks bytes.Buffer
	for range 100 {
		stacks.Reset()
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2)
		if !strings.Contains(stacks.String(), "internal/transport.(*pipe)") && !strings.Contains(stacks.String(), "line.(*Socket)") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, _ = stacks.WriteTo(os.Stderr)
	t.Error("goroutines are left over")
}
