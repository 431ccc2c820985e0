package auditlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Key signs checkpoints (Ed25519) and verifies them.
type Key struct {
	note.Signer
	// Verifier holds what is public of it.
	Verifier note.Verifier
	// Public is that as text, for others to verify with: NAME+HASH+BASE64.
	Public string
}

// ErrNotMade says that a new key could not be put into its file.
var ErrNotMade = errors.New("making a key of the audit log")

// OpenKey returns the key in the file at path. Where there is none, it makes one that
// only the file's owner can read; of several instances that do so at once, one does.
func OpenKey(path string) (*Key, error) { return openKey(path, "sumun-audit/"+rand.Text()[:10]) }

// openKey is OpenKey that gives a new key a name.
func openKey(path, name string) (*Key, error) {
	key, err := ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	secret, _, err := note.GenerateKey(rand.Reader, name)
	if err == nil {
		err = create(path, []byte(secret+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotMade, err)
	}
	return ReadKey(path)
}

// ReadKey returns the key in the file at path; the error is fs.ErrNotExist where there is none.
func ReadKey(path string) (*Key, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the file beside the store
	if err != nil {
		return nil, fmt.Errorf("reading the key of the audit log: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("%s is no key of an audit log: %w", path, err)
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), publicOf(secret))
	if err != nil {
		return nil, fmt.Errorf("%s is no key of an audit log: %w", path, err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("%s is no key of an audit log: %w", path, err)
	}
	return &Key{Signer: signer, Verifier: verifier, Public: public}, nil
}

// create makes a file that has the data from the moment it is there, and is not
// replaced where there is one.
func create(path string, data []byte) error {
	made, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(made) }() // the other name of the file, or one that was not needed
	if err := os.Link(made, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// replace gives a file other data, all or none of it even if the power fails.
func replace(path string, data []byte) error {
	made, err := writeTemp(path, data)
	if err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return errors.Join(err, os.Remove(made))
	}
	return nil
}

// writeTemp writes a file of another name beside path, for its owner only.
func writeTemp(path string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// publicOf returns the public key of a secret one in the form of package note, which
// has been read once; nil where it has none.
func publicOf(secret string) ed25519.PublicKey {
	parts := strings.SplitN(secret, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil
	}
	return ed25519.PublicKey(ed25519.NewKeyFromSeed(seed[1:])[ed25519.SeedSize:])
}
