package line

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// newPost returns a Post to a server, whose handler finds the message in the body and the path that the test names.
func newPost(t *testing.T, path string, h http.HandlerFunc) Post {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return Post{Options{URL: u, Header: http.Header{"Authorization": {"Bearer k"}}, RoundTripper: http.DefaultTransport, MaxMessage: 100}}
}

// TestPost sends messages that stand alone, and takes the answers whatever their status is.
func TestPost(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked with %v", r.Header) }))
	t.Cleanup(other.Close)
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusPermanentRedirect)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		case "/large":
			_, _ = w.Write(make([]byte, 200))
		default:
			w.WriteHeader(http.StatusTeapot)
			_, _ = fmt.Fprintf(w, "%s %s %s", body, r.Header.Get("Authorization"), r.Header.Get("Content-Type"))
		}
	}
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":      {http.StatusTeapot, "{} Bearer k application/json"},
		"/moved": {http.StatusTeapot, "{} Bearer k application/json"},
		"/away":  {http.StatusPermanentRedirect, ""},
	} {
		reply, err := newPost(t, path, handler).Ask(t.Context(), []byte("{}"))
		if err != nil || reply.Response.StatusCode != want.status || string(reply.Body) != want.body {
			t.Errorf("%s: %v, %v", path, reply, err)
		}
	}
	if _, err := newPost(t, "/large", handler).Ask(t.Context(), []byte("{}")); !errors.Is(err, wire.ErrTooLong) {
		t.Errorf("error = %v", err)
	}
}

// TestListen takes the events of an answer until the end, or until the taker has enough, and refuses what is no stream.
func TestListen(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, ": hello\n\nid: 1\n\ndata: a\n\ndata: b\ndata: c\n\ndata: d\n\n")
	}
	var got []string
	enough := errors.New("enough")
	err := newPost(t, "/", handler).Listen(t.Context(), []byte("{}"), func(data []byte) error {
		if got = append(got, string(data)); len(got) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(got, []string{"a", "b\nc"}) {
		t.Errorf("events = %q, %v", got, err)
	}
	if err := newPost(t, "/", handler).Listen(t.Context(), []byte("{}"), func([]byte) error { return nil }); !errors.Is(err, io.EOF) {
		t.Errorf("error = %v", err)
	}
	err = newPost(t, "/none", handler).Listen(t.Context(), []byte("{}"), nil)
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Response.StatusCode != http.StatusNotFound || string(e.Body) != "no\n" {
		t.Errorf("error = %v", err)
	}
}
