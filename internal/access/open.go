package access

import (
	"fmt"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/oauth"
)

// FromConfig returns an Access by a configuration: for the key named local, which is given, for the configuration's own, and for those
// on the ring, if there is one, and for access tokens of issuers. It also returns the caller named local.
func FromConfig(cfg *config.Config, key string, ring *keyring.Ring, issuers *oauth.Issuers) (*Access, *mcp.Caller, error) {
	naming := func(key string) mcp.Naming { return mcp.Naming(cfg.NamingOf(key)) }
	keys := []Key{{Name: "local", Hash: HashKey(key), Admin: true, Naming: naming("local")}}
	if cfg.APIKey != "" {
		its := Key{Name: "apiKey", Hash: HashKey(cfg.APIKey), Naming: naming("apiKey")}
		if cfg.Scopes != nil { // without any, it may do everything
			its.Scopes = cfg.ScopeNames()
		}
		keys = append(keys, its)
	}
	a, err := New(Options{Keys: keys, Scopes: cfg.Scopes, Roles: cfg.Roles, Ring: ring, Naming: naming, Identities: cfg.TLS.Identities, Anonymous: cfg.Anonymous, Roots: rootsOf(cfg)})
	if err != nil {
		return nil, nil, err
	}
	if a.tokens, err = issuers.Verifier(cfg, a); err != nil {
		return nil, nil, fmt.Errorf("the issuers of access tokens: %w", err)
	}
	user, refused := a.Bearer(key)
	if refused != nil {
		return nil, nil, refused
	}
	return a, user, nil
}
