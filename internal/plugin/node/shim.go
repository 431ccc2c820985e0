package node

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

//go:embed shim/*.mjs
var shim embed.FS

// unpack writes the shim below s.Shims, where all plugins share it, in a folder with a name of its content, and returns that.
func unpack(s recipe.Source) (string, error) {
	files, err := fs.Glob(shim, "shim/*.mjs")
	if err != nil {
		return "", fmt.Errorf("reading the shim: %w", err)
	}
	sum := sha256.New()
	for _, name := range files {
		raw, err := shim.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("reading the shim: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(raw), raw)
	}
	parent := cmp.Or(s.Shims, s.Work)
	folder := filepath.Join(parent, "node-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	fresh, err := os.MkdirTemp(parent, "node-*.tmp")
	if err != nil {
		return "", fmt.Errorf("unpacking the shim: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }() // what was renamed is not there any more
	if err := copyShim(fresh, files); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, folder); err != nil && !exists(folder) { // somebody else was faster
		return "", fmt.Errorf("unpacking the shim: %w", err)
	}
	return folder, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func copyShim(folder string, files []string) error {
	for _, name := range files {
		raw, err := shim.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(name)), raw, 0o644) //nolint:gosec // read by plugins, which may be another user
		}
		if err != nil {
			return fmt.Errorf("unpacking the shim: %w", err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // as above
		return fmt.Errorf("unpacking the shim: %w", err)
	}
	return nil
}
