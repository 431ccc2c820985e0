// Package local finds the gateway that runs in a directory: a running gateway
// announces its address beside its state, and client verbs look for it there.
package local

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/transport"
)

const (
	endpointName = "endpoint"
	// KeyName is the name of the file that the key named local lies in.
	KeyName = "local.key"
	// healthTimeout is how long a gateway may take to say that it lives.
	healthTimeout = 3 * time.Second
)

// A Place is where a gateway keeps its state.
type Place struct {
	// Dir is the directory of its store.
	Dir string
	// CertFile is the certificate that it shows, or empty. It is trusted, since it may be self-signed.
	CertFile string
}

// Announce tells those who look for the gateway its address. The returned function
// takes that back, unless another gateway has announced itself since.
func (p Place) Announce(endpoint string) (func(), error) {
	file := filepath.Join(p.Dir, endpointName)
	if err := os.WriteFile(file, []byte(endpoint+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("announcing the gateway: %w", err)
	}
	return func() {
		if now, err := p.Announced(); err == nil && now == endpoint {
			_ = os.Remove(file) // a stale one does no harm: it is tried before it is used
		}
	}, nil
}

// Announced returns the address that a gateway of this place announced last, or
// nothing.
func (p Place) Announced() (string, error) {
	b, err := os.ReadFile(filepath.Join(p.Dir, endpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for a running gateway: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Key returns the key named local, or nothing where it cannot be read.
func (p Place) Key() string {
	b, err := os.ReadFile(filepath.Join(p.Dir, KeyName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// A Gateway is a running gateway that can be asked.
type Gateway struct {
	// URL is its endpoint, and Key what is shown to it.
	URL, Key string
	// Carrier carries requests to it.
	Carrier *http.Transport
}

// At returns the gateway at an address that the user named. Without a key of the
// user's, the one of this place is shown only to the gateway of this place.
func (p Place) At(address, key string) *Gateway {
	if now, err := p.Announced(); key == "" && err == nil && now == address {
		key = p.Key()
	}
	return &Gateway{URL: address, Key: key, Carrier: p.carrier(address)}
}

// Find returns the gateway that runs here, nil if there is none.
func (p Place) Find(ctx context.Context, key string) (*Gateway, error) {
	address, err := p.Announced()
	if address == "" || err != nil {
		return nil, err
	}
	g := p.At(address, key)
	if !g.lives(ctx) { // it ended without saying so
		return nil, nil //nolint:nilnil // no gateway runs here, and that is no failure
	}
	return g, nil
}

func (p Place) carrier(address string) *http.Transport {
	carrier := transport.NewRoundTripper(address)
	pem, err := os.ReadFile(p.CertFile)
	if p.CertFile == "" || err != nil {
		return carrier
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(pem)
	carrier.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return carrier
}

// RootCAs returns the certificates that the gateway's own is checked against, nil
// for those of the system.
func (g *Gateway) RootCAs() *x509.CertPool {
	if g.Carrier.TLSClientConfig == nil {
		return nil
	}
	return g.Carrier.TLSClientConfig.RootCAs
}

// lives asks the gateway whether it is there.
func (g *Gateway) lives(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	u, err := url.Parse(g.URL)
	if err != nil {
		return false
	}
	u.Path = "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return false
	}
	answer, err := g.Carrier.RoundTrip(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // nothing is read of it
	return answer.StatusCode == http.StatusOK
}
