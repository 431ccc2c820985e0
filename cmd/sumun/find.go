package main

import (
	"cmp"
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

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// healthTimeout is how long a gateway may take to say that it lives.
const healthTimeout = 3 * time.Second

// running is a gateway that client verbs can ask.
type running struct {
	url, key string
	carrier  *http.Transport
}

// findGateway finds the gateway that the user means: the one of --url or
// SUMUN_URL, else the one that was started here. It returns nil if none runs here.
func (a *app) findGateway(ctx context.Context) (*running, error) {
	place := a.place()
	key := cmp.Or(a.key, a.getenv("SUMUN_KEY"))
	if named := cmp.Or(a.url, a.getenv("SUMUN_URL")); named != "" {
		if u, err := url.Parse(named); err != nil || u.Host == "" {
			return nil, &exitError{code: exitUsage, msg: fmt.Sprintf("%q is no URL", named), hint: "write it as http://127.0.0.1:8080/mcp"}
		}
		if key == "" && named == place.announced() {
			key = place.localKey() // never shown to a gateway that is not this directory's
		}
		return &running{url: named, key: key, carrier: place.carrier(named)}, nil
	}
	endpoint, err := os.ReadFile(place.endpoint())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no gateway runs here, and that is no failure
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a running gateway: %w", err)
	}
	address := strings.TrimSpace(string(endpoint))
	r := &running{url: address, key: cmp.Or(key, place.localKey()), carrier: place.carrier(address)}
	if !r.lives(ctx) {
		return nil, nil //nolint:nilnil // one ran here, and ended without saying so
	}
	return r, nil
}

// place is where a gateway of this directory keeps its state.
type place struct{ dir, certFile string }

// place asks the configuration; a faulty one, or one whose variables are not set
// here, leaves the default place beside it.
func (a *app) place() place {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err == nil {
		return place{filepath.Dir(cfg.StoreFile()), cfg.TLS.CertFile}
	}
	dir := "."
	if a.config != "" {
		dir = filepath.Dir(a.config)
	}
	return place{dir: filepath.Join(dir, ".sumun")}
}

func (p place) endpoint() string { return filepath.Join(p.dir, "endpoint") }

// announced is the address that the gateway of this place announced last.
func (p place) announced() string {
	b, err := os.ReadFile(p.endpoint())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// localKey is the key named local, or nothing where it cannot be read.
func (p place) localKey() string {
	b, err := os.ReadFile(filepath.Join(p.dir, gateway.LocalKeyName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// carrier carries requests to the gateway. A certificate that the gateway's own
// configuration names is trusted, since it may be self-signed.
func (p place) carrier(address string) *http.Transport {
	carrier := transport.NewRoundTripper(address)
	pem, err := os.ReadFile(p.certFile)
	if p.certFile == "" || err != nil {
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

// rootCAs are the certificates that the gateway's own is checked against.
func (r *running) rootCAs() *x509.CertPool {
	if r.carrier.TLSClientConfig == nil {
		return nil
	}
	return r.carrier.TLSClientConfig.RootCAs
}

// lives asks the gateway whether it is there.
func (r *running) lives(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	u, err := url.Parse(r.url)
	if err != nil {
		return false
	}
	u.Path = "/healthz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return false
	}
	answer, err := r.carrier.RoundTrip(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // nothing is read of it
	return answer.StatusCode == http.StatusOK
}

// dial opens a session with the gateway for a client verb.
func (a *app) dial(ctx context.Context) (*transport.Session, error) {
	to, err := a.findGateway(ctx)
	if err != nil {
		return nil, err
	}
	if to == nil {
		return nil, &exitError{
			code: exitUnreachable, msg: "no gateway runs here",
			hint: "start one with `sumun serve`, or name one with --url",
		}
	}
	header := http.Header{}
	if to.key != "" {
		header.Set("Authorization", "Bearer "+to.key)
	}
	session, err := transport.Open(ctx, transport.Target{
		Name: to.url, URL: to.url, Header: header, RoundTripper: to.carrier, Era: transport.Modern,
	}, transport.Hello{Info: []byte(`{"name":"sumun-cli","version":"` + version + `"}`)})
	if err != nil {
		return nil, dialError(to, err)
	}
	return session, nil
}

// isDenied reports whether the gateway refused the key, or the key's holder.
func isDenied(told *mcp.Error) bool {
	if told == nil {
		return false
	}
	reason := mcp.Reason(text(told.Data, "reason"))
	return reason == mcp.Unauthenticated || reason == mcp.Forbidden
}

// dialError tells what to try when the gateway could not be asked.
func dialError(to *running, err error) error {
	e := &exitError{code: exitUnreachable, msg: "asking the gateway", target: to.url, err: err}
	switch {
	case isDenied(mcp.AsError(err)):
		e.code, e.hint = exitDenied, "show a key with --key or SUMUN_KEY; the key local lies in .sumun/local.key of the gateway's directory"
	default:
		e.hint = "is it running? `sumun serve` starts one"
	}
	return e
}
