package gateway_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/store"
)

// emptyStore is the file of a store that is new. To make one takes half as long as all else that opening a gate takes, so that tests
// begin with a copy; that a store comes into being by itself is for package store and cmd/sumun to test.
var emptyStore = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gateway")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sumun.db")
	s, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// newStore makes a store without anything in it, and returns where it is.
func newStore(t *testing.T) string {
	t.Helper()
	data, err := emptyStore()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "state", "sumun.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}
