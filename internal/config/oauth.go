package config

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// OAuth lets callers in who show an access token of an authorization server, beside those who show a key.
type OAuth struct {
	// Grace is how long the signing keys that are known of an issuer still hold after it should have been asked for them again and does
	// not answer. 0s refuses its tokens at once then.
	Grace time.Duration `yaml:"grace" min:"0" max:"86400000000000"`
	// Issuers are the authorization servers whose tokens are taken, by names that the audit record calls their callers by.
	Issuers []Issuer `yaml:"issuers" key:"name"`
}

// An Issuer is an authorization server whose access tokens, JWTs, are taken.
type Issuer struct {
	// Name is what the issuer is called here: its callers are oauth:NAME:SUBJECT.
	Name string `yaml:"-"`
	// Issuer is the issuer's URL, exactly as its tokens say it in iss.
	Issuer string `yaml:"issuer" form:"issuer"`
	// Audience is whom tokens must be made for (aud), one or a list, of which one suffices. When absent it is publicURL with /mcp, which
	// clients ask for (RFC 8707).
	Audience []string `yaml:"audience" lone:"true" form:"word"`
	// Algorithms are those that tokens may be signed with.
	Algorithms []string `yaml:"algorithms" enum:"RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"`
	// Types are what the header of tokens may say in typ. absent takes those that say nothing.
	Types []string `yaml:"types" enum:"at+jwt JWT absent"`
	// JWKS is where the issuer's signing keys are. When absent the issuer's own metadata say it.
	JWKS string `yaml:"jwks" form:"jwks"`
	// ClockSkew is how far the issuer's clock may be from ours.
	ClockSkew time.Duration `yaml:"clockSkew" min:"0" max:"300000000000"`
	// Scopes are what each token of the issuer is given.
	Scopes []string `yaml:"scopes" form:"word"`
	// Claims say what tokens are given by what stands in them. When absent, the scopes that scope and scp name.
	Claims []Claim `yaml:"claims" list:"true"`
}

// A Claim says what a token is given if it has a claim.
type Claim struct {
	// Claim is the name of the claim, or the path to it with dots: realm_access.roles.
	Claim string `yaml:"claim" form:"some"`
	// Is is what the claim must be; of a list, one of its elements. When neither is nor like is there, any value will do.
	Is string `yaml:"is"`
	// Like is a pattern (with *) that the claim must fit; of a list, one of its elements.
	Like string `yaml:"like"`
	// As says that the values that count are themselves names of scopes or roles here, with which the token is given. Those that are not
	// there grant nothing.
	As string `yaml:"as" enum:"scopes roles"`
	// Scopes are the scopes that the token is given.
	Scopes []string `yaml:"scopes" form:"word"`
	// Roles are the roles that the token is given.
	Roles []string `yaml:"roles" form:"word"`
}

// defaultGrace is how long an issuer may be away unless the file says otherwise.
const defaultGrace = 15 * time.Minute

// Begin makes i the issuer of that name, with defaults.
func (i *Issuer) Begin(name string) {
	*i = Issuer{
		Name:       name,
		Algorithms: []string{"RS256", "ES256", "EdDSA", "PS256"},
		Types:      []string{"at+jwt", "JWT"},
		ClockSkew:  time.Minute,
	}
}

// Resource returns the URI by which OAuth knows the gateway's endpoint (RFC 8707 and RFC 9728): publicURL with /mcp.
func (c *Config) Resource() string { return strings.TrimSuffix(c.PublicURL, "/") + "/mcp" }

// secure is the part of a URL before its path: https, or http where nobody else listens in.
const secure = `^(https://[^/?#\s@]+|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?)`

// The forms of URLs of an issuer.
var (
	issuerForm = document.Form{ // RFC 8414 section 2
		Pattern: regexp.MustCompile(secure + `(/[^?#\s]*)?$`), Message: "is not the URL of an issuer",
		Hint: "write it as its tokens do in iss, https://login.example.com; http is for loopback only",
	}
	jwksForm = document.Form{
		Pattern: regexp.MustCompile(secure + `([/?][^#\s]*)?$`), Message: "is not the URL of a key set",
		Hint: "write it like https://login.example.com/keys; http is for loopback only",
	}
)

// finishOAuth fills in what follows from what was written.
func (l *loader) finishOAuth() {
	o := l.config.OAuth
	if o == nil {
		return
	}
	if !l.Written("oauth.grace") {
		o.Grace = defaultGrace
	}
	for i := range o.Issuers {
		issuer := &o.Issuers[i]
		if issuer.Audience == nil {
			issuer.Audience = []string{l.config.Resource()}
		}
		if issuer.Claims == nil {
			issuer.Claims = []Claim{{Claim: "scope", As: "scopes"}, {Claim: "scp", As: "scopes"}}
		}
	}
}

