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
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/http1"
)

const (
	endpointName = "endpoint"
	// KeyName is the name of the file that the key named local lies in.
	KeyName = "local.key"
	// healthTimeout is how long a gateway may take to say that it lives.
	healthTimeout = 3 * time.Second
	// objectTimeout is how long it may take to object to what it was shown.
	objectTimeout = time.Second
)

// A Place is where a gateway keeps its state.
type Place struct {
	// Dir is the directory of what belongs to this machine alone.
	Dir string
	// CertFile is the certificate that it shows, or empty. It is trusted, since it may be self-signed.
	CertFile string
	// CAFile has certificates of further authorities that are trusted; empty for none.
	CAFile string
	// Shows is the certificate that is shown to it; nil for none.
	Shows *tls.Certificate
}

// Of returns the place of the gateway with this configuration.
func Of(cfg *config.Config) Place {
	p := Place{Dir: cfg.StateDir()}
	if cfg.TLS.Enabled {
		p.CertFile = cfg.TLS.CertFile
	}
	return p
}

// Here returns the place of the gateway whose configuration is the file at path, or
// the one that config.Find finds when path is empty. The file may be faulty, or name
// variables that are not set here: a gateway that runs is found all the same.
func Here(path string, env func(string) (string, bool)) Place {
	cfg, err := config.Load(path, env)
	if cfg == nil || (err != nil && cfg.Store == "") {
		return Place{Dir: filepath.Join(filepath.Dir(path), ".sumun")}
	}
	return Of(cfg)
}

// An announcement is what a gateway says of itself in the file endpoint: a line with
// its address and, with TLS, one with the path of its certificate.
type announcement struct{ address, certFile string }

// Announce tells those who look for the gateway its address and certificate. The
// returned function takes that back, unless another gateway has announced itself since.
func (p Place) Announce(endpoint string) (func(), error) {
	file := filepath.Join(p.Dir, endpointName)
	text := endpoint + "\n"
	if p.CertFile != "" {
		text += p.CertFile + "\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("announcing the gateway: %w", err)
	}
	return func() {
		if now, err := p.announced(); err == nil && now.address == endpoint {
			_ = os.Remove(file) // a stale one does no harm: it is tried before it is used
		}
	}, nil
}

// announced returns what a gateway of this place announced last, or nothing.
func (p Place) announced() (announcement, error) {
	b, err := os.ReadFile(filepath.Join(p.Dir, endpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return announcement{}, nil
	}
	if err != nil {
		return announcement{}, fmt.Errorf("looking for a running gateway: %w", err)
	}
	address, rest, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	certFile, _, _ := strings.Cut(rest, "\n")
	return announcement{strings.TrimSpace(address), strings.TrimSpace(certFile)}, nil
}

// Fault returns what keeps a gateway from keeping its state here, and what to do
// about it; nothing if all is well, or there is no directory yet.
func (p Place) Fault() (fault, remedy string) {
	info, err := os.Stat(p.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ""
	case err != nil:
		return err.Error(), "make the directory readable for you"
	case !info.IsDir():
		return p.Dir + " is not a directory", "move it away, or set store in mcp.yaml"
	case info.Mode().Perm()&0o077 != 0:
		return p.Dir + " can be read by others", "chmod 700 " + p.Dir
	}
	return "", ""
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
	Carrier *http1.Transport
	secure  *tls.Config
}

// At returns the gateway at an address that the user named. Without a key of the
// user's, the one of this place is shown only to the gateway of this place.
func (p Place) At(address, key string) *Gateway {
	now, err := p.announced()
	if err != nil {
		now = announcement{}
	}
	if key == "" && now.address == address {
		key = p.Key()
	}
	var roots *x509.CertPool
	for _, file := range []string{p.CertFile, now.certFile, p.CAFile} {
		roots = trust(roots, file)
	}
	secure := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if p.Shows != nil {
		// Whatever the gateway says of those who may vouch for it: it says why it refuses what it is shown.
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.Shows, nil }
	}
	return &Gateway{URL: address, Key: key, Carrier: http1.Secured(address, secure), secure: secure}
}

// Find returns the gateway that runs here, nil if there is none. A gateway that runs
// but cannot be trusted is returned with an error that says why.
func (p Place) Find(ctx context.Context, key string) (*Gateway, error) {
	now, err := p.announced()
	if now.address == "" || err != nil {
		return nil, err
	}
	g := p.At(now.address, key)
	err = g.lives(ctx)
	switch {
	case err == nil:
		return g, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if !refusesTLS(err) {
		err = g.greet(ctx)
	}
	if refusesTLS(err) {
		return g, fmt.Errorf("a gateway runs at %s, but TLS with it fails: %w", g.URL, err)
	}
	return nil, nil //nolint:nilnil // it ended without saying so; none runs here, and that is no failure
}

// trust returns roots, where nil stands for those of the system, with the certificates
// in a file. A file that cannot be read adds none: the connection then says what is missing.
func trust(roots *x509.CertPool, file string) *x509.CertPool {
	if file == "" {
		return roots
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the certificate of this user's own gateway
	if err != nil {
		return roots
	}
	if roots == nil {
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
	}
	roots.AppendCertsFromPEM(pem)
	return roots
}

// TLS returns what the gateway's certificate is checked against, and what it is shown.
func (g *Gateway) TLS() *tls.Config { return g.secure }

// lives asks the gateway whether it is there; nil says that it is.
func (g *Gateway) lives(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	u, err := url.Parse(g.URL)
	if err != nil {
		return err
	}
	u.Path = "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	answer, err := g.Carrier.RoundTrip(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // nothing is read of it
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered HTTP %d", answer.StatusCode)
	}
	return nil
}

// greet says hello to a gateway and nothing more, and returns what it objects to: one that
// wants a certificate of us says so only after that, and a request that is on its way
// meanwhile may keep its objection from arriving.
func (g *Gateway) greet(ctx context.Context) error {
	u, err := url.Parse(g.URL)
	if err != nil || u.Scheme != "https" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: g.secure}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was said on it
	if err = conn.SetReadDeadline(time.Now().Add(objectTimeout)); err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	return err
}

// refusesTLS reports whether the other end speaks TLS, but no trust came about. An
// answer that is not TLS comes from another program, which got the port meanwhile.
func refusesTLS(err error) bool {
	_, ours := errors.AsType[*tls.CertificateVerificationError](err)
	theirs, ok := errors.AsType[*net.OpError](err)
	return ours || ok && theirs.Op == "remote error" // which is how an alert is told
}
