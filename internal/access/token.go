package access

import (
	"cmp"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/oauth"
)

// TokenHolder returns who shows a good access token that was given these scopes and roles, and has these claims. It implements
// oauth.Resolver. Such a caller is shown what it could step up to. Claims are kept only where conditions can ask for them.
func (a *Access) TokenHolder(id string, scopes, roles []string, claims []byte) mcp.Caller {
	c := mcp.Caller{ID: id, Given: scopes, Roles: roles}
	if len(a.when) > 0 {
		c.Claims = claims
	}
	if a.naming != nil {
		c.Naming = a.naming(id)
	}
	a.grant(&c, true)
	return c
}

// Metadata answers below oauth.WellKnown with what anybody is told of whose access tokens are taken.
func (a *Access) Metadata() http.Handler {
	if a.tokens == nil {
		return http.NotFoundHandler()
	}
	return a.tokens
}

// Instruments returns why a request may not see the instruments, which name all tools and servers; nil if it may. Access tokens do not
// open them: whoever may log in has one.
func (a *Access) Instruments(r *http.Request) *mcp.Error {
	caller, err := a.Authenticate(r)
	if err == nil && oauth.IsCaller(caller.ID) {
		return refused("access tokens do not open the instruments; send a key")
	}
	return err
}

// token returns who shows what is no key that is known, if it is an access token.
func (a *Access) token(bearer string) (*mcp.Caller, *mcp.Error) {
	jwt := oauth.LooksLike(bearer)
	switch {
	case a.tokens != nil && jwt:
		return a.tokens.Find(bearer)
	case jwt:
		return nil, refused("access tokens are not taken here, since mcp.yaml has no oauth; send a key")
	case a.tokens != nil && !IsKey(bearer):
		return nil, refused("this is neither a key that is known nor a JWT; opaque access tokens are not looked up, have the authorization server issue JWTs")
	}
	return nil, refused("the key is not known; check it, or ask the gateway's owner for one")
}

// challenge has the refusal of a request say over HTTP how an access token is had that is enough. Shown says that something was
// presented; caller is who did, nil if it was good for nothing.
func (a *Access) challenge(e *mcp.Error, shown bool, caller *mcp.Caller) *mcp.Error {
	if a.tokens == nil || e.Reason != mcp.Unauthenticated && e.Reason != mcp.InsufficientScope {
		return e
	}
	told := *e
	told.Challenge = a.tokens.Challenge(e, shown, cmp.Or(caller, &mcp.Caller{}))
	return &told
}

// againByToken returns who a caller with an access token is by this configuration; nil if its issuer is not in it, or if there are
// conditions now, which could ask for claims that nobody has kept.
func (a *Access) againByToken(caller *mcp.Caller) *mcp.Caller {
	if !a.tokens.Has(caller) || caller.Expired() || len(a.when) > 0 && caller.Claims == nil {
		return nil
	}
	now := a.TokenHolder(caller.ID, caller.Given, caller.Roles, caller.Claims)
	now.Over = caller.Over
	return &now
}
