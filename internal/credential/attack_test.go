package credential_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestComeback lets browsers come back in all the ways in which they should not.
func TestComeback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGate(t, w, newMemory(), callers, "")
	begin := func() (credential.Ticket, *http.Client, string) {
		ticket, err := g.Begin(t.Context(), person("ann-key"), "mail", nil)
		if err != nil {
			t.Fatal(err)
		}
		b := browser(t, "/oauth/callback/")
		resp, _ := visit(t, b, ticket.URL)
		return ticket, b, resp.Header.Get("Location")
	}
	with := func(address, name, value string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
		u.RawQuery = q.Encode()
		return u.String()
	}
	refused := func(name string, b *http.Client, address string) {
		t.Helper()
		before := w.count("authorization_code")
		if resp, text := get(t, b, address); resp.StatusCode == http.StatusOK || strings.Contains(text, "You are logged in") {
			t.Errorf("%s: %s", name, resp.Status)
		}
		if name != "twice" && w.count("authorization_code") != before {
			t.Errorf("%s: the code was used", name)
		}
	}
	_, b, back := begin()
	refused("another state", b, with(back, "state", "x.y"))
	state, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	half, _, _ := strings.Cut(state.Query().Get("state"), ".")
	refused("half a state", b, with(back, "state", half+".x"))
	refused("no state", b, with(back, "state", ""))
	refused("another browser", browser(t, ""), back)
	refused("another server", b, strings.Replace(back, "/callback/mail", "/callback/other", 1))
	if resp, text := get(t, b, back); resp.StatusCode != http.StatusOK { // none of that has done harm
		t.Errorf("the right way: %s", text)
	}
	refused("twice", b, back)

	for name, change := range map[string]func(string) string{
		"another issuer": func(a string) string { return with(a, "iss", "https://evil.example") },
		"no issuer":      func(a string) string { return with(a, "iss", "") },
		"an error":       func(a string) string { return with(with(a, "code", ""), "error", "access_denied") },
		"markup":         func(a string) string { return with(with(a, "code", ""), "error", "<script>alert(1)</script>") },
		"no code":        func(a string) string { return with(a, "code", "") },
	} {
		ticket, b, back := begin()
		resp, text := get(t, b, change(back))
		if resp.StatusCode == http.StatusOK || strings.Contains(text, "<script") {
			t.Errorf("%s: %s %s", name, resp.Status, text)
		}
		if done, err := g.Await(t.Context(), person("ann-key"), ticket.ID); done || err == nil {
			t.Errorf("%s: waiting for it: %v, %v", name, done, err)
		}
		refused(name+", then the right way", b, back)
	}
	_, b, back = begin()
	before := w.count("authorization_code")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if resp, err := b.Get(back); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
	if n := w.count("authorization_code") - before; n != 1 {
		t.Errorf("eight at once: the code was used %d times", n)
	}
	ticket, _, _ := begin()
	if done, err := g.Await(t.Context(), person("bob-key"), ticket.ID); done || err == nil {
		t.Errorf("somebody else waits for it: %v, %v", done, err)
	}
}

// TestPages looks at what browsers are told besides.
func TestPages(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	ticket, err := g.Begin(t.Context(), person(`<i>"ann"</i>`), "mail", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, text := get(t, browser(t, ""), ticket.URL)
	if strings.Contains(text, "<i>") || !strings.Contains(text, "ann") {
		t.Errorf("the caller is not shown, or as markup: %s", text)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "same-origin"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := resp.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'none'") {
		t.Errorf("it can be framed: %q", got)
	}
	if resp, _ := get(t, browser(t, ""), g.pages.URL+"/oauth/login/UNKNOWN"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a ticket that is not known: %s", resp.Status)
	}
}

// TestMany bounds how many logins one caller begins.
func TestMany(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	var err error
	for range 21 {
		_, err = g.Begin(t.Context(), person("ann-key"), "mail", nil)
	}
	if mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.RateLimited {
		t.Errorf("the 21st: %v", err)
	}
	if _, err := g.Begin(t.Context(), person("bob-key"), "mail", nil); err != nil {
		t.Errorf("of another: %v", err)
	}
}

// TestClientDocument has the gateway known by a document about itself where it has an address, and the authorization server takes that.
func TestClientDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata["client_id_metadata_document_supported"] = true
	g := newGate(t, w, newMemory(), callers, "publicURL: https://gate.example/mcp")
	resp, text := get(t, browser(t, ""), g.pages.URL+"/.well-known/oauth-client/mail")
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s", err, text)
	}
	const id = "https://gate.example/.well-known/oauth-client/mail"
	if doc["client_id"] != id || fmt.Sprint(doc["redirect_uris"]) != "[https://gate.example/oauth/callback/mail]" || doc["token_endpoint_auth_method"] != "none" {
		t.Errorf("%s", text)
	}
	if resp, _ := get(t, browser(t, ""), g.pages.URL+"/.well-known/oauth-client/other"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("of another server: %s", resp.Status)
	}
	ticket, err := g.Begin(t.Context(), person("ann-key"), "mail", nil)
	if err != nil || !strings.HasPrefix(ticket.URL, "https://gate.example/oauth/login/") {
		t.Fatalf("%v, %v", ticket, err)
	}
	b := browser(t, "/as/authorize")
	resp, _ = visit(t, b, strings.Replace(ticket.URL, "https://gate.example", g.pages.URL, 1))
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Query().Get("client_id") != id {
		t.Errorf("goes to %v, %v", to, err)
	}
	if c := resp.Header.Get("Set-Cookie"); !strings.Contains(c, "Secure") || !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
		t.Errorf("the cookie: %s", c)
	}
}

