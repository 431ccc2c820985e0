package oauth

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Resolver makes callers of tokens, as one configuration says what scopes and roles are. Claims are all claims of the token, a JSON
// object. A caller's Over is the Verifier's own to set.
type Resolver interface {
	TokenHolder(id string, scopes, roles []string, claims []byte) mcp.Caller
}

// A Verifier checks tokens by one configuration. It is safe for concurrent use.
type Verifier struct {
	by      Resolver
	issuers map[string]*issuer // by iss
	byName  map[string]*issuer
	scopes  map[string]bool // that a token may name
	roles   map[string]bool
	grace   time.Duration
	known   cache
	public
}

// An issuer is one authorization server by one configuration.
type issuer struct {
	*config.Issuer
	source *source
}

// An entry is a token that was found good.
type entry struct {
	caller mcp.Caller
	ends   int64 // in milliseconds of Unix time
	key    *key
	source *source
}

// newVerifier returns a Verifier that knows no issuer yet.
func newVerifier(c *config.Config, o *config.OAuth, by Resolver) *Verifier {
	v := &Verifier{
		by: by, issuers: map[string]*issuer{}, byName: map[string]*issuer{}, scopes: map[string]bool{}, roles: map[string]bool{},
		grace: o.Grace, public: newPublic(c, o),
	}
	for name := range c.Scopes {
		v.scopes[name] = !runsGate(name)
	}
	for name, scopes := range c.Roles {
		v.roles[name] = !slices.ContainsFunc(scopes, runsGate)
	}
	return v
}

// runsGate reports whether the scope is one for running the gate, which is nothing that a token can name.
func runsGate(scope string) bool { return strings.HasPrefix(scope, "admin:") }

func (v *Verifier) add(c *config.Issuer, s *source) {
	i := &issuer{c, s}
	v.issuers[c.Issuer], v.byName[c.Name] = i, i
}

// prefix begins the IDs of callers with tokens. No key has a colon in its name.
const prefix = "oauth:"

// Has reports whether the caller is one with a token of an issuer that is known.
func (v *Verifier) Has(caller *mcp.Caller) bool {
	return v != nil && v.issuerOf(caller) != nil
}

// IsCaller reports whether a caller's ID is one of a caller with a token.
func IsCaller(id string) bool { return strings.HasPrefix(id, prefix) }

func (v *Verifier) issuerOf(caller *mcp.Caller) *issuer {
	rest, ok := strings.CutPrefix(caller.ID, prefix)
	name, _, colon := strings.Cut(rest, ":")
	if !ok || !colon {
		return nil
	}
	return v.byName[name]
}

// usual is how long tokens mostly are at most, in bytes.
const usual = 2 << 10

// Find returns who shows the token. The error says why nobody does; one that is Unavailable, that it cannot be told.
func (v *Verifier) Find(text string) (*mcp.Caller, *mcp.Error) {
	if len(text) > MaxToken {
		return nil, refused(errLong.Error())
	}
	var buf [usual]byte // keeps it off the heap
	hash := sha256.Sum256(append(buf[:0], text...))
	now := time.Now()
	if e := v.known.get(&hash); e != nil && !e.key.gone.Load() && e.source.age() <= refresh+v.grace {
		if now.UnixMilli() >= e.ends {
			v.known.drop(&hash)
			return nil, refused(expired)
		}
		e.source.touch()
		return &e.caller, nil
	}
	return v.check(text, &hash, now)
}

// Why tokens are refused that could be read. None tells what stands in the token, since headers and logs repeat it.
const (
	expired  = "the access token has expired; get a new one"
	notKnown = "the access token is not one of an issuer that is taken here"
	unsigned = "the access token's signature is not one of its issuer's"
)

func refused(why string) *mcp.Error {
	return &mcp.Error{Code: mcp.CodeInvalidRequest, Reason: mcp.Unauthenticated, Message: why, Data: []byte(`{"reason":"unauthenticated"}`)}
}

