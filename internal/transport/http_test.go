package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A fake is a legacy server over HTTP whose answers to tools/call are written by the test.
type fake struct {
	t    *testing.T
	tool func(w http.ResponseWriter, r *http.Request, id string)
	get  http.HandlerFunc

	mu   sync.Mutex
	seen []string // methods that came, HTTP or JSON-RPC
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		f.note(r.Method)
		if r.Method == http.MethodGet && f.get != nil {
			f.get(w, r)
			return
		}
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, _ := io.ReadAll(r.Body)
	method, _ := wire.Unquote(wire.Get(body, "method"))
	f.note(method)
	id := string(wire.Get(body, "id"))
	switch method {
	case mcp.MethodInitialize:
		w.Header().Set("Mcp-Session-Id", "s1")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"f","version":"1"}}}`, id)
	case mcp.MethodToolsCall:
		if r.Header.Get("Mcp-Session-Id") != "s1" || r.Header.Get("Mcp-Protocol-Version") != "2025-11-25" {
			f.t.Errorf("headers = %v", r.Header)
		}
		f.tool(w, r, id)
	case mcp.MethodDiscover:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "Bad Request: Server not initialized")
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, what)
}

func (f *fake) open() *Session {
	f.t.Helper()
	web := httptest.NewServer(f)
	f.t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return open(f.t, Target{URL: web.URL, MaxMessage: 1 << 20}, Hello{})
}

func answer(id, text string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`
}

func asJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func asEvents(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, body)
}

// TestHTTPFaults has a server answer a call in many wrong ways.
func TestHTTPFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tool func(w http.ResponseWriter, r *http.Request, id string)
		want string // the text of the answer, or of the error
	}{
		"JSON":           {func(w http.ResponseWriter, _ *http.Request, id string) { asJSON(w, 200, answer(id, "ok")) }, "ok"},
		"id as a string": {func(w http.ResponseWriter, _ *http.Request, id string) { asJSON(w, 200, answer(`"`+id+`"`, "ok")) }, "ok"},
		"events": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asEvents(w, ": hi\n\nid: 1\ndata:\n\nevent: message\ndata: "+answer(id, "ok")+"\n\n")
		}, "ok"},
		"garbage in events": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asEvents(w, "data: oops\n\ndata: "+answer("4711", "no")+"\n\ndata: "+answer(id, "ok")+"\n\n")
		}, "ok"},
		"garbage": {func(w http.ResponseWriter, _ *http.Request, _ string) { asJSON(w, 200, "oops") }, "not a JSON-RPC message"},
		"wrong id": {
			func(w http.ResponseWriter, _ *http.Request, _ string) { asJSON(w, 200, answer("4711", "no")) },
			"answered another request",
		},
		"a request": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asJSON(w, 200, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`)
		}, "answered another request"},
		"wrong type": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>")
		}, `content type "text/html"`},
		"500": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			http.Error(w, "boom", http.StatusInternalServerError)
		}, "HTTP 500 Internal Server Error: boom"},
		"401": {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusUnauthorized) }, "refuses the credentials"},
		"202": {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusAccepted) }, "without an answer"},
		"400 with an error": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asJSON(w, 400, `{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32602,"message":"bad arguments"}}`)
		}, "bad arguments"},
		"403 with an error without id": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			asJSON(w, 403, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"not for you"}}`)
		}, "not for you"},
		"404": {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusNotFound) }, "forgotten the session"},
		"400 about the session": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			http.Error(w, "Bad Request: No valid session ID provided", http.StatusBadRequest)
		}, "forgotten the session"},
		"200 about the session": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asJSON(w, 200, `{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32001,"message":"Session not found"}}`)
		}, "forgotten the session"},
		"too large": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asJSON(w, 200, answer(id, strings.Repeat("x", 2<<20)))
		}, "more than 1048576 bytes"},
		"large events": {func(w http.ResponseWriter, _ *http.Request, id string) {
			asEvents(w, "data: "+answer(id, strings.Repeat("x", 2<<20))+"\n\n")
		}, "more than 1048576 bytes"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Length", "100")
			asJSON(w, 200, `{"jsonrpc"`)
		}, "broke off"},
		"events cut off": {func(w http.ResponseWriter, _ *http.Request, _ string) { asEvents(w, ": hi\n\n") }, "ended before the answer"},
		"redirect elsewhere": {func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "redirects to http://127.0.0.1:1/"},
		"redirect here": {func(w http.ResponseWriter, r *http.Request, id string) {
			if r.URL.Path == "/there" {
				asJSON(w, 200, answer(id, "ok"))
				return
			}
			http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
		}, "ok"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{t: t, tool: tt.tool}
			s := f.open()
			a, err := s.Call(t.Context(), toolCall("x"), nil)
			var got string
			switch {
			case err != nil:
				got = err.Error()
			case a.Err(nil) != nil:
				got = a.Err(nil).Error()
			default:
				got = firstText(a.Result())
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if lost := strings.Contains(tt.want, "forgotten"); lost != (s.Err() != nil) {
				t.Errorf("session's error = %v", s.Err())
			}
			if e, ok := errors.AsType[*LostError](err); ok && e.Sent == strings.Contains(tt.want, "forgotten") {
				t.Errorf("Sent = %v", e.Sent)
			}
		})
	}
}

