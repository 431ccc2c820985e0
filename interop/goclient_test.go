package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestGoClient lets the public Go package client use the reference servers, directly and through the gateway.
func TestGoClient(t *testing.T) {
	p := startServers(t)
	program := command{buildGoClient(t), nil}
	t.Run("directly", func(t *testing.T) { runClient(t, p, program) })
	if *direct {
		return
	}
	t.Run("through the gateway", func(t *testing.T) {
		gate := gatewayFor(t, p)
		behind := p
		behind.Gateway = &gate
		runClient(t, behind, program)
	})
}

// buildGoClient builds the program as if it lay in the gateway's module, and returns its path.
func buildGoClient(t *testing.T) string {
	t.Helper()
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {abs(t, "..", "goclient", "main.go"): abs(t, "testdata", "goclient", "main.go")},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(binaries, "goclient")
	if out, err := run(t.Context(), "..", nil, command{"go", []string{"build", "-overlay", file, "-o", binary, "./goclient"}}); err != nil {
		t.Fatalf("building the client: %v\n%s", err, out)
	}
	return binary
}