// away is the refusal of a token that cannot be told from a bad one.
func away() *mcp.Error {
	return &mcp.Error{
		Code: mcp.CodeInternal, Reason: mcp.Unavailable,
		Message: "whether the access token is good cannot be told, since its issuer's keys cannot be had; try again in a moment",
		Data:    []byte(`{"reason":"unavailable","retryAfterMs":5000}`),
	}
}

// check is Find for a token that is not known.
func (v *Verifier) check(text string, hash *[sha256.Size]byte, now time.Time) (*mcp.Caller, *mcp.Error) {
	t, err := parse(text)
	if err != nil {
		return nil, refused(err.Error())
	}
	i := v.issuers[t.claims.Issuer]
	if i == nil {
		return nil, refused(notKnown)
	}
	if !slices.Contains(i.Algorithms, t.header.Algorithm) {
		return nil, refused("the access token is signed with an algorithm that is not taken from its issuer")
	}
	if !slices.Contains(i.Types, t.header.kind()) {
		return nil, refused("the access token's type (typ) is not taken from its issuer")
	}
	k, refusal := v.signer(i, t)
	if refusal != nil {
		return nil, refusal
	}
	if why := i.judge(&t.claims, now); why != "" {
		return nil, refused(why)
	}
	e := v.entry(i, t, k)
	v.known.put(hash, e, now)
	i.source.touch()
	return &e.caller, nil
}

// signer returns the key of the issuer that has signed the token.
func (v *Verifier) signer(i *issuer, t *token) (*key, *mcp.Error) {
	s := i.source
	asked := s.age() > refresh+v.grace
	if asked {
		s.wait()
	}
	if s.age() > refresh+v.grace {
		return nil, away()
	}
	set := s.set.Load()
	if k := set.signer(t); k != nil {
		return k, nil
	}
	if !asked { // its key may be a new one
		if s.wait(); s.set.Load() != set {
			if k := s.set.Load().signer(t); k != nil {
				return k, nil
			}
		}
	}
	if s.failing.Load() && len(set.find(&t.header)) == 0 {
		return nil, away()
	}
	return nil, refused(unsigned)
}

// judge returns why a token that its issuer has signed is not good, or nothing if it is.
func (i *issuer) judge(c *claims, now time.Time) string {
	at, skew := float64(now.UnixMilli())/1000, i.ClockSkew.Seconds()
	const latest = 1 << 40 // a time that is no mistake
	switch {
	case c.Expires == nil || *c.Expires > latest:
		return "the access token does not say when it expires (exp)"
	case at >= *c.Expires+skew:
		return expired
	case c.NotBefore != nil && at < *c.NotBefore-skew, c.IssuedAt != nil && at < *c.IssuedAt-skew:
		return "the access token is not good yet; look whether the clocks are right"
	case !slices.ContainsFunc(i.Audience, func(a string) bool { return slices.Contains(c.Audience, a) }):
		return "the access token is made for another audience; ask for one for the resource that the metadata of this endpoint name"
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return "the access token does not say whose it is (sub)"
	case c.Bound != nil:
		return "the access token is bound to a key of its holder (cnf), which is not checked here; get one that is not bound"
	}
	return ""
}

// entry returns a good token's holder.
func (v *Verifier) entry(i *issuer, t *token, k *key) *entry {
	scopes, roles := v.given(i.Issuer, &t.claims)
	ends := int64(*t.claims.Expires+i.ClockSkew.Seconds()) * 1000
	id := prefix + i.Name + ":" + harmless(t.claims.Subject)
	e := &entry{caller: v.by.TokenHolder(id, scopes, roles, t.payload), ends: ends, key: k, source: i.source}
	e.caller.Over = k.over(ends / 1000)
	return e
}

// harmless returns the text with nothing in it but what may stand in logs, one for each text.
func harmless(text string) string {
	const plain, hex = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._@|+=/:", "0123456789ABCDEF"
	b := make([]byte, 0, len(text))
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(plain, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
