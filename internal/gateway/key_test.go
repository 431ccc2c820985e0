package gateway_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
)

// readKey returns the key named local.
func readKey(t *testing.T, cfg *config.Config) string {
	t.Helper()
	b, err := os.ReadFile(gateway.LocalKeyFile(cfg))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
