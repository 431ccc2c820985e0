package resource

import (
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A fakeSite is a server with pages.
type fakeSite struct {
	*httptest.Server

	mu      sync.Mutex
	pages   map[string]http.HandlerFunc
	secrets atomic.Int32 // how often what nobody may reach was reached
}

func newSite(t *testing.T, pages map[string]http.HandlerFunc) *fakeSite {
	t.Helper()
	s := &fakeSite{pages: pages}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		page := s.pages[r.URL.Path]
		s.mu.Unlock()
		if page == nil {
			http.NotFound(w, r)
			return
		}
		page(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// host is the HOST:PORT of the site.
func (s *fakeSite) host() string { return s.Listener.Addr().String() }

// text answers with a text and headers.
func text(content string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		if etag := w.Header().Get("ETag"); etag != "" && r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if at := w.Header().Get("Last-Modified"); at != "" && r.Header.Get("If-Modified-Since") == at {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, content)
	}
}

// openSite opens the pages of a site that is allowed although it is on this machine.
func openSite(t *testing.T, s *fakeSite, change func(*offer.Resource)) *Resources {
	t.Helper()
	c := offer.Resource{Name: "pages", Type: kindWeb, Private: []string{s.host()}, MaxBytes: 4096, Timeout: time.Second}
	for path := range s.pages {
		c.URLs = append(c.URLs, s.URL+path)
	}
	if change != nil {
		change(&c)
	}
	return open(t, Options{Resources: []offer.Resource{c}})
}

func TestPages(t *testing.T) {
	const date = "Wed, 21 Oct 2026 07:28:00 GMT"
	s := newSite(t, map[string]http.HandlerFunc{
		"/strong": text("strong", "ETag", `"abc"`, "Content-Type", "text/markdown; charset=utf-8"),
		"/weak":   text("weak", "ETag", `W/"abc"`, "Content-Type", "text/plain"),
		"/dated":  text("dated", "Last-Modified", date, "Content-Type", "text/plain"),
		"/bare":   text("bare", "Content-Type", "application/json"),
		"/bytes":  text("\x00\xff", "Content-Type", "image/png"),
		"/moved":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/strong", http.StatusFound) },
	})
	r := openSite(t, s, nil)
	session := connect(t, r, eras[1], nil)
	for _, tt := range []struct{ path, content, mimeType, etag string }{
		{"/strong", "strong", "text/markdown", "abc"},
		{"/weak", "weak", "text/plain", etagOf([]byte("weak"))},
		{"/dated", "dated", "text/plain", etagOf([]byte("dated"))},
		{"/bare", "bare", "application/json", etagOf([]byte("bare"))},
		{"/bytes", "\x00\xff", "image/png", etagOf([]byte("\x00\xff"))},
		{"/moved", "strong", "text/markdown", "abc"},
	} {
		uri := s.URL + tt.path
		result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		got := result.Contents[0]
		if got.Text+string(got.Blob) != tt.content || got.MIMEType != tt.mimeType || got.Meta[mcp.MetaETag] != tt.etag || got.Meta[mcp.MetaType] != kindWeb {
			t.Errorf("%s = %+v", tt.path, got)
		}
		again, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri, Meta: sdk.Meta{mcp.MetaIfNoneMatch: tt.etag}})
		if err != nil || len(again.Contents) != 0 || again.Meta[mcp.MetaNotModified] != true {
			t.Errorf("%s again: %+v, %v", tt.path, again, err)
		}
	}
	if got := len(listURIs(t, session)); got != len(s.pages) {
		t.Errorf("%d pages are listed, want %d", got, len(s.pages))
	}
}

