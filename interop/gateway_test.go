package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// startGateway runs a gateway with the configuration, which says nothing of where it listens, until the test ends.
// It returns its URL once the gateway says that it is ready.
func startGateway(t *testing.T, configuration string) string {
	t.Helper()
	return startGatewayAt(t, freeAddress(t), configuration)
}

// startGatewayAt is startGateway at an address.
func startGatewayAt(t *testing.T, address, configuration string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "mcp.yaml")
	if err := os.WriteFile(file, []byte("listen: "+address+"\n"+configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, nil, sumun(t, "serve", "--config", file))
	await(t, "http://"+address+"/readyz", func(status int) bool { return status == http.StatusOK })
	return "http://" + address + "/mcp"
}

// gatewayFor runs a gateway in front of the servers of the plan and returns where it is.
func gatewayFor(t *testing.T, p plan) endpoint {
	t.Helper()
	const key = "an-interop-key-that-opens-nothing-else"
	servers, err := json.Marshal(p.Servers) // JSON is YAML too
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { noneLeft(t, p.Folder) }) // runs after the gateway has ended
	url := startGateway(t, fmt.Sprintf("builtin: false\napiKey: %s\nservers: %s\n", key, servers))
	return endpoint{URL: url, Key: key}
}