// TestFallback finds what an older server does not name: its metadata, or its authorization server.
func TestFallback(t *testing.T) {
	t.Parallel()
	t.Run("no hint", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.silent = true
		g := newGate(t, w, newMemory(), callers, "")
		g.login(person("ann-key"), "ann")
		g.want("ann-key", "ann")
	})
	t.Run("OpenID, at the end of the path, named by hand", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /realm/.well-known/openid-configuration", func(rw http.ResponseWriter, r *http.Request) {
			facts := w.issuerFacts()
			facts["issuer"] = "http://" + r.Host + "/realm"
			json.NewEncoder(rw).Encode(facts)
		})
		other := httptest.NewServer(mux)
		t.Cleanup(other.Close)
		w.iss = other.URL + "/realm"
		g := newGate(t, w, newMemory(), "credentials: caller, oauth: {issuer: "+other.URL+"/realm}", "")
		g.login(person("ann-key"), "ann")
		g.want("ann-key", "ann")
	})
}

// TestStrangers is about documents that lead elsewhere, or are not what they should be.
func TestStrangers(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a stranger's address was asked") }))
	t.Cleanup(inside.Close)
	for name, c := range map[string]struct {
		set  func(w *world)
		want string
	}{
		"metadata inside":     {func(w *world) { w.hint = inside.URL + "/x" }, "is not https"},
		"metadata in a cloud": {func(w *world) { w.hint = "https://169.254.169.254/latest" }, "refused"},
		"metadata in a file":  {func(w *world) { w.hint = "file:///etc/passwd" }, "refused"},
		"another resource":    {func(w *world) { w.resource["resource"] = "https://other.example/mcp" }, "which it is not"},
		"a twin of the path":  {func(w *world) { w.resource["resource"] = w.URL + "/mc" }, "which it is not"},
		"issuer inside":       {func(w *world) { w.resource["authorization_servers"] = []string{inside.URL} }, "is not https"},
		"token inside":        {func(w *world) { w.metadata["token_endpoint"] = inside.URL + "/token" }, "is not https"},
		"a script":            {func(w *world) { w.metadata["authorization_endpoint"] = "javascript:alert(1)" }, "refused"},
		"another issuer":      {func(w *world) { w.metadata["issuer"] = "https://other.example" }, "description of another one"},
		"no PKCE":             {func(w *world) { w.metadata["code_challenge_methods_supported"] = nil }, "PKCE"},
		"plain PKCE":          {func(w *world) { w.metadata["code_challenge_methods_supported"] = []string{"plain"} }, "PKCE"},
		"no registration":     {func(w *world) { w.metadata["registration_endpoint"] = nil }, "oauth.clientId"},
		"too long":            {func(w *world) { w.resource["x"] = strings.Repeat("x", 300<<10) }, "larger than allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.set(w)
			g := newGate(t, w, newMemory(), callers, "")
			ticket, err := g.Begin(t.Context(), person("ann-key"), "mail", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, text := visit(t, browser(t, ""), ticket.URL)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(text, c.want) {
				t.Errorf("%s: %s", resp.Status, text)
			}
			if done, err := g.Await(t.Context(), person("ann-key"), ticket.ID); done || err == nil {
				t.Errorf("waiting for it: %v, %v", done, err)
			}
		})
	}
}

// TestRedirects follows documents that move, but not to strangers, and never sends a secret after them.
func TestRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secrets := 0
	mux := http.NewServeMux()
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			secrets++
		}
	}))
	defer inside.Close()
	mux.HandleFunc("/as/token", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, inside.URL+"/token", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /.well-known/oauth-authorization-server/as", func(rw http.ResponseWriter, r *http.Request) {
		facts := w.issuerFacts()
		facts["issuer"], facts["token_endpoint"] = "http://"+r.Host+"/as", "http://"+r.Host+"/as/token"
		json.NewEncoder(rw).Encode(facts)
	})
	as := httptest.NewServer(mux)
	defer as.Close()
	for issuer, want := range map[string]string{as.URL + "/as": "HTTP 307"} {
		g := newGate(t, w, newMemory(), "oauth: {clientId: a, clientSecret: b, issuer: "+issuer+"}", "")
		if _, err := g.ask("anyone"); err == nil || !strings.Contains(err.Error(), want) || secrets > 0 {
			t.Errorf("a token endpoint that moves: %v, %d secrets", err, secrets)
		}
	}
	w.set(func() { w.hint = w.URL + "/moved" })
	w.Config.Handler.(*http.ServeMux).HandleFunc("/moved", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, inside.URL+"/meta", http.StatusFound)
	})
	g := newGate(t, w, newMemory(), "oauth: {clientId: a, clientSecret: b}", "")
	if _, err := g.ask("anyone"); err == nil || !strings.Contains(err.Error(), "is not https") {
		t.Errorf("metadata that move: %v", err)
	}
}
