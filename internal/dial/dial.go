// Package dial makes connections to addresses that somebody else has chosen: a caller's URL, a redirect, a name whose owner may answer
// with any address. It refuses private, loopback, link-local, metadata, multicast and reserved addresses unless the operator has named
// them, so that nobody reaches through Sumun what only Sumun can reach (server-side request forgery, OWASP A10:2021).
//
// A host is checked twice: as it is written in the URL, against the hosts that are allowed; and as the address that the connection is
// really made to, after the name was resolved, so that a name that changes its mind between check and use (DNS rebinding) gains nothing.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// A Policy says what may be reached.
type Policy struct {
	// Hosts are the hosts that may be asked, each as HOST or HOST:PORT: a name, an address, or *.example.com for all names below
	// example.com. Without a port any is meant. When empty every host may be asked.
	Hosts []string
	// Private are the hosts and networks that may have an address that is not public, each in the form of Hosts or as a network such as
	// 10.0.0.0/8. A host named here must still be among Hosts, if there are any. Link-local addresses and those where clouds keep
	// credentials (169.254.169.254) have to be named one by one, by address. Unspecified and multicast addresses are always refused.
	Private []string
	// Redirects is how many redirects of one request are followed: 5 when 0, none when negative.
	Redirects int
	// Proxy chooses a proxy for a request, for example http.ProxyFromEnvironment; nil uses none, whatever the environment says. What is
	// reached through a proxy is resolved by it: then only the host is checked, as written.
	Proxy func(*http.Request) (*url.URL, error)
}

// ErrRefused is in each error that says that a Policy does not allow something.
var ErrRefused = errors.New("refused")

// The bounds of a connection in the making, and of the head of an answer. What comes after is bounded by the request's context and by Read.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	headBytes        = 64 << 10
	defaultRedirects = 5
)

// A Dialer connects under a policy. It may be used concurrently.
type Dialer struct {
	hosts    []pattern
	private  []pattern
	networks []netip.Prefix
	resolver *net.Resolver // nil is the system's
	client   *http.Client
	direct   *http.Transport
	proxied  *http.Transport // nil without Policy.Proxy
}

// New returns a Dialer. An error names each entry of the policy that cannot be understood.
func New(p Policy) (*Dialer, error) {
	d := &Dialer{}
	var faults []error
	for _, text := range p.Hosts {
		h, err := parsePattern(text)
		faults = append(faults, err)
		d.hosts = append(d.hosts, h)
	}
	for _, text := range p.Private {
		if network, err := netip.ParsePrefix(text); err == nil {
			d.networks = append(d.networks, network.Masked())
			continue
		}
		h, err := parsePattern(text)
		faults = append(faults, err)
		d.private = append(d.private, h)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	d.direct = newTransport(d.DialContext)
	if p.Proxy != nil {
		d.proxied = newTransport((&net.Dialer{Timeout: dialTimeout}).DialContext)
		d.proxied.Proxy = p.Proxy
	}
	d.client = &http.Client{Transport: d, CheckRedirect: redirects(p.Redirects)}
	return d, nil
}

func newTransport(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext: dial, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: handshakeTimeout, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: headBytes,
		MaxIdleConns: 100, MaxIdleConnsPerHost: 16,
	}
}

// Client returns the HTTP client of the Dialer, always the same; it must not be changed. It has no time limit of its own: give each
// request a context that has one. Redirects are checked like requests; what is sent to another origin on the way carries neither
// credentials nor any other header that is not harmless, and no body.
func (d *Dialer) Client() *http.Client { return d.client }

// Close ends connections that are idle.
func (d *Dialer) Close() {
	d.direct.CloseIdleConnections()
	if d.proxied != nil {
		d.proxied.CloseIdleConnections()
	}
}

