package interop

import "testing"

// TestTasks lets the official TypeScript SDK run a tool of the reference server as a task.
func TestTasks(t *testing.T) {
	servers := startServers(t)
	client := node(t, abs(t, "node", "tasks.ts"))
	if !*direct {
		gate := gatewayFor(t, servers)
		servers.Gateway = &gate
	}
	runClient(t, servers, client)
}
