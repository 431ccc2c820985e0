package port

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync/atomic"
)

// A Peer is what the client at the other end of a connection has shown of itself. Its
// methods may be called concurrently.
type Peer struct {
	cert atomic.Pointer[x509.Certificate]
	over chan struct{}
}

// Certificate returns the client's certificate, which was vouched for; nil if it has shown none.
func (p *Peer) Certificate() *x509.Certificate { return p.cert.Load() }

// Over returns a channel that is closed when the certificate is good for nothing any more.
// Soon after, the connection is closed too.
func (p *Peer) Over() <-chan struct{} { return p.over }

// peerKey is the key of the Peer in the context of a request.
type peerKey struct{}

// PeerOf returns who is at the other end of the connection that a request came on; nil where
// clients are not asked for certificates.
func PeerOf(ctx context.Context) *Peer {
	p, _ := ctx.Value(peerKey{}).(*Peer)
	return p
}

// withPeer is the context of the requests on a connection.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		if c, ok := secure.NetConn().(*peerConn); ok {
			return context.WithValue(ctx, peerKey{}, &c.Peer)
		}
	}
	return ctx
}