// RoundTrip checks and sends one request, without following redirects; Client does both. It implements http.RoundTripper.
func (d *Dialer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := d.Check(r.URL); err != nil {
		closeBody(r)
		return nil, err
	}
	if d.proxied == nil {
		return d.direct.RoundTrip(r)
	}
	proxy, err := d.proxied.Proxy(r)
	if err != nil {
		closeBody(r)
		return nil, fmt.Errorf("choosing a proxy: %w", err)
	}
	if proxy == nil {
		return d.direct.RoundTrip(r)
	}
	return d.proxied.RoundTrip(r)
}

// closeBody closes the body of a request that is not sent, as http.RoundTripper must.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// Check reports what is wrong with a URL as it is written, without resolving names: its scheme is http or https, it has no credentials,
// and its host is one that may be asked. An error wraps ErrRefused and says what to do.
func (d *Dialer) Check(u *url.URL) error {
	port := u.Port()
	switch {
	case u.Scheme == "https" && port == "":
		port = "443"
	case u.Scheme == "http" && port == "":
		port = "80"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: a URL with the scheme %q; only http and https are fetched", ErrRefused, u.Scheme)
	}
	if u.User != nil || u.Opaque != "" {
		return fmt.Errorf("%w: a URL with credentials or without // in it; write it as https://HOST/PATH, and credentials as a header", ErrRefused)
	}
	return d.CheckHost(u.Hostname(), port)
}

// CheckHost reports whether host and port may be asked, as they are written, as Check does for URLs.
func (d *Dialer) CheckHost(host, port string) error {
	name, err := canonical(host)
	if err != nil {
		return err
	}
	asked := slices.ContainsFunc(d.hosts, func(p pattern) bool { return p.matches(name, port) })
	if len(d.hosts) > 0 && !asked {
		return fmt.Errorf("%w: the host %s is not one of those that may be asked", ErrRefused, net.JoinHostPort(name, port))
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return d.checkAddress(addr, name, port)
	}
	return nil
}

// DialContext connects to addr, HOST:PORT, over TCP. The host is checked as it is written, and again as each address that it has turned
// out to be, just before a connection is made to that address.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, fmt.Errorf("%w: a connection over %s; only TCP is used", ErrRefused, network)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("reading the address %q: %w", addr, err)
	}
	if err := d.CheckHost(host, port); err != nil {
		return nil, err
	}
	name, err := canonical(host)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: d.resolver, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q is not an address", ErrRefused, address)
		}
		return d.checkAddress(at.Addr(), name, port)
	}}
	return dialer.DialContext(ctx, network, net.JoinHostPort(name, port))
}

// checkAddress reports whether the host of that canonical name may be reached at addr.
func (d *Dialer) checkAddress(addr netip.Addr, name, port string) error {
	seen := addr.WithZone("")
	addr = embedded(seen)
	kind := kindOf(addr)
	exact := slices.ContainsFunc(d.private, func(p pattern) bool { return !p.any && p.matches(addr.String(), port) }) ||
		slices.ContainsFunc(d.networks, func(n netip.Prefix) bool { return n.IsSingleIP() && n.Addr().Unmap() == addr })
	wide := exact || slices.ContainsFunc(d.private, func(p pattern) bool { return p.matches(name, port) }) ||
		slices.ContainsFunc(d.networks, func(n netip.Prefix) bool { return n.Contains(addr) })
	where := net.JoinHostPort(seen.String(), port)
	if name != seen.String() {
		where += " (" + name + ")"
	}
	switch {
	case kind == public, kind == private && wide, kind == sensitive && exact:
		return nil
	case kind == never:
		return fmt.Errorf("%w: %s is an address that nothing can be fetched from; use the server's own address", ErrRefused, where)
	case kind == sensitive:
		return fmt.Errorf("%w: %s is link-local or holds credentials of a cloud; it has to be named as private by its address", ErrRefused, where)
	}
	return fmt.Errorf("%w: %s is not a public address; name the host or its network as private to allow it", ErrRefused, where)
}
