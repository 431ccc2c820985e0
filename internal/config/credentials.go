package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The values of Server.Credentials: nobody's, the gateway's own, which all callers share, or those of each caller.
const (
	NoCredentials = "none"
	PerService    = "service"
	PerCaller     = "caller"
)

// The grants by which the gateway gets tokens (RFC 6749 section 1.3).
const (
	GrantClient = "client_credentials"
	GrantLogin  = "authorization_code"
)

// Authorization is how the gateway gets access tokens for a server (MCP, basic/authorization). What is absent is asked of the server and of
// its authorization server.
type Authorization struct {
	// Grant is how tokens come: client_credentials with clientId and clientSecret alone, or authorization_code after a person has logged in
	// (sumun server login NAME). When absent it is client_credentials for a service with a clientSecret, else authorization_code.
	Grant string `yaml:"grant" enum:"client_credentials authorization_code"`
	// ClientID is the client as which the gateway is registered at the authorization server. When absent it registers itself.
	ClientID string `yaml:"clientId" form:"some"`
	// ClientSecret belongs to clientId.
	ClientSecret string `yaml:"clientSecret" secret:"all" form:"some"`
	// Scopes are what is asked for; when absent, what the server says that it needs.
	Scopes []string `yaml:"scopes" form:"word"`
	// Issuer is the authorization server, in place of the one that the server names.
	Issuer string `yaml:"issuer" form:"page"`
	// TokenURL is where tokens come from, for client_credentials at an authorization server that does not describe itself.
	TokenURL string `yaml:"tokenURL" form:"page"`
	// Private are hosts and networks, such as 10.0.0.0/8, that the authorization server may have an address in although it is not public.
	// Hosts that stand in the server's url, issuer or tokenURL need not be named.
	Private []string `yaml:"private"`
}

// Tokens reports whether the gateway gets access tokens for the server.
func (s *Server) Tokens() bool { return s.URL != "" && (s.OAuth != nil || s.Credentials == PerCaller) }

// finishCredentials fills in what follows from what was written of s: callers with credentials of their own share no session.
func (s *Server) finishCredentials() {
	if s.Credentials == PerCaller && s.Isolation == "auto" {
		s.Isolation = "caller"
	}
	if s.Tokens() && s.OAuth == nil {
		s.OAuth = &Authorization{}
	}
	if s.OAuth == nil || s.OAuth.Grant != "" {
		return
	}
	s.OAuth.Grant = GrantLogin
	if s.Credentials == PerService && s.OAuth.ClientSecret != "" {
		s.OAuth.Grant = GrantClient
	}
}

// checkCredentials wants a server whose credentials can be what they are said to be, and no others beside them.
func (l *loader) checkCredentials(p string, s *Server) {
	if !l.OK(p+".credentials", p+".oauth", p+".url", p+".isolation") {
		return
	}
	written := l.Written(p + ".oauth")
	switch {
	case s.URL == "" && s.Credentials == PerCaller:
		l.Wrong(p+".credentials", "a program that this gateway starts is the same for all callers", "credentials: caller is for a server with a url")
		return
	case s.URL == "" && written:
		l.WrongKey(p+".oauth", "belongs to a server with a url", "give the program what it needs under env")
		return
	case s.Credentials == NoCredentials && written:
		l.Wrong(p+".credentials", "the server is to see no credentials, but oauth gets some", "remove one of the two")
		return
	case s.Credentials == NoCredentials && l.Written(p+".headers") && hasHeader(s, "authorization"):
		l.config.Warnings = append(l.config.Warnings, fmt.Sprintf("server %s has credentials: none, but a configured Authorization header", s.Name))
	}
	if s.Tokens() {
		l.checkTokens(p, s)
	}
}

// checkTokens looks at a server that the gateway gets tokens for.
func (l *loader) checkTokens(p string, s *Server) {
	c := l.config
	if s.Credentials == PerCaller {
		switch {
		case c.Anonymous:
			l.Wrong(p+".credentials", "without keys (anonymous: true) callers cannot be told apart", "use credentials: service")
		case s.Isolation != "caller":
			l.Wrong(p+".isolation", "callers with credentials of their own share no session", "use isolation: caller, or remove it")
		case s.OAuth.Grant == GrantClient:
			l.Wrong(p+".oauth.grant", "gets tokens for the gateway, not for a caller", "use credentials: service, or grant: authorization_code")
		}
	}
	if hasHeader(s, "authorization") {
		l.Wrong(p+".headers", "has an Authorization, where the gateway puts its tokens", "remove it")
	}
	l.checkGrant(p, s)
	for _, at := range []struct{ path, url string }{{".url", s.URL}, {".oauth.issuer", s.OAuth.Issuer}, {".oauth.tokenURL", s.OAuth.TokenURL}} {
		if u, err := url.Parse(at.url); at.url != "" && (err != nil || (u.Scheme == "http" || u.Scheme == "ws") && !loopback(u.Hostname())) {
			l.Wrong(p+at.path, "would carry tokens in clear", "use https; http is for loopback only")
		}
	}
	if s.OAuth.Grant == GrantLogin && c.PublicURL == "" && !loopback(hostOf(c.Listen)) && l.OK("listen", "publicURL") {
		l.WrongKey(p+".url", "the browser of who logs in comes back to the gateway, whose address is not known",
			"set publicURL: https://… to the address under which people reach the gateway")
	}
}

// checkGrant wants what a grant cannot do without.
func (l *loader) checkGrant(p string, s *Server) {
	o := s.OAuth
	switch {
	case !l.OK(p+".oauth.grant", p+".oauth.clientId", p+".oauth.clientSecret"):
	case o.Grant == GrantClient && (o.ClientID == "" || o.ClientSecret == ""):
		l.Missing(p+".oauth", "clientId or clientSecret", "client_credentials needs both")
	case o.ClientSecret != "" && o.ClientID == "":
		l.Missing(p+".oauth", "clientId", "a clientSecret belongs to one")
	case o.Grant == GrantLogin && o.TokenURL != "":
		l.Wrong(p+".oauth.tokenURL", "is for client_credentials; a login needs more of the authorization server than that", "write issuer: https://…")
	}
}

// checkSealing remarks on a key that can be guessed, and on several instances without one.
func (l *loader) checkSealing() {
	c := l.config
	const least = 32
	if n := len(c.CredentialsKey); n > 0 && n < least && l.OK("credentialsKey") {
		c.Warnings = append(c.Warnings, fmt.Sprintf("credentialsKey has only %d characters and can be guessed; make one with openssl rand -base64 32", n))
	}
	shared := strings.HasPrefix(c.Store, "postgres")
	if shared && c.CredentialsKey == "" && slices.ContainsFunc(c.Servers, func(s Server) bool { return s.Tokens() }) {
		c.Warnings = append(c.Warnings, "tokens in the store are sealed with a key beside this file; instances that share the store need credentialsKey")
	}
}

// hasHeader reports whether a header of that name, in lower case, is configured.
func hasHeader(s *Server, name string) bool {
	for have := range s.Headers {
		if strings.ToLower(have) == name {
			return true
		}
	}
	return false
}

// hostOf returns the host of an address to listen on.
func hostOf(listen string) string {
	i := strings.LastIndexByte(listen, ':')
	return strings.Trim(listen[:max(i, 0)], "[]")
}
