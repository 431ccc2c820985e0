package access

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sumun-mcp/sumun/internal/keyring"
)

// HashKey returns the SHA-256 of a key.
func HashKey(key string) [32]byte { return keyring.Hash(key) }

// NewKey returns a new random key that is not kept in the store.
func NewKey() string { return keyring.Mint("") }

// IsKey reports whether key is one that may have been made here: its form and its checksum are right.
func IsKey(key string) bool { return keyring.IsSecret(key) }

// LocalKey reads the key in the file at path; without the file it makes a key
// and the file, and says so. Nobody but the owner may read the file (0600, in a
// folder of 0700): one that others can read is refused.
func LocalKey(path string) (key string, created bool, err error) {
	dir, name := filepath.Split(filepath.Clean(path))
	if dir == "" {
		dir = "."
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, fmt.Errorf("making the folder of the local key: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", false, fmt.Errorf("opening the folder of the local key: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing was written through it
	key, err = readKey(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		if created, err = writeKey(root, name); err == nil {
			key, err = readKey(root, name)
		}
	}
	if err != nil {
		return "", false, fmt.Errorf("the local key %s: %w", path, err)
	}
	return key, created, nil
}

func readKey(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a file; remove it to have a new key made")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf("others can read it (mode %#o); run chmod 600 on it, or remove it to have a new key made", mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	if !IsKey(key) {
		return "", errors.New("it does not hold a key, or a damaged one; remove it to have a new key made")
	}
	return key, nil
}

// writeKey makes the file with a new key unless somebody else has made it
// meanwhile: it appears whole or not at all.
func writeKey(root *os.Root, name string) (created bool, err error) {
	temporary := "." + name + "." + rand.Text()
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	defer root.Remove(temporary) //nolint:errcheck // a link or nothing is left
	_, err = f.WriteString(NewKey() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	switch err = root.Link(temporary, name); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil: // this file system knows no links
		return true, root.Rename(temporary, name)
	}
	return true, nil
}
