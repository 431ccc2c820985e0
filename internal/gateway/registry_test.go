package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/store"
)

// TestOutsideNotConnected wants a server outside of the list neither dialled nor called, at two gateways that share a store, until somebody adds it
// at one of them; and let go again when it is taken off.
func TestOutsideNotConnected(t *testing.T) {
	t.Parallel()
	stranger, friend := startPeer(t, true), startPeer(t, true)
	cfg := configured(t, stranger.server("stranger"), friend.server("friend"))
	for i := range cfg.Servers {
		cfg.Servers[i].Prefix = cfg.Servers[i].Name
	}
	cfg.Trust.Outside, cfg.Trust.Registry = belief.Block, []string{"friend"}
	one := openWith(t, cfg)
	again := *cfg
	two := openWith(t, &again)
	for _, g := range []*gate{one, two} {
		if got := g.invoke(t, "friend.echo"); !strings.Contains(got, `"result"`) {
			t.Errorf("a server on the list cannot be called: %s", got)
		}
		if got := g.invoke(t, "stranger.echo"); !strings.Contains(got, `"alert":"outside-`) {
			t.Errorf("a call of a server outside of the list: %s", got)
		}
		if got := g.invoke(t, "nobody.echo"); strings.Contains(got, "outside-") {
			t.Errorf("a call of nothing: %s", got)
		}
	}
	if n := stranger.count("initialize") + stranger.count("server/discover") + stranger.count("tools/list"); n != 0 {
		t.Errorf("a server outside of the list was asked %d times", n)
	}
	if got := one.dialect(t, "mcp.trust.registry", `{"add":{"server":"stranger"}}`); !strings.Contains(got, `"revision":1`) {
		t.Fatal(got)
	}
	for _, g := range []*gate{one, two} {
		eventually(t, "the server that was added is called", func() bool { return strings.Contains(g.invoke(t, "stranger.echo"), `"result"`) })
	}
	if got := two.dialect(t, "mcp.trust.registry", `{"remove":"stranger"}`); !strings.Contains(got, `"revision":2`) {
		t.Fatal(got)
	}
	for _, g := range []*gate{one, two} {
		eventually(t, "the server that was removed is not called any more", func() bool { return strings.Contains(g.invoke(t, "stranger.echo"), `"alert":"outside-`) })
	}
	lax := *cfg
	lax.Trust.Outside = belief.Off
	if err := one.Reload(&lax); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a change of mcp.yaml lets it in", func() bool { return strings.Contains(one.invoke(t, "stranger.echo"), `"result"`) })
}

// invoke calls a tool in the dialect.
func (g *gate) invoke(t *testing.T, tool string) string {
	t.Helper()
	return g.dialect(t, "mcp.tool.invoke", `{"toolId":"`+tool+`","args":{}}`)
}

// TestRegistryScopes shows the registry to those who may know all, and has those change it who may.
func TestRegistryScopes(t *testing.T) {
	t.Parallel()
	g, s := openKeyed(t, func(c *config.Config) { c.Trust.Outside = belief.Warn })
	const method, read, change = "mcp.trust.registry", `{}`, `{"add":{"url":"https://a.example"}}`
	for name, can := range map[string]struct{ scopes, read, change string }{
		"ci":     {"invoke:peer", "admin:trust", "admin:trust"},
		"viewer": {"*", `"servers"`, "admin:trust"},
		"keeper": {"admin:trust", `"servers"`, `"listed":true`},
	} {
		ask := overHTTPWith(t, g, addScoped(t, s, name, can.scopes))
		for params, want := range map[string]string{read: can.read, change: can.change} {
			if got := ask(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`); !strings.Contains(got, want) {
				t.Errorf("%s with %s: %s, want %s", name, params, got, want)
			}
		}
	}
	if got := g.admin(t, method, read); !strings.Contains(got, "https://a.example") {
		t.Errorf("the standard's door: %s", got)
	}
}

// addScoped makes a key with a scope in the store and returns its secret.
func addScoped(t *testing.T, s *store.Store, name, scope string) string {
	t.Helper()
	id := keyring.NewID()
	secret := keyring.Mint(id)
	k := keyring.Key{ID: id, Name: name, Scopes: []string{scope}, Created: time.Now(), Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}}}
	if err := s.AddKey(t.Context(), &k); err != nil {
		t.Fatal(err)
	}
	return secret
}
