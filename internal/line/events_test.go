package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// stream serves one stream of events with that text, and takes messages at /messages.
func stream(t *testing.T, text string, took chan<- string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sse/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, text)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /sse", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/sse/", http.StatusMovedPermanently)
	})
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		took <- fmt.Sprintf("%s %s %s %s %s", r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("X-Key"), r.Header.Get("X-More"), data)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST /moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/messages?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("POST /lost", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/messages", http.StatusFound) })
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

func TestEvents(t *testing.T) {
	t.Parallel()
	const text = ": hi\n\nid: 0\ndata:\n\nevent: endpoint\ndata: /moved?a=1&b=2#x\n\n" +
		"event: message\ndata: {\"a\":\ndata: 1}\n\nevent: other\ndata: {}\n\ndata: 2\n\nevent: message\ndata: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\ndata: 3\n\n"
	took := make(chan string, 1)
	at := stream(t, text, took)
	header := http.Header{"X-Key": {"k"}}
	ctx, cancel := context.WithCancel(t.Context())
	e, err := DialEvents(ctx, Options{URL: address(t, at+"/sse"), Header: header, RoundTripper: &http.Transport{}, MaxMessage: 40})
	if err != nil {
		t.Fatal(err)
	}
	cancel() // of the handshake only
	t.Cleanup(e.Close)
	for _, want := range []string{"{\"a\":\n1}", "2", "", "3"} {
		got, err := e.Next()
		if string(got) != want || (want == "") != errors.Is(err, wire.ErrTooLong) {
			t.Errorf("message = %q, %v; want %q", got, err, want)
		}
	}
	if err := e.Post(t.Context(), []byte(`{"b":2}`), http.Header{"X-More": {"m"}, "X-Key": {"not this"}}); err != nil {
		t.Errorf("Post: %v", err)
	}
	if got, want := <-took, `a=1&b=2 application/json k m {"b":2}`; got != want {
		t.Errorf("the server took %s, want %s", got, want)
	}
	if len(header) != 1 {
		t.Errorf("the options were changed: %v", header)
	}
	done := make(chan error)
	go func() {
		_, err := e.Next()
		done <- err
	}()
	e.Close()
	if err := <-done; err == nil {
		t.Error("a closed line goes on")
	}
}

// TestPostRedirect has a server send a message elsewhere in a way that would lose it.
func TestPostRedirect(t *testing.T) {
	t.Parallel()
	at := stream(t, "event: endpoint\ndata: ../lost\n\n", nil)
	e, err := DialEvents(t.Context(), Options{URL: address(t, at+"/sse/"), RoundTripper: &http.Transport{}, MaxMessage: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if s, ok := errors.AsType[*StatusError](e.Post(t.Context(), []byte("{}"), nil)); !ok || s.Response.StatusCode != http.StatusFound {
		t.Errorf("Post: %v", s)
	}
}

func TestNoEvents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"data: {}\n\n":                   ErrNoEvents,
		"event: message\ndata: {}\n\n":   ErrNoEvents,
		"event: endpoint\ndata: \n\n":    ErrBadEndpoint,
		"event: endpoint\ndata: :\n\n":   ErrBadEndpoint,
		"event: endpoint\ndata: //x\n\n": ErrBadEndpoint,
		": and then silence\n\n":         context.DeadlineExceeded,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		e, err := DialEvents(ctx, Options{URL: address(t, stream(t, text, nil)+"/sse/"), RoundTripper: &http.Transport{}, MaxMessage: 1000})
		cancel()
		if !errors.Is(err, want) || e != nil {
			t.Errorf("%q: error = %v, want %v", text, err, want)
		}
	}
	at := stream(t, "", nil)
	_, err := DialEvents(t.Context(), Options{URL: address(t, at+"/nowhere"), RoundTripper: &http.Transport{}, MaxMessage: 1000})
	if s, ok := errors.AsType[*StatusError](err); !ok || s.Response.StatusCode != http.StatusNotFound {
		t.Errorf("error = %v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ origin, told, want string }{
		{"https://a.example/x/sse", "/messages?s=1", "https://a.example/messages?s=1"},
		{"https://a.example/x/sse", "messages", "https://a.example/x/messages"},
		{"https://a.example/x/sse", "?s=1", "https://a.example/x/sse?s=1"},
		{"https://a.example/x/sse?key=1", " https://A.example:443/m ", "https://A.example:443/m"},
		{"http://a.example:80/", "http://a.example/m#f", "http://a.example/m"},
		{"http://u:p@a.example/sse", "/m", "http://u:p@a.example/m"},
		{"http://u:p@a.example/sse", "http://a.example/m", "http://u:p@a.example/m"},
		{"http://[::1]:8080/sse", "http://[::1]:8080/m", "http://[::1]:8080/m"},
		{"https://a.example/sse", "http://a.example/m", ""},
		{"https://a.example/sse", "https://b.example/m", ""},
		{"https://a.example/sse", "//b.example/m", ""},
		{"https://a.example/sse", `/\b.example/m`, "https://a.example/%5Cb.example/m"},
		{"https://a.example/sse", "https://a.example:8443/m", ""},
		{"https://a.example/sse", "https://a.example.evil.example/m", ""},
		{"https://a.example/sse", "https://u:p@a.example/m", ""},
		{"https://u:p@a.example/sse", "https://x:y@a.example/m", ""},
		{"https://a.example/sse", "https:a.example/m", ""},
		{"https://a.example/sse", "javascript:alert(1)", ""},
		{"https://a.example/sse", "", ""},
		{"https://a.example/sse", "/" + strings.Repeat("m", 9<<10), ""},
		{"https://a.example/sse", "/m\x00", ""},
	} {
		got, err := resolve(address(t, tt.origin), tt.told)
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrBadEndpoint) {
			t.Errorf("%s tells %q: %q, %v; want %q", tt.origin, tt.told, got, err, tt.want)
		}
	}
}

// FuzzResolve looks for an endpoint that leads to another origin, as another reader of the result sees it.
func FuzzResolve(f *testing.F) {
	for _, told := range []string{"/m", "//b/m", "https://a.example@b/", `\\b`, "https:/b", "http://a.example:443/", "?x", "https://a.example:443"} {
		f.Add(told)
	}
	origin := &url.URL{Scheme: "https", Host: "a.example", Path: "/sse"}
	f.Fuzz(func(t *testing.T, told string) {
		got, err := resolve(origin, told)
		if err != nil {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, got, http.NoBody)
		if err != nil {
			t.Fatalf("%q: %q is no address: %v", told, got, err)
		}
		host := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(req.URL.Host, ":443"), ":"))
		if req.URL.Scheme != "https" || host != "a.example" || req.URL.User != nil {
			t.Errorf("%q leads to %q", told, got)
		}
	})
}
