package port

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// TLS says how connections are encrypted, and what clients show of themselves. Its files
// are read again when they change.
type TLS struct {
	// CertFile is the certificate chain and KeyFile its private key, both in PEM.
	CertFile, KeyFile string
	// ClientCAFile has the certificates of those who vouch for clients, in PEM; if it is
	// empty, clients are asked for nothing.
	ClientCAFile string
	// CRLFile has what they have taken back; empty for nothing.
	CRLFile string
	// Optional lets in clients that show no certificate.
	Optional bool
	// Again is how long the files are used before they are looked at again; a second unless it is set.
	Again time.Duration
	// Log takes what people should know.
	Log *slog.Logger
}

// Secure returns a listener whose connections are encrypted. A new certificate is shown to
// the next connection. A connection whose client's certificate is not good any more, by its
// date, by a list, or because nobody vouches for it, is closed within two seconds. Errors of
// files are FileErrors.
func Secure(ctx context.Context, inner net.Listener, o TLS) (net.Listener, error) {
	s := &secure{Listener: inner, ctx: context.WithoutCancel(ctx), optional: o.Optional, log: o.Log, peers: map[*peerConn]struct{}{}}
	o.Again = cmp.Or(o.Again, time.Second)
	s.again = o.Again
	certificate, err := o.newCertificate()
	if err != nil {
		return nil, err
	}
	if s.trust, err = o.newTrust(); err != nil {
		return nil, err
	}
	s.base = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.get(s.ctx), nil },
		MinVersion:     tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}
	s.config = s.base
	if s.trust != nil {
		s.config = s.base.Clone() // whose keys seal the tickets of all
		s.config.GetConfigForClient = s.configFor
	}
	return s, nil
}

// A secure is a listener whose connections are encrypted.
type secure struct {
	net.Listener

	ctx          context.Context //nolint:containedctx // of the log; handshakes have none of ours
	config, base *tls.Config
	trust        *renewed[*trust] // nil if clients are not asked
	optional     bool
	again        time.Duration
	log          *slog.Logger

	mu sync.Mutex
	// peers are the connections whose clients have shown a certificate.
	peers map[*peerConn]struct{}
	// next looks at them again; nil while there are none.
	next *time.Timer
}

// Accept returns the next connection. It is encrypted by its first use.
func (s *secure) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if s.trust != nil {
		conn = &peerConn{Conn: conn, of: s, Peer: Peer{over: make(chan struct{})}}
	}
	return tls.Server(conn, s.config), nil
}

// configFor is how one connection is encrypted: who vouches for clients may have changed.
func (s *secure) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	conn, ok := hello.Conn.(*peerConn)
	if !ok {
		return nil, errors.New("a connection of another listener")
	}
	trust, config := s.trust.get(s.ctx), s.base.Clone()
	config.ClientCAs, config.ClientAuth = trust.pool, tls.RequireAndVerifyClientCert
	if s.optional {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	config.VerifyConnection = func(state tls.ConnectionState) error { return s.admit(conn, trust, &state) }
	return config, nil
}

// admit lets a client in by the certificate that it has shown, which it holds, or without one.
func (s *secure) admit(conn *peerConn, trust *trust, state *tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	until, err := trust.judge(state.VerifiedChains, time.Now())
	if state.DidResume { // the chains are those of an earlier connection
		until, err = trust.verify(state.PeerCertificates, time.Now())
	}
	if err != nil {
		s.log.DebugContext(s.ctx, "a client's certificate is refused", slog.Any("error", err), slog.String("remote", conn.RemoteAddr().String()))
		return err
	}
	conn.shown = state.PeerCertificates
	conn.by, conn.until = trust, until
	conn.cert.Store(state.PeerCertificates[0])
	s.watch(conn)
	return nil
}

// watch looks at a connection now and then until it is closed.
func (s *secure) watch(conn *peerConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if conn.closed {
		return
	}
	s.peers[conn] = struct{}{}
	if s.next == nil {
		s.next = time.AfterFunc(s.again, s.look)
	}
}

// look ends the connections whose clients' certificates are not good any more.
func (s *secure) look() {
	trust := s.trust.get(s.ctx)
	for conn, err := range s.over(trust, time.Now()) {
		s.log.InfoContext(s.ctx, "a client's certificate is not good any more; its connection is closed",
			slog.String("client", conn.shown[0].Subject.String()), slog.Any("error", err))
		close(conn.over)
		_ = conn.Close() // its client may have closed it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.peers) == 0 {
		s.next = nil
		return
	}
	s.next.Reset(s.again)
}

// over returns the connections that are to be closed, and why. They are not watched any more.
func (s *secure) over(by *trust, now time.Time) map[*peerConn]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := map[*peerConn]error{}
	for conn := range s.peers {
		if conn.by == by && now.Before(conn.until) {
			continue
		}
		until, err := by.verify(conn.shown, now)
		if err == nil {
			conn.by, conn.until = by, until
			continue
		}
		over[conn] = err
		delete(s.peers, conn)
	}
	return over
}

// A peerConn is a connection whose client is asked for a certificate.
type peerConn struct {
	net.Conn
	Peer
	of *secure

	// What follows belongs to of, and changes under its lock once the connection is watched.
	shown  []*x509.Certificate
	by     *trust    // who vouched for them last
	until  time.Time // as far as was known then
	closed bool
}

// Close closes the connection.
func (c *peerConn) Close() error {
	c.of.mu.Lock()
	c.closed = true
	delete(c.of.peers, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
