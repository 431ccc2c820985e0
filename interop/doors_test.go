package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestDoors lets the official SDKs use the reference servers over the doors for clients that keep one conversation:
// HTTP+SSE and WebSocket.
func TestDoors(t *testing.T) {
	p := startServers(t)
	gate := gatewayFor(t, p)
	events := p
	events.Gateway = &endpoint{URL: strings.TrimSuffix(gate.URL, "/mcp") + "/sse", Key: gate.Key}
	t.Run("TypeScript SDK over HTTP+SSE", func(t *testing.T) { runClient(t, events, typescript(t)) })
	t.Run("Python SDK over HTTP+SSE", func(t *testing.T) { runClient(t, events, python(t, abs(t, "python", "client.py"))) })
	t.Run("TypeScript SDK over WebSocket", func(t *testing.T) {
		servers, err := json.Marshal(p.Servers)
		if err != nil {
			t.Fatal(err)
		}
		// This client cannot send a key.
		url := startGateway(t, fmt.Sprintf("builtin: false\nanonymous: true\nservers: %s\n", servers))
		sockets := p
		sockets.Gateway = &endpoint{URL: "ws" + strings.TrimPrefix(url, "http")}
		runClient(t, sockets, typescript(t))
	})
}
