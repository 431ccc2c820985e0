// Package http1 is an HTTP/1.1 client for many small calls to one origin.
//
// A call costs one write and, where the answer is small, one read, both made by the goroutine that calls: a connection has no
// goroutine of its own. What this client does not speak goes through an [http.Transport]: HTTP/2, proxies, and requests whose
// length is not known beforehand. An https origin is offered HTTP/2 with each handshake; one that accepts it is left to the
// [http.Transport] from then on, so that an origin speaks the better protocol of those that it has.
//
// The rules of framing are those of RFC 9112, read strictly: an answer that two readers could understand differently is refused.
package http1

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A Transport carries requests to one origin. It is an [http.RoundTripper] and follows its contract, and it is safe for concurrent
// use.
//
// A call ends with the request's context, and so does the body of its answer; both return the context's cause. A connection is
// kept when the answer was read to its end. It is used again if it has not been idle for long, and if nothing has arrived on it
// meanwhile, not even its end. A request is repeated on another connection only if nothing of it was sent, or if it may be
// repeated (GET, HEAD, OPTIONS) and nothing of an answer has come.
type Transport struct {
	other  *http.Transport
	origin origin
	own    bool        // requests to the origin need no proxy
	http2  atomic.Bool // the origin has chosen HTTP/2
	pool   pool

	base      *Transport // what carries the requests of a Transport that As has made; it has nothing else
	authority Authority
}

// An origin is where requests go.
type origin struct{ scheme, host, address string }

// The bounds of what is asked of an http.Transport that sets none.
const (
	defaultIdleTimeout = 90 * time.Second
	defaultMostIdle    = 64
)

// New returns a Transport for the origin of a URL. It is configured as other is, which carries what the Transport does not: Proxy,
// DialContext, TLSClientConfig, TLSHandshakeTimeout, IdleConnTimeout and MaxIdleConnsPerHost count, and must not be changed
// afterwards.
func New(u *url.URL, other *http.Transport) *Transport {
	t := &Transport{other: other}
	t.pool.idleTimeout, t.pool.most = other.IdleConnTimeout, other.MaxIdleConnsPerHost
	if t.pool.idleTimeout <= 0 {
		t.pool.idleTimeout = defaultIdleTimeout
	}
	if t.pool.most <= 0 {
		t.pool.most = defaultMostIdle
	}
	if u == nil || !plainHost(u.Host) || u.Scheme != "http" && u.Scheme != "https" {
		return t
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	t.origin = origin{u.Scheme, u.Host, net.JoinHostPort(u.Hostname(), port)}
	t.own = true
	if other.Proxy != nil {
		proxy, err := other.Proxy(&http.Request{URL: u})
		t.own = proxy == nil && err == nil
	}
	return t
}

// For returns a Transport for the server at address, tuned for many small calls: connections are kept, answers are not decompressed,
// and an answer may be long in coming. The server's certificate is checked against roots, those of the system if that is nil.
func For(address string, roots *x509.CertPool) *Transport {
	return Secured(address, &tls.Config{RootCAs: roots})
}

// Secured is For with what else holds of TLS, such as a certificate of our own; nil for nothing. At least it is TLS 1.2.
func Secured(address string, config *tls.Config) *Transport {
	const (
		bufferSize = 32 << 10 // a call with a file's text in it goes out in one piece
		timeout    = 10 * time.Second
	)
	// Node and Python close a connection that was idle for five seconds. A call that meets the end of its connection may have
	// been begun and cannot be repeated, so ours has to be the earlier end. What ends TLS keeps connections for a minute.
	idle := 4 * time.Second
	if strings.HasPrefix(address, "https:") {
		idle = 50 * time.Second
	}
	u, err := url.Parse(address)
	if err != nil {
		u = nil // who makes a request to it is told
	}
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	if config = config.Clone(); config == nil {
		config = new(tls.Config)
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return New(u, &http.Transport{
		Proxy:               http.ProxyFromEnvironment, // which leaves loopback alone
		DialContext:         dialer.DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: timeout,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 512,
		IdleConnTimeout:     idle,
		WriteBufferSize:     bufferSize,
		ReadBufferSize:      readBuffer,
		ForceAttemptHTTP2:   true,
	})
}

// plainHost reports whether a host can be written into a request as it is.
func plainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._:[]", r)
	})
}

// CloseIdleConnections closes the connections that carry no call now.
func (t *Transport) CloseIdleConnections() {
	if t.base != nil {
		return // others use them too
	}
	t.pool.closeAll()
	t.other.CloseIdleConnections()
}