// TestPagesStayOnHosts follows redirects to whatever must not be reached, and bounds what comes.
func TestPagesStayOnHosts(t *testing.T) {
	inner := newSite(t, nil)
	inner.pages = map[string]http.HandlerFunc{"/secret": func(w http.ResponseWriter, _ *http.Request) { inner.secrets.Add(1); fmt.Fprint(w, secret) }}
	_, port, err := net.SplitHostPort(inner.host())
	if err != nil {
		t.Fatal(err)
	}
	to := func(target string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusFound)
		}
	}
	s := newSite(t, map[string]http.HandlerFunc{
		"/other-port": to(inner.URL + "/secret"),
		"/name":       to("http://localhost:" + port + "/secret"),
		"/metadata":   to("http://169.254.169.254/latest/meta-data/"),
		"/decimal":    to("http://2130706433:" + port + "/secret"),
		"/six":        to("http://[::1]:" + port + "/secret"),
		"/mapped":     to("http://[::ffff:127.0.0.1]:" + port + "/secret"),
		"/zero":       to("http://0.0.0.0:" + port + "/secret"),
		"/user":       to("http://" + "user@127.0.0.1:" + port + "/secret"),
		"/file":       to("file:///etc/passwd"),
		"/loop":       to("/loop"),
		"/large":      text(strings.Repeat("x", 4097)),
		"/bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			for range 100 {
				zip.Write(make([]byte, 1<<20))
			}
			zip.Close()
		},
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"/silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"/broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"/short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "short")
		},
	})
	session := connect(t, openSite(t, s, nil), eras[1], nil)
	for path := range s.pages {
		result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: s.URL + path})
		if err == nil {
			t.Errorf("%s was read: %.60q", path, result.Contents[0].Text)
		} else if strings.Contains(err.Error(), "169.254") || strings.Contains(err.Error(), "127.0.0.1:"+port) {
			t.Errorf("%s: the error tells of the inside: %v", path, err)
		}
	}
	if n := inner.secrets.Load(); n != 0 {
		t.Errorf("the inside was reached %d times", n)
	}
	// Without private, what is listed is not reached either: it is on this machine.
	r := openSite(t, s, func(c *offer.Resource) { c.Private = nil })
	if got, err := r.read(t.Context(), s.URL+"/large", ""); err == nil {
		t.Errorf("a private address was read: %+v", got)
	}
}

// TestPagesAreNotWritten holds also for those that are not listed.
func TestPagesAreNotWritten(t *testing.T) {
	r := open(t, Options{Resources: []offer.Resource{{Name: "docs", Type: kindWeb, Hosts: []string{"docs.example.com"}}}})
	if got := do(t, r, params(t, "https://docs.example.com/a", "x", nil)); got.err == nil || got.err.Reason != mcp.Forbidden {
		t.Errorf("a page was written: %+v", got)
	}
}

// TestPagesPoll looks at a page while somebody follows it, and only then, and asks whether it has changed.
func TestPagesPoll(t *testing.T) {
	var whole, conditional atomic.Int32
	content := atomic.Pointer[string]{}
	content.Store(new("old"))
	s := newSite(t, map[string]http.HandlerFunc{"/page": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			conditional.Add(1)
		} else {
			whole.Add(1)
		}
		text(*content.Load(), "ETag", `"`+*content.Load()+`"`)(w, r)
	}})
	r := openSite(t, s, func(c *offer.Resource) { c.Poll = 20 * time.Millisecond })
	n, options := watching()
	session := connect(t, r, eras[0], options)
	uri := s.URL + "/page"
	<-time.After(100 * time.Millisecond)
	if whole.Load() != 0 {
		t.Error("the page was asked for although nobody follows it")
	}
	if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); conditional.Load() < 3 && time.Now().Before(deadline); {
		<-time.After(10 * time.Millisecond)
	}
	if whole.Load() != 1 || conditional.Load() < 3 {
		t.Errorf("asked %d times for the page, %d times whether it has changed", whole.Load(), conditional.Load())
	}
	content.Store(new("new"))
	if got := wait(t, "resources/updated", n.updated); got != uri {
		t.Errorf("updated %s", got)
	}
	if err := session.Unsubscribe(t.Context(), &sdk.UnsubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond)
	before := conditional.Load()
	<-time.After(100 * time.Millisecond)
	if got := conditional.Load(); got != before {
		t.Error("the page is asked for although nobody follows it any more")
	}
}