// TestResume has streams break off: what follows is asked for with the last event's id.
func TestResume(t *testing.T) {
	var id, last string
	f := &fake{t: t}
	f.tool = func(w http.ResponseWriter, _ *http.Request, call string) {
		id = call
		asEvents(w, "id: e1\nretry: 1\ndata:\n\n")
	}
	f.get = func(w http.ResponseWriter, r *http.Request) {
		switch last = r.Header.Get("Last-Event-ID"); last {
		case "e1":
			asEvents(w, "id: e2\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\"}}\n\n")
		case "e2":
			asEvents(w, "data: "+answer(id, "late")+"\n\n")
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}
	s := f.open()
	sink := newRecorder()
	if got := call(t, s, "x", sink); got != "late" || len(sink.notices) != 1 {
		t.Errorf("answer = %q with %d notifications, want late with 1", got, len(sink.notices))
	}
}

// TestUnasked has a server speak on the stream that a GET opens, and its session end when ours does.
func TestUnasked(t *testing.T) {
	f := &fake{t: t}
	hold := make(chan struct{})
	defer close(hold)
	f.get = func(w http.ResponseWriter, r *http.Request) {
		asEvents(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	web := httptest.NewServer(f)
	defer web.Close()
	sink := newRecorder()
	s, err := Open(t.Context(), Target{Name: "test", URL: web.URL, Log: testLog(t)}, Hello{Unsolicited: sink})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-sink.notices; !strings.Contains(n, "tools/list_changed") {
		t.Errorf("notification = %s", n)
	}
	s.Close()
	want := []string{"server/discover", "initialize", "notifications/initialized", "GET", "DELETE"}
	if diff := cmp.Diff(want, f.seen); diff != "" {
		t.Errorf("the server saw (-want +got):\n%s", diff)
	}
}

// TestHTTPCancel tells a legacy server of a cancellation.
func TestHTTPCancel(t *testing.T) {
	f := &fake{t: t}
	began := make(chan struct{})
	f.tool = func(_ http.ResponseWriter, r *http.Request, _ string) {
		close(began)
		<-r.Context().Done()
	}
	s := f.open()
	ctx, cancel := contextWithCancel(t)
	go func() {
		<-began
		cancel()
	}()
	if _, err := s.Call(ctx, toolCall("x"), nil); !errors.Is(err, ctx.Err()) {
		t.Errorf("error = %v", err)
	}
	s.Close()
	want := []string{mcp.MethodToolsCall, mcp.NoticeCancelled, http.MethodDelete}
	seen := slices.DeleteFunc(f.seen, func(what string) bool { return !slices.Contains(want, what) })
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the server saw (-want +got):\n%s", diff)
	}
}

// TestModernHTTP looks at what a modern server is sent.
func TestModernHTTP(t *testing.T) {
	var bodies []string
	var header http.Header
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies, header = append(bodies, string(body)), r.Header.Clone()
		id := string(wire.Get(body, "id"))
		if len(bodies) == 1 {
			asJSON(w, 200, `{"jsonrpc":"2.0","id":`+id+`,"result":{"supportedVersions":["2099-01-01","2026-07-28"],"capabilities":{}}}`)
			return
		}
		asJSON(w, 200, answer(id, "ok"))
	}))
	defer web.Close()
	s := open(t, Target{URL: web.URL, Header: http.Header{"Authorization": {"Bearer x"}}},
		Hello{Info: []byte(`{"name":"me","version":"1"}`), Capabilities: []byte(`{"roots":{}}`), LogLevel: "info"})
	r := toolCall("grüß")
	r.Header = http.Header{"Mcp-Param-Text": {"hi"}}
	a, err := s.Call(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Release()
	const meta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"me","version":"1"},"io.modelcontextprotocol/logLevel":"info"`
	want := []string{
		`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{` + meta + `}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"_meta":{"progressToken":2,` + meta + `},"name":"grüß","arguments":{"text":"hi"}}}`,
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?Z3LDvMOf?=", "Mcp-Protocol-Version": "2026-07-28", "Mcp-Param-Text": "hi",
		"Authorization": "Bearer x", "Accept": "application/json, text/event-stream", "Content-Type": "application/json", "Mcp-Session-Id": "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// TestErrorKeepsAddress wants no key that stands in the URL in an error that clients are told.
func TestErrorKeepsAddress(t *testing.T) {
	f := &fake{t: t}
	f.tool = func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>")
	}
	web := httptest.NewServer(f)
	t.Cleanup(web.Close) // after the session
	s := open(t, Target{URL: web.URL + "/mcp?key=s3cr3t", MaxMessage: 1 << 20}, Hello{})
	if _, err := s.Call(t.Context(), toolCall("x"), nil); err == nil || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), web.URL+"/mcp") {
		t.Errorf("error = %v", err)
	}
}

// TestDeniedSession tells errors about the session from those of tools that have sessions of their own.
func TestDeniedSession(t *testing.T) {
	for message, want := range map[string]bool{
		"Session not found": true, "session expired": true, "Invalid session ID": true, "Unknown session; initialize again": true,
		"Your user session expired, log in again": false, "the session of the browser is not found": false, "": false,
	} {
		f := &fake{t: t}
		f.tool = func(w http.ResponseWriter, _ *http.Request, id string) {
			asJSON(w, http.StatusOK, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32001,"message":%q}}`, id, message))
		}
		a, err := f.open().Call(t.Context(), toolCall("x"), nil)
		_, lost := errors.AsType[*LostError](err)
		if lost != want || !lost && (err != nil || a.Err(nil).Message != message) {
			t.Errorf("%q: lost %v (%v), want %v", message, lost, err, want)
		}
		a.Release()
	}
}
