package access

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/identity"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/port"
)

// certified are the callers that are known by certificates.
type certified struct {
	identities *identity.Identities
	callers    []mcp.Caller // by their places; each still without what is its certificate's
}

// certify makes the callers of identities.
func (a *Access) certify(list []config.Identity) *certified {
	c := &certified{identities: identity.New(list), callers: make([]mcp.Caller, len(list))}
	for i := range list {
		c.callers[i] = mcp.Caller{Given: list[i].Scopes, Roles: list[i].Roles}
		a.grant(&c.callers[i], false)
	}
	return c
}

// withoutKey returns who makes a request that shows no key.
func (a *Access) withoutKey(r *http.Request) (*mcp.Caller, *mcp.Error) {
	caller, err := a.certs.caller(r)
	switch {
	case caller != nil || err != nil:
		return caller, err
	case a.nobody != nil:
		return a.nobody, nil
	case len(a.certs.callers) > 0:
		return nil, refused("no key and no certificate; send the header Authorization: Bearer KEY, or connect with a certificate")
	}
	return nil, refused("no key; send the header Authorization: Bearer KEY")
}

// caller returns who makes a request by the certificate of its connection: nil where none was shown, or where certificates name nobody.
func (c *certified) caller(r *http.Request) (*mcp.Caller, *mcp.Error) {
	peer := port.PeerOf(r.Context())
	if peer == nil || len(c.callers) == 0 {
		return nil, nil //nolint:nilnil // see above
	}
	cert := peer.Certificate()
	if cert == nil {
		return nil, nil //nolint:nilnil // see above
	}
	place, id, ok := c.identities.Find(cert)
	switch {
	case !ok:
		return nil, refused(fmt.Sprintf("the certificate of %q is nobody's who is known here; its names must fit one of tls.identities", cert.Subject))
	case !time.Now().Before(cert.NotAfter):
		return nil, refused("the certificate has expired; connect with a new one")
	}
	caller := c.callers[place]
	caller.ID, caller.Over = id, peer.Over()
	return &caller, nil
}

// again returns who a caller is by these identities that was let in by earlier ones; nil if it would not be let in by that name.
func (c *certified) again(caller *mcp.Caller) *mcp.Caller {
	place, ok := c.identities.Place(caller.ID)
	if !ok || caller.Expired() {
		return nil
	}
	now := c.callers[place]
	now.ID, now.Over = caller.ID, caller.Over
	return &now
}

// isCertified reports whether a caller is known by a certificate.
func isCertified(caller *mcp.Caller) bool { return strings.HasPrefix(caller.ID, identity.Prefix) }
