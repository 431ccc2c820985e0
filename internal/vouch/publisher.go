package vouch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// How long a manifest of our own holds, and how long before its end the next one is made.
const (
	ownLasts = 30 * 24 * time.Hour
	ownEarly = 10 * 24 * time.Hour
)

// The files of a Publisher, in its directory.
const (
	keyFile      = "signing-key.pem"
	setFile      = "signing-key.pem.pub"
	manifestFile = "manifest.json"
	sigFile      = "server.sig"
)

// A Publisher makes the papers of one gateway and keeps them in a directory: its key, made when it is first asked, and what it has signed
// last. A nil Publisher has none. It is safe for concurrent use in one process.
type Publisher struct {
	// Dir is the directory, which only the gateway's user may read.
	Dir string

	mu     sync.Mutex
	signer *signature.Signer
	last   *trust.Manifest
	papers *Papers
}

// Papers returns the papers of the gateway that is reached at a URL and offers what the subject says. They are made anew, with the next
// number, when that is not what was signed last, and in time before their end.
func (p *Publisher) Papers(s *trust.Subject, uri string, now time.Time) (*Papers, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("opening the papers of the gateway in %s: %w", p.Dir, err)
	}
	m, err := trust.Describe(s)
	if err != nil {
		return nil, err
	}
	if p.papers != nil && p.last.URI == uri && p.last.Name == m.Name && p.last.Version == m.Version &&
		now.Before(p.last.Expires.Add(-ownEarly)) && !now.Before(p.last.Issued) && len(trust.Compare(p.last.Pins(), m.Pins())) == 0 {
		return p.papers, nil
	}
	m.URI, m.Issued = uri, now.UTC().Truncate(time.Second)
	m.Expires, m.Epoch = m.Issued.Add(ownLasts), 1
	if p.last != nil {
		m.Epoch = p.last.Epoch + 1
	}
	return p.publish(m)
}

// publish signs a manifest, keeps it, and shows it from now on.
func (p *Publisher) publish(m *trust.Manifest) (*Papers, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	sig, err := signature.Sign(text, p.signer)
	if err != nil {
		return nil, err
	}
	keys, err := os.ReadFile(filepath.Join(p.Dir, setFile)) // `sumun signing-key rotate` and `revoke` write there too
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's public keys: %w", err)
	}
	for name, text := range map[string][]byte{manifestFile: text, sigFile: sig} {
		if err := replace(filepath.Join(p.Dir, name), text, 0o644); err != nil {
			return nil, err
		}
	}
	p.last, p.papers = m, &Papers{Manifest: text, Signature: sig, Keys: keys}
	return p.papers, nil
}

// open reads the key, or makes it, and the number of the last manifest.
func (p *Publisher) open() error {
	if p.signer != nil {
		return nil
	}
	signer, err := p.key()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(p.Dir, manifestFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if p.last, err = trust.ParseManifest(text); err != nil {
			return err
		}
	}
	p.signer = signer
	return nil
}

// key returns the gateway's signing key.
func (p *Publisher) key() (*signature.Signer, error) {
	text, err := os.ReadFile(filepath.Join(p.Dir, keyFile))
	if err == nil {
		return signature.ParseSigner(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	signer, err := signature.Generate()
	if err != nil {
		return nil, err
	}
	private, err := signer.PEM()
	if err != nil {
		return nil, err
	}
	public, err := (&signature.Set{Keys: []signature.Key{signer.Key}}).JSON()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(p.Dir, setFile), public, 0o644); err != nil {
		return nil, err
	}
	return signer, replace(filepath.Join(p.Dir, keyFile), private, 0o600)
}

// replace writes a file as a whole.
func replace(name string, text []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".vouch-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}
