package credential_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A world is a server that wants tokens and the authorization server that gives them, on one listener.
type world struct {
	*httptest.Server

	mu       sync.Mutex
	life     float64        // of access tokens, in seconds
	metadata map[string]any // overrides what the authorization server says of itself
	resource map[string]any // the same for the resource
	hint     string         // the metadata's URL in challenges; the well-known one when empty
	silent   bool           // challenges name no metadata
	user     string         // who has the browser
	iss      string         // what comes back as iss; the issuer when empty
	refuse   string         // an error of the token endpoint
	status   int            // with which the token endpoint is out of order
	need     string         // a scope without which the server refuses

	codes   map[string]url.Values // by code
	live    map[string][]string   // access tokens with user and scopes
	refresh map[string][]string   // the same of refresh tokens
	clients map[string]string     // secrets by id
	secrets []string              // all that must never be seen
	asked   map[string]int        // requests by path and grant
	forms   []url.Values
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		life: 3600, user: "ann", codes: map[string]url.Values{}, live: map[string][]string{}, refresh: map[string][]string{}, clients: map[string]string{},
		asked: map[string]int{}, metadata: map[string]any{}, resource: map[string]any{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", w.mcp)
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(rw http.ResponseWriter, _ *http.Request) { w.describe(rw, w.resource, w.resourceFacts()) })
	mux.HandleFunc("GET /.well-known/oauth-authorization-server/as", func(rw http.ResponseWriter, _ *http.Request) { w.describe(rw, w.metadata, w.issuerFacts()) })
	mux.HandleFunc("GET /as/authorize", w.authorize)
	mux.HandleFunc("POST /as/token", w.token)
	mux.HandleFunc("POST /as/register", w.register)
	mux.HandleFunc("POST /as/revoke", w.revoke)
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

func (w *world) resourceFacts() map[string]any {
	return map[string]any{"resource": w.URL + "/mcp", "authorization_servers": []string{w.URL + "/as"}, "scopes_supported": []string{"mail.read"}}
}

func (w *world) issuerFacts() map[string]any {
	return map[string]any{
		"issuer": w.URL + "/as", "authorization_endpoint": w.URL + "/as/authorize", "token_endpoint": w.URL + "/as/token",
		"registration_endpoint": w.URL + "/as/register", "revocation_endpoint": w.URL + "/as/revoke",
		"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic"},
		"scopes_supported": []string{"mail.read", "mail.send", "offline_access"}, "authorization_response_iss_parameter_supported": true,
	}
}

