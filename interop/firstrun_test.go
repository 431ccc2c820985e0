package interop

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFirstRun does what the README says first: serve without a configuration, then a call from a second terminal in
// the same folder.
func TestFirstRun(t *testing.T) {
	dir := t.TempDir()
	began := time.Now()
	// The default address is what the README shows; the test has its own, for another gateway may run here.
	address := freeAddress(t)
	if err := os.WriteFile(filepath.Join(dir, "mcp.yaml"), []byte("listen: "+address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, sumun(t, "serve"))
	await(t, "http://"+address+"/readyz", func(status int) bool { return status == http.StatusOK })
	t.Logf("ready after %.1f s, with the build", time.Since(began).Seconds())

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := run(ctx, dir, nil, sumun(t, "call", "calc.evaluate", "expression=2*(3+4)"))
	if err != nil || strings.TrimSpace(out) != "14" {
		t.Errorf("sumun call calc.evaluate expression='2*(3+4)' = %q, %v; want 14", out, err)
	}
}
