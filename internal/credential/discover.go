package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// A challenge is what a server wants that refuses a request (RFC 6750 section 3, RFC 9728 section 5.1).
type challenge struct {
	Error    string
	Scopes   []string
	Metadata string // the URL of the resource's metadata
}

// challengeOf reads the challenge in an answer, empty if there is none that can be understood.
func challengeOf(h http.Header) challenge {
	all, err := oauthex.ParseWWWAuthenticate(h.Values("WWW-Authenticate"))
	if err != nil {
		return challenge{}
	}
	for _, c := range all {
		if strings.EqualFold(c.Scheme, "bearer") {
			scopes := strings.Fields(c.Params["scope"])
			return challenge{c.Params["error"], slices.DeleteFunc(scopes, func(s string) bool { return !tokens.MatchString(s) }), c.Params["resource_metadata"]}
		}
	}
	return challenge{}
}

// An issuer is what an authorization server says of itself (RFC 8414 section 2, OpenID Connect Discovery section 3).
type issuer struct {
	Issuer          string   `json:"issuer"`
	AuthorizeURL    string   `json:"authorization_endpoint"`
	TokenURL        string   `json:"token_endpoint"`
	RegisterURL     string   `json:"registration_endpoint"`
	RevokeURL       string   `json:"revocation_endpoint"`
	Scopes          []string `json:"scopes_supported"`
	TokenMethods    []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeTypes  []string `json:"code_challenge_methods_supported"`
	ClientDocuments bool     `json:"client_id_metadata_document_supported"`
	NamesItself     bool     `json:"authorization_response_iss_parameter_supported"`
}

// found is what a server and its authorization server say of how to get tokens.
type found struct {
	resource string   // the value of the parameter resource
	scopes   []string // that the server wants
	issuer   issuer
}

// discover finds out how tokens are had for the server (MCP, basic/authorization, "Authorization Server Discovery").
func (s *server) discover(ctx context.Context) (*found, error) {
	said := s.challenge(ctx)
	out := &found{resource: s.resource.String(), scopes: said.Scopes}
	resource, err := s.metadata(ctx, said.Metadata)
	if err != nil && s.oauth.Issuer == "" {
		return nil, err
	}
	where := s.oauth.Issuer
	if err == nil && resource.Resource != "" {
		out.resource = resource.Resource
		if len(out.scopes) == 0 {
			out.scopes = resource.ScopesSupported
		}
		if where == "" && len(resource.AuthorizationServers) > 0 {
			where = resource.AuthorizationServers[0]
		}
	}
	if where == "" { // before 2025-06-18 a server was its own authorization server
		where = s.resource.Scheme + "://" + s.resource.Host
	}
	issuer, err := s.fetch.issuer(ctx, where)
	if err != nil {
		return nil, err
	}
	out.issuer = *issuer
	return out, nil
}

// challenge asks the server without a token, and returns what it wants; empty if it does not say.
func (s *server) challenge(ctx context.Context) challenge {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	for name, value := range s.config.Headers {
		header.Set(name, value)
	}
	method, body := http.MethodPost, ping
	if s.config.Type != "http" { // a stream or a WebSocket begins with GET
		method, body = http.MethodGet, ""
	}
	a, err := s.fetch.ask(ctx, method, s.resource.String(), header, strings.NewReader(body))
	if a == nil || err != nil && a.status == 0 || a.status != http.StatusUnauthorized {
		return challenge{}
	}
	return challengeOf(a.header)
}

// metadata returns what the server says of itself as a resource (RFC 9728): at the URL that it has named, or at the well-known ones. It is
// empty if there is nothing at those.
func (s *server) metadata(ctx context.Context, named string) (*oauthex.ProtectedResourceMetadata, error) {
	const wellKnown = "/.well-known/oauth-protected-resource"
	urls := []string{named}
	if named == "" {
		urls = insert(s.resource, wellKnown)
	}
	for _, at := range urls {
		var m oauthex.ProtectedResourceMetadata
		if err := s.fetch.document(ctx, at, &m); err != nil {
			if named != "" {
				return nil, fmt.Errorf("reading what the server says of itself: %w", err)
			}
			continue
		}
		if !covers(m.Resource, s.resource) {
			return nil, fmt.Errorf("the server describes itself as the resource %q, which it is not", shorten(m.Resource))
		}
		return &m, nil
	}
	return &oauthex.ProtectedResourceMetadata{}, nil
}

// insert returns the URLs of a well-known document of a URL: with its path behind, and then of its host (RFC 8414 section 3.1).
func insert(u *url.URL, wellKnown string) []string {
	root := u.Scheme + "://" + u.Host
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{root + wellKnown}
	}
	return []string{root + wellKnown + path, root + wellKnown}
}

// covers reports whether a resource is the server, or what it is below of: of one origin, and its path the beginning of the server's.
func covers(resource string, server *url.URL) bool {
	u, err := url.Parse(resource)
	if err != nil || u.Fragment != "" || u.RawQuery != "" || u.User != nil {
		return false
	}
	if u = identifier(u); u.Scheme != server.Scheme || hostPort(u) != hostPort(server) {
		return false
	}
	above, path := strings.TrimSuffix(u.EscapedPath(), "/"), strings.TrimSuffix(server.EscapedPath(), "/")
	return path == above || strings.HasPrefix(path, above+"/")
}

// issuer returns what an authorization server says of itself, which has to be its own name.
func (f *fetcher) issuer(ctx context.Context, name string) (*issuer, error) {
	u, err := f.parse(name)
	if err != nil {
		return nil, err
	}
	const oauth, openID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	urls := []string{insert(u, oauth)[0], insert(u, openID)[0]}
	if path := strings.TrimSuffix(u.EscapedPath(), "/"); path != "" {
		urls = append(urls, u.Scheme+"://"+u.Host+path+openID)
	}
	var faults []string
	for _, at := range urls {
		var m issuer
		err := f.document(ctx, at, &m)
		if err == nil && m.Issuer != name {
			err = fmt.Errorf("%s is the description of another one, %q", shorten(at), shorten(m.Issuer))
		}
		if err == nil {
			err = f.checkIssuer(&m)
		}
		if err == nil {
			return &m, nil
		}
		faults = append(faults, err.Error())
	}
	return nil, fmt.Errorf("the authorization server %s does not describe itself: %w", shorten(name), errors.New(strings.Join(faults, "; ")))
}

// checkIssuer wants addresses that may be asked.
func (f *fetcher) checkIssuer(m *issuer) error {
	for _, at := range []string{m.AuthorizeURL, m.TokenURL, m.RegisterURL, m.RevokeURL} {
		if at == "" {
			continue
		}
		if _, err := f.parse(at); err != nil {
			return err
		}
	}
	if m.TokenURL == "" {
		return errors.New("it names no token endpoint")
	}
	return nil
}