func (w *world) describe(rw http.ResponseWriter, over, facts map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, value := range over {
		if facts[name] = value; value == nil {
			delete(facts, name)
		}
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(facts)
}

// mcp is the server: it says who asks.
func (w *world) mcp(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	io.Copy(io.Discard, r.Body)
	w.asked[r.Method+" /mcp"]++
	challenge := `Bearer realm="mail, and more"`
	if at := w.hint; !w.silent {
		if at == "" {
			at = w.URL + "/.well-known/oauth-protected-resource/mcp"
		}
		challenge += `, resource_metadata="` + at + `"`
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, ok := w.live[token]
	switch {
	case !ok:
		rw.Header().Add("WWW-Authenticate", `Basic realm="x"`)
		rw.Header().Add("WWW-Authenticate", challenge)
		rw.WriteHeader(http.StatusUnauthorized)
	case w.need != "" && !slices.Contains(who[1:], w.need):
		rw.Header().Add("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="mail.read `+w.need+`"`)
		rw.WriteHeader(http.StatusForbidden)
	default:
		fmt.Fprint(rw, who[0])
	}
}

// authorize lets the user with the browser in at once.
func (w *world) authorize(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := r.URL.Query()
	w.forms = append(w.forms, q)
	if _, known := w.clients[q.Get("client_id")]; !known || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("resource") != w.URL+"/mcp" {
		http.Error(rw, "bad request", http.StatusBadRequest)
		return
	}
	code := w.secret("code")
	q.Set("user", w.user)
	w.codes[code] = q
	iss := w.iss
	if iss == "" {
		iss = w.URL + "/as"
	}
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if iss != "-" {
		back.Set("iss", iss)
	}
	http.Redirect(rw, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (w *world) secret(kind string) string {
	s := kind + "-" + rand.Text()
	w.secrets = append(w.secrets, s)
	return s
}

func (w *world) register(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked["register"]++
	var m struct {
		RedirectURIs []string `json:"redirect_uris"`
		Type         string   `json:"application_type"`
	}
	if json.NewDecoder(r.Body).Decode(&m) != nil || len(m.RedirectURIs) != 1 || m.Type != "native" {
		http.Error(rw, "{}", http.StatusBadRequest)
		return
	}
	id, secret := "client-"+rand.Text(), w.secret("secret")
	w.clients[id] = secret
	rw.WriteHeader(http.StatusCreated)
	fmt.Fprintf(rw, `{"client_id":%q,"client_secret":%q,"token_endpoint_auth_method":"client_secret_basic"}`, id, secret)
}

// token is the token endpoint: refresh tokens are good once.
func (w *world) token(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.ParseForm()
	grant := r.Form.Get("grant_type")
	w.asked[grant]++
	w.forms = append(w.forms, r.Form)
	id, secret, _ := r.BasicAuth()
	if want, known := w.clients[id]; !known || want != secret {
		w.fail(rw, "invalid_client")
		return
	}
	if w.status != 0 {
		rw.WriteHeader(w.status)
		return
	}
	if w.refuse != "" {
		w.fail(rw, w.refuse)
		return
	}
	var who []string
	switch grant {
	case "authorization_code":
		q := w.codes[r.Form.Get("code")]
		delete(w.codes, r.Form.Get("code"))
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		if q == nil || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || q.Get("redirect_uri") != r.Form.Get("redirect_uri") {
			w.fail(rw, "invalid_grant")
			return
		}
		who = append([]string{q.Get("user")}, strings.Fields(q.Get("scope"))...)
	case "refresh_token":
		who = w.refresh[r.Form.Get("refresh_token")]
		delete(w.refresh, r.Form.Get("refresh_token"))
		if who == nil {
			w.fail(rw, "invalid_grant")
			return
		}
	case "client_credentials":
		who = append([]string{"service"}, strings.Fields(r.Form.Get("scope"))...)
	}
	if r.Form.Get("resource") != w.URL+"/mcp" {
		w.fail(rw, "invalid_target")
		return
	}
	w.give(rw, grant, who)
}

func (w *world) give(rw http.ResponseWriter, grant string, who []string) {
	access := w.secret("access")
	w.live[access] = who
	answer := map[string]any{"access_token": access, "token_type": "bearer", "expires_in": w.life, "scope": strings.Join(who[1:], " ")}
	if grant != "client_credentials" {
		next := w.secret("refresh")
		w.refresh[next] = who
		answer["refresh_token"] = next
	}
	json.NewEncoder(rw).Encode(answer)
}

func (w *world) fail(rw http.ResponseWriter, code string) {
	rw.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(rw, `{"error":%q,"error_description":"the token %s is bad"}`, code, strings.Join(w.secrets, ","))
}

func (w *world) revoke(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.ParseForm()
	w.asked["revoke"]++
	delete(w.refresh, r.Form.Get("token"))
	rw.WriteHeader(http.StatusOK)
}

// expire ends all access tokens at the server, without a word.
func (w *world) expire() {
	w.set(func() { clear(w.live) })
}

func (w *world) set(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *world) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[what]
}

// A memory is a Store in memory.
type memory struct {
	mu   sync.Mutex
	rows map[credential.Key]credential.Record
	turn map[credential.Key]time.Time
	last int64
	away bool
}

var errAway = errors.New("the database is away")

func newMemory() *memory {
	return &memory{rows: map[credential.Key]credential.Record{}, turn: map[credential.Key]time.Time{}}
}

func (m *memory) enter() (func(), error) {
	m.mu.Lock()
	if m.away {
		m.mu.Unlock()
		return nil, errAway
	}
	return m.mu.Unlock, nil
}

func (m *memory) Credential(_ context.Context, key credential.Key) (credential.Record, error) {
	leave, err := m.enter()
	if err != nil {
		return credential.Record{}, err
	}
	defer leave()
	if r, ok := m.rows[key]; ok {
		return r, nil
	}
	return credential.Record{}, credential.ErrNone
}

func (m *memory) PutCredential(_ context.Context, r credential.Record) (int64, error) {
	leave, err := m.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	if m.rows[r.Key].Revision != r.Revision {
		return 0, credential.ErrChanged
	}
	m.last++
	r.Revision = m.last
	m.rows[r.Key] = r
	delete(m.turn, r.Key)
	return r.Revision, nil
}

func (m *memory) DropCredential(_ context.Context, r credential.Record) error {
	leave, err := m.enter()
	if err != nil {
		return err
	}
	defer leave()
	if r.Revision != 0 && m.rows[r.Key].Revision != r.Revision {
		return credential.ErrChanged
	}
	delete(m.rows, r.Key)
	return nil
}

func (m *memory) TurnCredential(_ context.Context, r credential.Record, until time.Time) (bool, error) {
	leave, err := m.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	if m.rows[r.Key].Revision != r.Revision || !until.IsZero() && time.Now().Before(m.turn[r.Key]) {
		return false, nil
	}
	m.turn[r.Key] = until
	return true, nil
}

func (m *memory) LatestCredential(_ context.Context, kind, of string) (string, error) {
	leave, err := m.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	var best credential.Record
	for key, r := range m.rows {
		if key.Kind == kind && key.Of == of && r.Revision > best.Revision {
			best = r
		}
	}
	if best.Revision == 0 {
		return "", credential.ErrNone
	}
	return best.Key.Owner, nil
}

// A gate is a Keeper with its pages, and what it says.
type gate struct {
	*credential.Keeper

	t       *testing.T
	world   *world
	store   *memory
	pages   *httptest.Server
	cfg     *config.Config
	log     *safeBuffer
	mu      sync.Mutex
	events  []credential.Event
	changes []string
}

type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// newGate opens a Keeper for the server mail of a world. The text is what mcp.yaml says of the server besides its url, and top what else it says.
func newGate(t *testing.T, w *world, store *memory, text, top string) *gate {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.Parse("mcp.yaml", dir, []byte(top+"\nservers:\n  mail: {url: "+w.URL+"/mcp, "+text+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, world: w, store: store, cfg: cfg, log: &safeBuffer{}}
	g.Keeper = credential.New(t.Context(), credential.Options{
		Store: store, KeyFile: filepath.Join(dir, "credentials.key"), Log: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Event: func(_ context.Context, e credential.Event) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.events = append(g.events, e)
		},
		Changed: func(server string) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.changes = append(g.changes, server)
		},
	})
	if err := g.Update(cfg); err != nil {
		t.Fatal(err)
	}
	g.pages = httptest.NewServer(g.Keeper)
	g.At(g.pages.URL + "/mcp")
	t.Cleanup(func() {
		g.pages.Close()
		g.Close()
		g.silent()
	})
	return g
}

// silent wants no secret in the log, on the record or in the store.
func (g *gate) silent() {
	g.t.Helper()
	var all strings.Builder
	all.WriteString(g.log.text())
	g.mu.Lock()
	fmt.Fprint(&all, g.events)
	g.mu.Unlock()
	g.store.mu.Lock()
	for _, r := range g.store.rows {
		all.Write(r.Sealed)
	}
	g.store.mu.Unlock()
	for _, secret := range g.world.secrets {
		if strings.Contains(all.String(), secret) {
			g.t.Errorf("%s can be seen", secret)
		}
	}
}

func (g *gate) kinds() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, e := range g.events {
		all = append(all, e.Kind+" "+e.Server+" "+e.Owner)
	}
	return all
}

func person(name string) *mcp.Caller { return &mcp.Caller{ID: name} }

func operator() *mcp.Caller { return &mcp.Caller{ID: "local", Admin: true} }

// ask makes a request of the server on behalf of a caller, and returns who it is taken for.
func (g *gate) ask(caller string) (string, error) {
	g.t.Helper()
	carrier := http1.For(g.world.URL, nil)
	defer carrier.CloseIdleConnections()
	return g.askWith(carrier.As(g.Authority("mail", caller)))
}

func (g *gate) askWith(carrier *http1.Transport) (string, error) {
	u, err := url.Parse(g.world.URL + "/mcp")
	if err != nil {
		g.t.Fatal(err)
	}
	resp, err := carrier.Do(g.t.Context(), &http1.Request{Method: http.MethodPost, URL: u, Header: http.Header{}, Body: []byte("{}")})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return string(body), err
}

// want fails the test unless a caller is taken for somebody.
func (g *gate) want(caller, who string) {
	g.t.Helper()
	if got, err := g.ask(caller); err != nil || got != who {
		g.t.Errorf("%q is taken for %q, %v; want %q", caller, got, err, who)
	}
}

// wantLogin fails the test unless a caller has to log in.
func (g *gate) wantLogin(caller string) *credential.LoginError {
	g.t.Helper()
	who, err := g.ask(caller)
	needed, ok := errors.AsType[*credential.LoginError](err)
	if !ok {
		g.t.Fatalf("%q is taken for %q, %v; want that a login is needed", caller, who, err)
	}
	if mcp.AsError(err) == nil || !http1.IsRefusal(err) {
		g.t.Errorf("this error does not say that nothing was begun: %v", err)
	}
	return needed
}

// browser returns one with cookies of its own. Redirects to none of the places named are followed.
func browser(t *testing.T, stop string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if stop != "" && strings.Contains(r.URL.Path, stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

var formTarget = regexp.MustCompile(`<form method="post" action="([^"]+)">`)

// A shown page is what a browser ends at.
type shown struct {
	StatusCode int
	Status     string
	Header     http.Header
	at         *url.URL
}

// visit goes to an address, and on from the question there. It returns where that ends.
func visit(t *testing.T, b *http.Client, address string) (*shown, string) {
	t.Helper()
	page, text := get(t, b, address)
	form := formTarget.FindStringSubmatch(text)
	if form == nil {
		return page, text
	}
	to, err := page.at.Parse(form[1])
	if err != nil {
		t.Fatal(err)
	}
	return read(t)(b.PostForm(to.String(), nil)) //nolint:bodyclose // read does
}

func get(t *testing.T, b *http.Client, address string) (*shown, string) {
	t.Helper()
	return read(t)(b.Get(address)) //nolint:bodyclose // read does
}

func read(t *testing.T) func(*http.Response, error) (*shown, string) {
	t.Helper()
	return func(resp *http.Response, err error) (*shown, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return &shown{resp.StatusCode, resp.Status, resp.Header, resp.Request.URL}, string(body)
	}
}

// login logs a caller in as a user of the authorization server.
func (g *gate) login(caller *mcp.Caller, user string, scopes ...string) {
	g.t.Helper()
	g.world.set(func() { g.world.user = user })
	ticket, err := g.Begin(g.t.Context(), caller, "mail", scopes)
	if err != nil {
		g.t.Fatal(err)
	}
	resp, text := visit(g.t, browser(g.t, ""), ticket.URL)
	if resp.StatusCode != http.StatusOK || !strings.Contains(text, "You are logged in") {
		g.t.Fatalf("%s: %s", resp.Status, text)
	}
	if done, err := g.Await(g.t.Context(), caller, ticket.ID); !done || err != nil {
		g.t.Errorf("the login is not done: %v, %v", done, err)
	}
}
