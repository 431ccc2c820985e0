package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/store"
)

// openKeyed opens a gate that asks for keys, and its store once more.
func openKeyed(t *testing.T, change func(*config.Config)) (*gate, *store.Store) {
	t.Helper()
	cfg := configured(t, startPeer(t, true).server("peer"))
	cfg.Anonymous = false
	cfg.Scopes = map[string]config.Scope{"invoke:peer": {Names: []string{"*"}}, "deny:beep": {Names: []string{"*beep*"}}}
	cfg.Roles = map[string][]string{"quiet": {"invoke:peer", "deny:beep"}}
	if change != nil {
		change(cfg)
	}
	g := openWith(t, cfg)
	s, err := store.Open(t.Context(), cfg.StoreFile())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return g, s
}

// addKey makes a key in the store and returns its secret.
func addKey(t *testing.T, s *store.Store, name string, roles ...string) string {
	t.Helper()
	id := keyring.NewID()
	secret := keyring.Mint(id)
	k := keyring.Key{ID: id, Name: name, Roles: roles, Created: time.Now(), Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}}}
	if err := s.AddKey(t.Context(), &k); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestRevokedKeyEndsWhatIsOpen(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, nil)
	key := addKey(t, s, "ci", "quiet")
	modern := g.modernClient("{}")
	modern.key = key
	if got := modern.call(t, "echo"); !strings.Contains(got, "echo") {
		t.Fatalf("a new key is not let in: %s", got)
	}
	stream, _ := modern.start(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`, nil)
	stream.must(t, `"notifications/subscriptions/acknowledged"`)
	legacy := g.legacyWithKey(t, "{}", key)
	get := legacy.listen(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, g.url, &websocket.DialOptions{ //nolint:bodyclose // nothing to close (websocket.Dial)
		HTTPClient: g.web, HTTPHeader: http.Header{"Authorization": {"Bearer " + key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()

	began := time.Now()
	if _, err := s.RevokeKey(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the WebSocket goes on: %v", err)
	}
	for name, in := range map[string]*incoming{"subscriptions/listen": stream, "GET": get} {
		_, _ = io.Copy(io.Discard, in.lines)
		if d := time.Since(began); d > 1500*time.Millisecond { // a second, and what the machine needs
			t.Errorf("%s ended after %v", name, d)
		}
	}
	if in, _ := modern.start(t, "tools/list", "{}", nil); in.status != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d", in.status)
	}
	if in := legacy.post(t, `{"jsonrpc":"2.0","id":9,"method":"tools/list"}`, nil); in.status != http.StatusUnauthorized {
		t.Errorf("the session of a revoked key: %d", in.status)
	}
}

func TestRolesThatDeny(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, func(c *config.Config) { c.Scopes["deny:beep"] = config.Scope{Names: []string{"echo"}} })
	c := g.modernClient("{}")
	id := keyring.NewID()
	c.key = keyring.Mint(id)
	k := keyring.Key{ID: id, Name: "most", Scopes: []string{"*", "deny:beep"}, Secrets: []keyring.Secret{{Hash: keyring.Hash(c.key)}}}
	if err := s.AddKey(t.Context(), &k); err != nil {
		t.Fatal(err)
	}
	if list := c.ask(t, "tools/list", "{}"); strings.Contains(list, `"echo"`) || !strings.Contains(list, `"name"`) {
		t.Errorf("what is denied to who may do all else is listed: %s", list)
	}
	c = g.modernClient("{}")
	c.key = addKey(t, s, "ci", "quiet")
	if list := c.ask(t, "tools/list", "{}"); strings.Contains(list, `"echo"`) {
		t.Errorf("what is denied is listed: %s", list)
	}
	denied, absent := c.ask(t, "tools/call", `{"name":"echo","arguments":{}}`), c.ask(t, "tools/call", `{"name":"nope","arguments":{}}`)
	if strings.ReplaceAll(denied, "echo", "nope") != strings.NewReplacer(`"id":3`, `"id":2`).Replace(absent) {
		t.Errorf("what is denied is not as what is absent:\n%s\n%s", denied, absent)
	}
}

func TestLimitsThroughGate(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, func(c *config.Config) {
		c.Limits.Keys = []config.Limit{{Name: "slow", Rate: "2/h", Burst: 1}}
		c.Limits.Servers = []config.Limit{{Name: "peer", Rate: "1/h", Burst: 3}}
	})
	slow, other := g.modernClient("{}"), g.modernClient("{}")
	slow.key, other.key = addKey(t, s, "slow", "quiet"), addKey(t, s, "other", "quiet")
	if got := slow.call(t, "echo"); !strings.Contains(got, "echo") {
		t.Fatalf("the first call: %s", got)
	}
	in, _ := slow.start(t, "tools/call", `{"name":"echo","arguments":{}}`, nil)
	body := in.last(t)
	if in.status != http.StatusTooManyRequests || in.header.Get("Retry-After") != "1800" || !strings.Contains(body, `"retryAfterMs":1`) {
		t.Errorf("%d, Retry-After %q: %s", in.status, in.header.Get("Retry-After"), body)
	}
	for range 2 {
		if got := other.call(t, "echo"); !strings.Contains(got, "echo") {
			t.Errorf("another key: %s", got)
		}
	}
	if got := other.call(t, "echo"); !strings.Contains(got, "too many calls") {
		t.Errorf("the fourth call of the server: %s", got)
	}
	if list := other.ask(t, "tools/list", "{}"); !strings.Contains(list, `"echo"`) {
		t.Errorf("a list, which goes to no server: %s", list)
	}
	if err := g.Reload(g.Config()); err != nil {
		t.Fatal(err)
	}
	if got := other.call(t, "echo"); !strings.Contains(got, "too many calls") {
		t.Errorf("after a reload there are new calls: %s", got)
	}
}
