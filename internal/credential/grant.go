package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A client is what the gateway is at an authorization server.
type client struct {
	ID     string
	Secret string `json:",omitempty"`
	// Method is how the secret is shown (RFC 7591, token_endpoint_auth_method).
	Method string
}

// The ways to show a client's secret.
const (
	methodNone  = "none"
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"
)

// choose sets how the secret is shown, of the methods that an authorization server takes; none said stands for the default.
func (c *client) choose(supported []string) error {
	switch {
	case c.Secret == "":
		c.Method = methodNone
	case len(supported) == 0, slices.Contains(supported, methodBasic):
		c.Method = methodBasic
	case slices.Contains(supported, methodPost):
		c.Method = methodPost
	default:
		return fmt.Errorf("the authorization server takes no client secret, only %s", shorten(strings.Join(supported, ", ")))
	}
	return nil
}

// prove puts into a request what shows that it is of the client (RFC 6749 section 2.3.1).
func (c *client) prove(header http.Header, form url.Values) {
	switch c.Method {
	case methodBasic:
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	case methodPost:
		form.Set("client_id", c.ID)
		form.Set("client_secret", c.Secret)
	default:
		form.Set("client_id", c.ID)
	}
}

// A grantError is the error of a token endpoint (RFC 6749 section 5.2). What the endpoint says besides is not kept: it may repeat secrets.
type grantError struct {
	Code   string
	Status int
}

// Error returns the code, and what to look at where the configuration may be wrong.
func (e *grantError) Error() string {
	switch e.Code {
	case "":
		return fmt.Sprintf("HTTP %d", e.Status)
	case "invalid_client":
		return e.Code + ": the authorization server does not know the client, or takes another secret of it; see oauth.clientId and oauth.clientSecret of the server"
	}
	return e.Code
}

// errorCode matches the codes of errors.
var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// isFinal reports whether another attempt with the same grant would end the same way.
func isFinal(err error) bool {
	e, ok := errors.AsType[*grantError](err)
	return ok && slices.Contains([]string{"invalid_grant", "invalid_client", "unauthorized_client", "invalid_target"}, e.Code)
}

// tokens matches what a header can carry.
var tokens = regexp.MustCompile(`^[!-~]+$`)

// grant asks a token endpoint and returns a token with what the answer says of it.
func (f *fetcher) grant(ctx context.Context, endpoint string, c client, form url.Values) (*token, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	c.prove(header, form)
	got := time.Now()
	a, err := f.post(ctx, endpoint, header, []byte(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("asking the authorization server for a token: %w", err)
	}
	if a.status != http.StatusOK {
		var said struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(a.body, &said) != nil || !errorCode.MatchString(said.Error) {
			said.Error = ""
		}
		return nil, &grantError{said.Error, a.status}
	}
	return readToken(a.body, got)
}

// readToken reads the answer of a token endpoint (RFC 6749 section 5.1).
func readToken(body []byte, got time.Time) (*token, error) {
	var said struct {
		AccessToken  string          `json:"access_token"`
		TokenType    string          `json:"token_type"`
		ExpiresIn    json.RawMessage `json:"expires_in"`
		RefreshToken string          `json:"refresh_token"`
		Scope        string          `json:"scope"`
	}
	if json.Unmarshal(body, &said) != nil || !tokens.MatchString(said.AccessToken) {
		return nil, errors.New("the authorization server answers without a token")
	}
	if !strings.EqualFold(said.TokenType, "bearer") {
		return nil, fmt.Errorf("the authorization server gives a token of type %q; only bearer tokens are carried", shorten(said.TokenType))
	}
	t := &token{Access: said.AccessToken, Refresh: said.RefreshToken, Got: got, Scopes: strings.Fields(said.Scope)}
	// Some write the number as a text.
	if seconds, err := strconv.ParseFloat(strings.Trim(string(said.ExpiresIn), `"`), 64); err == nil && seconds > 0 && seconds < 1e9 {
		t.Expires = got.Add(time.Duration(seconds * float64(time.Second)))
	}
	return t, nil
}

// refresh returns the token that comes for a refresh token (RFC 6749 section 6).
func (s *server) refresh(ctx context.Context, old *token) (*token, error) {
	c := old.Client
	if s.oauth.ClientID != "" { // the configuration may have changed
		c.ID, c.Secret = s.oauth.ClientID, s.oauth.ClientSecret
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh}, "resource": {old.Resource}}
	next, err := s.fetch.grant(ctx, old.TokenURL, c, form)
	if err != nil {
		return nil, err
	}
	if next.Refresh == "" {
		next.Refresh = old.Refresh
	}
	if len(next.Scopes) == 0 {
		next.Scopes = old.Scopes
	}
	next.Server, next.Resource, next.Issuer, next.TokenURL, next.RevokeURL, next.Client = old.Server, old.Resource, old.Issuer, old.TokenURL, old.RevokeURL, c
	return next, nil
}

// granted returns a token that the gateway gets for itself (RFC 6749 section 4.4).
func (s *server) granted(ctx context.Context) (*token, error) {
	c := client{ID: s.oauth.ClientID, Secret: s.oauth.ClientSecret, Method: methodBasic}
	resource, scopes, endpoint := s.resource.String(), s.oauth.Scopes, s.oauth.TokenURL
	if endpoint == "" {
		found, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.choose(found.issuer.TokenMethods); err != nil {
			return nil, err
		}
		resource, endpoint = found.resource, found.issuer.TokenURL
		if len(scopes) == 0 {
			scopes = found.scopes
		}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	t, err := s.fetch.grant(ctx, endpoint, c, form)
	if err != nil {
		return nil, err
	}
	t.Server, t.Resource, t.TokenURL = s.resource.String(), resource, endpoint
	return t, nil
}

// revoke gives a token back, as far as the authorization server takes it (RFC 7009).
func (s *server) revoke(ctx context.Context, t *token) error {
	if t.RevokeURL == "" {
		return nil
	}
	form := url.Values{"token": {t.Access}}
	if t.Refresh != "" {
		form = url.Values{"token": {t.Refresh}, "token_type_hint": {"refresh_token"}}
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	t.Client.prove(header, form)
	a, err := s.fetch.post(ctx, t.RevokeURL, header, []byte(form.Encode()))
	if err != nil {
		return fmt.Errorf("giving a token back: %w", err)
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("giving a token back: HTTP %d", a.status)
	}
	return nil
}