// checkOAuth wants issuers that can be told apart, and an address that tokens can be made for.
func (l *loader) checkOAuth() {
	c := l.config
	if c.OAuth == nil || !l.OK("oauth", "oauth.issuers") {
		return
	}
	if len(c.OAuth.Issuers) == 0 {
		l.Missing("oauth", "issuers", "write whose tokens are taken: issuers: {work: {issuer: https://login.example.com}}")
		return
	}
	l.checkResource()
	seen := map[string]string{}
	for i := range c.OAuth.Issuers {
		issuer, at := &c.OAuth.Issuers[i], l.Element("oauth.issuers", i)
		if !l.Written(document.Join(at, "issuer")) {
			l.Missing(at, "issuer", "write the URL that its tokens have in iss")
		} else if other, ok := seen[issuer.Issuer]; ok {
			l.Wrong(document.Join(at, "issuer"), "is that of "+other+" too", "put both into one: the iss of a token chooses the issuer")
		}
		seen[issuer.Issuer] = issuer.Name
		l.checkIssuer(at, issuer)
	}
}

// checkResource wants an address of the gateway that tokens can be made for.
func (l *loader) checkResource() {
	c := l.config
	u, err := url.Parse(c.PublicURL)
	switch {
	case !l.OK("publicURL") || l.Odd("") || err != nil:
	case c.PublicURL == "":
		l.WrongKey("oauth", "needs publicURL, since tokens are made for the address of the endpoint", "write publicURL: https://HOST, as clients reach the gateway")
	case u.Scheme != "https" && !loopback(u.Hostname()):
		l.Wrong("publicURL", "is not https, but clients are to send access tokens there", "write https://HOST, or use a loopback address")
	}
	if c.Anonymous {
		c.Warnings = append(c.Warnings, "anonymous lets in who shows no token, so that no client is told to get one")
	}
	if c.Scopes == nil {
		c.Warnings = append(c.Warnings, "oauth lets callers in, but there are no scopes to give them: unless an issuer gives them *, they may use nothing")
	}
}

// checkIssuer wants lists with something in them, and scopes and roles that are there.
func (l *loader) checkIssuer(at string, issuer *Issuer) {
	for key, list := range map[string][]string{"audience": issuer.Audience, "algorithms": issuer.Algorithms, "types": issuer.Types} {
		if path := document.Join(at, key); l.Written(path) && len(list) == 0 {
			l.Wrong(path, "is empty, so that no token is taken", "remove it for the default")
		}
	}
	l.checkGiven(at, issuer.Scopes, nil)
	for i := range issuer.Claims {
		path := fmt.Sprintf("%s.claims[%d]", at, i)
		if l.Written(path) {
			l.checkClaim(path, &issuer.Claims[i])
		}
	}
}

// checkClaim wants a claim that says what counts, and what it gives.
func (l *loader) checkClaim(at string, claim *Claim) {
	gives := len(claim.Scopes)+len(claim.Roles) > 0
	switch {
	case !l.Written(document.Join(at, "claim")):
		l.Missing(at, "claim", "write the name of the claim, such as groups")
	case claim.Is != "" && claim.Like != "":
		l.Wrong(document.Join(at, "like"), "stands beside is", "keep one of the two")
	case claim.As != "" && gives:
		l.Wrong(document.Join(at, "as"), "stands beside scopes or roles", "split it in two, one that gives what the claim names and one that gives the others")
	case claim.As == "" && !gives:
		l.Missing(at, "scopes", "write the scopes or roles that it gives, or as: scopes where its values name them")
	}
	l.checkGiven(at, claim.Scopes, claim.Roles)
}

// checkGiven wants scopes and roles that are there, for callers that have no key.
func (l *loader) checkGiven(at string, scopes, roles []string) {
	c := l.config
	for n, scope := range scopes {
		path := l.Element(document.Join(at, "scopes"), n)
		if err := c.CheckScope(scope); err != nil {
			l.Wrong(path, err.Error(), document.Suggest(scope, c.ScopeNames()))
		} else if runsGate(scope) {
			l.Wrong(path, "is for keys only", "sumun key create --scope "+scope)
		}
	}
	for n, role := range roles {
		granted, ok := c.Roles[role]
		switch path := l.Element(document.Join(at, "roles"), n); {
		case !ok:
			l.Wrong(path, "the role "+role+" is not among roles", cmp.Or(document.Suggest(role, c.roleNames()), "write it there with its scopes"))
		case slices.ContainsFunc(granted, runsGate):
			l.Wrong(path, "the role "+role+" has a scope admin:, which is for keys only", "give another role")
		}
	}
}

// runsGate reports whether the scope of that name is one for running the gate.
func runsGate(scope string) bool { return strings.HasPrefix(scope, "admin:") }

func (c *Config) roleNames() []string {
	names := make([]string, 0, len(c.Roles))
	for name := range c.Roles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