// errHTTP2 says that the origin wants to speak HTTP/2.
var errHTTP2 = errors.New("the server has chosen HTTP/2")

// RoundTrip makes one request and returns the answer once its head has come; see [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.base != nil {
		return t.roundTripAs(req)
	}
	if !t.carries(req) {
		return t.other.RoundTrip(req)
	}
	out := newOutput()
	defer out.free()
	if !out.writeHead(req) {
		return t.other.RoundTrip(req)
	}
	ctx := req.Context()
	c, err := t.connection(ctx, req.Body)
	if errors.Is(err, errHTTP2) {
		return t.other.RoundTrip(req)
	}
	if err != nil {
		return nil, err
	}
	more, err := out.fill(req)
	if err != nil {
		c.close()
		return nil, err
	}
	a := asked{method: req.Method, length: req.ContentLength, last: req.Close, req: req}
	return t.converse(ctx, c, a, out.bytes, more)
}

// converse sends a request, of which first is the beginning and more the rest or nil, over a connection, or over another one where
// that is allowed, and returns the answer.
func (t *Transport) converse(ctx context.Context, c *conn, a asked, first []byte, more io.ReadCloser) (*http.Response, error) {
	for {
		x := newExchange(ctx, a, c)
		resp, err := x.run(first, more)
		if err == nil || !x.again {
			return resp, err
		}
		if c, err = t.dial(ctx); err != nil {
			closeBody(more)
			return nil, err
		}
	}
}

// carries reports whether a request is for this client, as far as that can be told before its headers are written.
func (t *Transport) carries(req *http.Request) bool {
	return req.URL != nil && t.reaches(req.URL) && (req.Host == "" || req.Host == req.URL.Host) && req.Method != http.MethodConnect &&
		len(req.TransferEncoding) == 0 && len(req.Trailer) == 0 && req.ContentLength >= 0 && hasBody(req) == (req.ContentLength > 0)
}

// reaches reports whether requests to a URL go over connections of this client.
func (t *Transport) reaches(u *url.URL) bool {
	return t.own && u.Scheme == t.origin.scheme && u.Host == t.origin.host && u.Opaque == "" && !t.http2.Load()
}

// connection returns an idle connection, or a new one. On an error that is not errHTTP2 it closes body.
func (t *Transport) connection(ctx context.Context, body interface{ Close() error }) (*conn, error) {
	if err := ctx.Err(); err != nil {
		closeBody(body)
		return nil, context.Cause(ctx)
	}
	if c := t.pool.take(); c != nil {
		return c, nil
	}
	c, err := t.dial(ctx)
	if err != nil && !errors.Is(err, errHTTP2) {
		closeBody(body)
	}
	return c, err
}

// closeBody closes the body of a request, which may be nil.
func closeBody(body interface{ Close() error }) {
	if body != nil {
		_ = body.Close()
	}
}

// dial opens a connection. The error is a *net.OpError whose Op is "dial", or errHTTP2.
func (t *Transport) dial(ctx context.Context) (*conn, error) {
	dial := t.other.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(ctx, "tcp", t.origin.address)
	if err != nil {
		return nil, undialled(raw, err)
	}
	if t.origin.scheme == "http" {
		return newConn(&t.pool, raw, raw), nil
	}
	secure, err := t.handshake(ctx, raw)
	if err != nil {
		_ = raw.Close()
		return nil, undialled(raw, err)
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		t.http2.Store(true)
		_ = secure.Close()
		return nil, errHTTP2
	}
	return newConn(&t.pool, secure, raw), nil
}

// undialled returns err as what came of dialling: nothing was sent.
func undialled(raw net.Conn, err error) error {
	if IsUnsent(err) {
		return err
	}
	e := &net.OpError{Op: "dial", Net: "tcp", Err: err}
	if raw != nil {
		e.Addr = raw.RemoteAddr()
	}
	return e
}

// IsUnsent reports whether the error of a request says that there is no connection, so that nothing was sent.
func IsUnsent(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}

// handshake begins TLS on a connection and offers HTTP/2.
func (t *Transport) handshake(ctx context.Context, raw net.Conn) (*tls.Conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.other.TLSClientConfig != nil {
		config = t.other.TLSClientConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(t.origin.address)
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	if wait := t.other.TLSHandshakeTimeout; wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	secure := tls.Client(raw, config)
	return secure, secure.HandshakeContext(ctx)
}
