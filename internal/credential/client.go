package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// clientName is what people are shown who are asked whether the gateway may act for them.
const clientName = "Sumun"

// The paths of the pages.
const (
	pathLogin    = "/oauth/login/"
	pathCallback = "/oauth/callback/"
	pathClient   = "/.well-known/oauth-client/"
)

// redirect returns where the browser comes back to from a login at that server. Each server has an address of its own, so that what comes
// from one authorization server is never taken for the answer of another (RFC 9700 section 4.4.2).
func (k *Keeper) redirect(server string) string {
	return k.base() + pathCallback + url.PathEscape(server)
}

// client returns what the gateway is at an authorization server: what the configuration says, or else the document that it serves about
// itself, or else what it has registered as (MCP, basic/authorization, "Client Registration Approaches").
func (k *Keeper) client(ctx context.Context, s *server, f *found, redirect string) (client, error) {
	if s.oauth.ClientID != "" {
		c := client{ID: s.oauth.ClientID, Secret: s.oauth.ClientSecret}
		return c, c.choose(f.issuer.TokenMethods)
	}
	k.mu.Lock()
	public := k.public
	k.mu.Unlock()
	if f.issuer.ClientDocuments && strings.HasPrefix(public, "https://") {
		return client{ID: public + pathClient + url.PathEscape(s.config.Name), Method: methodNone}, nil
	}
	if f.issuer.RegisterURL == "" {
		return client{}, fmt.Errorf("the authorization server %s registers no clients by itself; register the redirect URI %s there, and set oauth.clientId",
			shorten(f.issuer.Issuer), redirect)
	}
	key := Key{Kind: clientKind, Owner: f.issuer.Issuer, Of: redirect}
	var c client
	r, err := k.get(ctx, key, &c)
	if err == nil && (r.Ends.IsZero() || time.Now().Before(r.Ends)) {
		return c, nil
	}
	if err != nil && !errors.Is(err, ErrNone) && !errors.Is(err, errSealed) {
		return c, unavailable(err)
	}
	c, ends, err := s.fetch.register(ctx, &f.issuer, redirect)
	if err != nil {
		return c, err
	}
	if err := k.replace(ctx, key, ends, c); err != nil {
		return c, unavailable(err)
	}
	return c, nil
}

// unenrol forgets what the gateway was registered as for a login.
func (k *Keeper) unenrol(ctx context.Context, l *login) {
	_ = k.o.Store.DropCredential(ctx, Record{Key: Key{Kind: clientKind, Owner: l.Issuer, Of: l.Redirect}}) // the login has failed anyway
}

// clientMetadata is what the gateway says of itself as a client (RFC 7591 section 2; MCP, "Client ID Metadata Documents").
type clientMetadata struct {
	ClientID        string   `json:"client_id,omitempty"`
	ClientName      string   `json:"client_name"`
	ClientURI       string   `json:"client_uri,omitempty"`
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	TokenMethod     string   `json:"token_endpoint_auth_method"`
	ApplicationType string   `json:"application_type"`
}

// metadataOf returns what the gateway says of itself, with that redirect URI.
func metadataOf(redirect string) clientMetadata {
	m := clientMetadata{
		ClientName: clientName, RedirectURIs: []string{redirect}, GrantTypes: []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code"}, TokenMethod: methodNone, ApplicationType: "web",
	}
	if strings.HasPrefix(redirect, "http://") {
		m.ApplicationType = "native" // which may come back to loopback
	}
	return m
}

// register registers the gateway at an authorization server (RFC 7591). It returns when the registration ends, zero for never.
func (f *fetcher) register(ctx context.Context, at *issuer, redirect string) (c client, ends time.Time, err error) {
	m := metadataOf(redirect)
	for _, method := range []string{methodNone, methodBasic, methodPost} {
		if slices.Contains(at.TokenMethods, method) {
			m.TokenMethod = method
			break
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return c, ends, fmt.Errorf("writing a registration: %w", err)
	}
	a, err := f.post(ctx, at.RegisterURL, http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, body)
	if err != nil {
		return c, ends, fmt.Errorf("registering at the authorization server: %w", err)
	}
	var said struct {
		ID      string  `json:"client_id"`
		Secret  string  `json:"client_secret"`
		Expires float64 `json:"client_secret_expires_at"`
		Method  string  `json:"token_endpoint_auth_method"`
	}
	if a.status/100 != 2 {
		return c, ends, fmt.Errorf("the authorization server refuses to register the gateway (HTTP %d); register it there yourself, and set oauth.clientId", a.status)
	}
	if json.Unmarshal(a.body, &said) != nil || said.ID == "" {
		return c, ends, errors.New("the authorization server answers a registration without a client_id")
	}
	c = client{ID: said.ID, Secret: said.Secret}
	if said.Expires > 0 {
		ends = time.Unix(int64(said.Expires), 0)
	}
	if slices.Contains([]string{methodNone, methodBasic, methodPost}, said.Method) {
		c.Method = said.Method
		return c, ends, nil
	}
	return c, ends, c.choose(at.TokenMethods)
}
