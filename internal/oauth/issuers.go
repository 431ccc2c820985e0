// Package oauth lets callers in with access tokens of authorization servers: the gateway is an OAuth 2.1 resource server as the MCP
// specification asks (basic/authorization; RFC 6750, RFC 8707, RFC 9068, RFC 9728).
//
// A token is a JWT. Its iss chooses the issuer among those that the operator has written down, and only keys of that one can have signed
// it, with an algorithm that was written down too. Keys are asked for at the start, when a token needs one that is not known, at most once
// in a few seconds, and now and then besides; a call never waits for that once its token is known. What a token is good for stands in its
// claims, as the configuration maps them to scopes and roles.
package oauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/dial"
)

// Issuers are the authorization servers whose tokens are taken: what is known of their keys outlives a configuration. Its methods may be
// called concurrently. Of nil Issuers there are none.
type Issuers struct {
	log    *slog.Logger
	dial   func(*config.Issuer) (client *http.Client, hangUp func(), err error)
	ctx    context.Context //nolint:containedctx // the life of questions, which callers share
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	sources map[[2]string]*source // by issuer and where its keys are
	running sync.WaitGroup
}

// Open returns Issuers that know nothing yet. Their questions end with Close. Log takes what people should know.
func Open(ctx context.Context, log *slog.Logger) *Issuers {
	i := &Issuers{log: log, sources: map[[2]string]*source{}, dial: dialer}
	i.ctx, i.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return i
}

// Close ends what is asked, and all tokens.
func (i *Issuers) Close() {
	if i == nil {
		return
	}
	i.mu.Lock()
	i.closed = true
	sources := i.sources
	i.sources = nil
	i.mu.Unlock()
	i.cancel()
	i.running.Wait()
	for _, s := range sources {
		s.drop()
	}
}

// open reports whether Close was not called yet.
func (i *Issuers) open() bool { return i.ctx.Err() == nil }

// run runs f, which Close waits for, and reports whether it does: not after Close.
func (i *Issuers) run(f func(context.Context)) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.running.Go(func() { f(i.ctx) })
	return true
}

// Verifier returns what checks tokens by a configuration; nil, if that takes none. Tokens of issuers that are not in it any more end, and
// new ones are asked for their keys. By makes the callers.
func (i *Issuers) Verifier(c *config.Config, by Resolver) (*Verifier, error) {
	if i == nil {
		return nil, nil //nolint:nilnil // see above
	}
	o := cmp.Or(c.OAuth, &config.OAuth{})
	v := newVerifier(c, o, by)
	fresh, gone, err := i.follow(o, v)
	for _, s := range fresh {
		s.ask()
	}
	for _, s := range gone {
		s.drop()
	}
	if err != nil || len(o.Issuers) == 0 {
		return nil, err
	}
	return v, nil
}

// follow gives a Verifier the sources of a configuration's issuers, and returns those that are new, and those that are in use no more.
func (i *Issuers) follow(o *config.OAuth, v *Verifier) (fresh, gone []*source, err error) {
	keep := map[[2]string]*source{}
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range o.Issuers {
		issuer := &o.Issuers[n]
		id := [2]string{issuer.Issuer, issuer.JWKS}
		s := i.sources[id]
		if s == nil {
			client, hangUp, err := i.dial(issuer)
			if err != nil {
				return nil, nil, fmt.Errorf("issuer %s: %w", issuer.Name, err)
			}
			s = &source{issuer: issuer.Issuer, jwks: issuer.JWKS, http: client, hangUp: hangUp, log: i.log, owner: i, started: time.Now()}
			fresh = append(fresh, s)
		}
		keep[id] = s
		v.add(issuer, s)
	}
	for id, s := range i.sources {
		if keep[id] == nil {
			gone = append(gone, s)
		}
	}
	i.sources = keep
	return fresh, gone, nil
}

// dialer returns what an issuer is asked with. Hosts that the operator has written may be private ones, others may not.
func dialer(issuer *config.Issuer) (*http.Client, func(), error) {
	var named []string
	for _, text := range []string{issuer.Issuer, issuer.JWKS} {
		u, err := url.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		if u.Host != "" {
			named = append(named, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])))
		}
	}
	d, err := dial.New(dial.Policy{Private: named, Redirects: -1, Proxy: http.ProxyFromEnvironment})
	if err != nil {
		return nil, nil, err
	}
	return d.Client(), d.Close, nil
}
