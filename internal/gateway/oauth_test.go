package gateway_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A mint is an authorization server as far as a gate knows one: its key set, and tokens.
type mint struct {
	url    string
	signer jose.Signer
}

func startMint(t *testing.T) *mint {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "one"}}})
	}))
	t.Cleanup(s.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "one"}}, new(jose.SignerOptions).WithType("at+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return &mint{s.URL, signer}
}

// token returns a token of a subject with scopes, for so long.
func (m *mint) token(t *testing.T, subject, scope string, good time.Duration) string {
	t.Helper()
	token, err := jwt.Signed(m.signer).Claims(map[string]any{
		"iss": m.url, "sub": subject, "aud": publicAddress + "/mcp", "exp": float64(time.Now().Add(good).UnixMilli()) / 1000, "scope": scope, "jti": rand.Text(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const publicAddress = "http://127.0.0.1:8080"

// openTokened opens a gate that takes tokens and keys.
func openTokened(t *testing.T) (*gate, *mint, *store.Store) {
	t.Helper()
	m := startMint(t)
	g, s := openKeyed(t, func(c *config.Config) {
		c.PublicURL = publicAddress
		c.Scopes = map[string]config.Scope{
			"read:echo":   {Names: []string{"echo"}},
			"invoke:slow": {Names: []string{"progress", "touch"}, StepUp: true},
			"deny:touch":  {Names: []string{"touch"}},
			"invoke:odd":  {Names: []string{"strict"}},
		}
		c.Roles = nil
		issuer := config.Issuer{}
		issuer.Begin("work")
		issuer.Issuer, issuer.JWKS, issuer.ClockSkew = m.url, m.url+"/keys", 0
		issuer.Audience, issuer.Scopes = []string{c.Resource()}, []string{"deny:touch"}
		issuer.Claims = []config.Claim{{Claim: "scope", As: "scopes"}}
		c.OAuth = &config.OAuth{Issuers: []config.Issuer{issuer}}
	})
	return g, m, s
}

const (
	challengeAt   = `resource_metadata="` + publicAddress + `/.well-known/oauth-protected-resource/mcp"`
	challengeMore = `Bearer error="insufficient_scope", error_description="this needs the scope invoke:slow; ask the authorization server for it and call again", ` +
		`scope="read:echo invoke:slow", ` + challengeAt
)

func TestChallenges(t *testing.T) {
	t.Parallel()
	g, m, s := openTokened(t)
	c := g.modernClient("{}")
	for token, want := range map[string]string{
		"":                                     `Bearer scope="invoke:odd read:echo", ` + challengeAt,
		"key":                                  `error="invalid_token"`,
		"a.b.c":                                `error="invalid_token"`,
		m.token(t, "alice", "read:echo", -1e9): `error="invalid_token", error_description="the access token has expired; get a new one"`,
		m.token(t, "alice", "read:echo", 1e10)[1:]: `error="invalid_token"`,
	} {
		c.key = token
		in, _ := c.start(t, "tools/list", "{}", nil)
		if got := in.header.Get("WWW-Authenticate"); in.status != http.StatusUnauthorized || !strings.Contains(got, want) || !strings.Contains(got, challengeAt) {
			t.Errorf("with %q: %d, %s", token, in.status, got)
		}
	}
	for token, want := range map[string]int{m.token(t, "alice", "read:echo", time.Minute): http.StatusUnauthorized, addKey(t, s, "ops"): http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "192.0.2.1")
		req.Header.Set("Authorization", "Bearer "+token)
		if in := g.do(t, req, func() {}); in.status != want {
			t.Errorf("the instruments: %d, want %d", in.status, want)
		}
	}
	for _, path := range []string{"", "/mcp"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+"/.well-known/oauth-protected-resource"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		in := g.do(t, req, func() {})
		body, _ := io.ReadAll(in.lines)
		if want := fmt.Sprintf(`{"resource":"%s/mcp","authorization_servers":[%q],"scopes_supported":["invoke:odd","read:echo"],"bearer_methods_supported":["header"]}`, publicAddress, m.url); string(body) != want {
			t.Errorf("the metadata at %q: %d %s", path, in.status, body)
		}
	}
}

// TestStepUp calls a tool whose scope is missing, in each way that there is, and then with a token that has it.
func TestStepUp(t *testing.T) {
	t.Parallel()
	g, m, s := openTokened(t)
	small, large := m.token(t, "alice", "read:echo", time.Minute), m.token(t, "alice", "read:echo invoke:slow", time.Minute)
	const call = `{"name":"progress","arguments":{}}`
	legacy := g.legacyWithKey(t, "{}", small)
	modern := g.modernClient("{}")
	modern.key = small
	for name, c := range map[string]*client{"legacy": legacy, "modern": modern} {
		if list := c.ask(t, "tools/list", "{}"); !strings.Contains(list, `"echo"`) || !strings.Contains(list, `"progress"`) || strings.Contains(list, `"touch"`) || strings.Contains(list, `"strict"`) {
			t.Errorf("%s: the list is %s", name, list)
		}
		if got := c.call(t, "echo"); !strings.Contains(got, "echo") {
			t.Errorf("%s: what the token is good for: %s", name, got)
		}
		in, _ := c.start(t, "tools/call", call, nil)
		body := in.last(t)
		if got := in.header.Get("WWW-Authenticate"); in.status != http.StatusForbidden || got != challengeMore || !strings.Contains(body, `"insufficient-scope"`) || !strings.Contains(body, `"invoke:slow"`) {
			t.Errorf("%s: %d %s %s", name, in.status, got, body)
		}
		for _, hidden := range []string{"touch", "strict", "nothing"} {
			in, _ := c.start(t, "tools/call", `{"name":"`+hidden+`","arguments":{}}`, nil)
			if body := in.last(t); in.header.Get("WWW-Authenticate") != "" || !strings.Contains(body, "unknown tool: "+hidden) {
				t.Errorf("%s: what is hidden: %s", name, body)
			}
		}
		c.key = large
		if got := c.ask(t, "tools/call", call); !strings.Contains(got, `"result"`) {
			t.Errorf("%s: with the scope: %s", name, got)
		}
	}
	legacy.key = m.token(t, "bob", "read:echo invoke:slow", time.Minute)
	if in, _ := legacy.start(t, "tools/list", "{}", nil); in.status != http.StatusForbidden {
		t.Errorf("another's session: %d", in.status)
	}
	legacy.key = addKey(t, s, "alice")
	if in, _ := legacy.start(t, "tools/list", "{}", nil); in.status != http.StatusForbidden {
		t.Errorf("the session, with a key: %d", in.status)
	}
	keyed := g.modernClient("{}")
	keyed.key = legacy.key
	in, _ := keyed.start(t, "tools/call", call, nil)
	if body := in.last(t); in.status == http.StatusForbidden || !strings.Contains(body, "unknown tool") {
		t.Errorf("a key is asked to step up: %s", body)
	}
	if list := keyed.ask(t, "tools/list", "{}"); strings.Contains(list, "progress") {
		t.Errorf("a key is shown what it could step up to: %s", list)
	}
	if records := strings.Join(g.records(t), "\n"); !strings.Contains(records, `"oauth:work:alice"`) || !strings.Contains(records, "insufficient-scope") {
		t.Errorf("the record: %s", records)
	}
}

// TestStepUpElsewhere asks for more scope where there is no status to say it with.
func TestStepUpElsewhere(t *testing.T) {
	t.Parallel()
	g, m, _ := openTokened(t)
	small := m.token(t, "alice", "read:echo", time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{ //nolint:bodyclose // nothing to close (websocket.Dial)
		HTTPClient: g.web, HTTPHeader: http.Header{"Authorization": {"Bearer " + small}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for id, raw := range []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, legacyRevision),
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress","arguments":{}}}`,
	} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(raw)); err != nil {
			t.Fatal(err)
		}
		_, answer, err := conn.Read(ctx)
		if err != nil || !strings.Contains(string(answer), fmt.Sprintf(`"id":%d`, id)) {
			t.Fatalf("%v: %s", err, answer)
		}
		if id == 1 && (!strings.Contains(string(answer), `"insufficient-scope"`) || !strings.Contains(string(answer), `"invoke:slow"`)) {
			t.Errorf("over a WebSocket: %s", answer)
		}
	}
	array := &client{gate: g, key: small, older: "2025-03-26"}
	array.initialize(t, "{}")
	answers := array.post(t, `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}},`+
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"progress","arguments":{}}}]`, nil)
	if body, _ := io.ReadAll(answers.lines); answers.status != http.StatusOK || !strings.Contains(string(body), `"insufficient-scope"`) || strings.Count(string(body), `"result"`) != 1 {
		t.Errorf("in an array: %d %s", answers.status, body)
	}
	c := &client{gate: g, key: small}
	in := c.post(t, `{"jsonrpc":"2.0","id":1,"method":"mcp.tool.invoke","params":{"toolId":"progress","args":{}}}`, nil)
	if body := in.last(t); in.status != http.StatusForbidden || in.header.Get("WWW-Authenticate") != challengeMore || !strings.Contains(body, `"scopes":["invoke:slow"]`) {
		t.Errorf("in the dialect: %d %s", in.status, body)
	}
}

// TestTokenEnds waits for the end of a token: what goes on with it ends then.
func TestTokenEnds(t *testing.T) {
	t.Parallel()
	g, m, _ := openTokened(t)
	modern := g.modernClient("{}")
	modern.key = m.token(t, "alice", "read:echo", 2*time.Second)
	stream, _ := modern.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
	stream.must(t, `"notifications/subscriptions/acknowledged"`)
	legacy := g.legacyWithKey(t, "{}", modern.key)
	get := legacy.listen(t, nil)
	for name, in := range map[string]*incoming{"subscriptions/listen": stream, "GET": get} {
		began := time.Now()
		_, _ = io.Copy(io.Discard, in.lines)
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s ended after %v", name, d)
		}
	}
	if in, _ := modern.start(t, "tools/list", "{}", nil); in.status != http.StatusUnauthorized {
		t.Errorf("after the end: %d", in.status)
	}
	legacy.key = m.token(t, "alice", "read:echo", time.Minute)
	if list := legacy.ask(t, "tools/list", "{}"); !strings.Contains(list, `"echo"`) {
		t.Errorf("the session with a new token: %s", list)
	}
}
