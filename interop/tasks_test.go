package interop

import "testing"

// TestTasks lets the official TypeScript SDK run a tool of the reference server as a task.
func TestTasks(t *testing.T) {
	servers := startServers(t)
	client := node(t, abs(t, "node", "tasks.ts"))
	if *direct {
		runClient(t, servers, client)
		return
	}
	gate := gatewayFor(t, servers)
	for name, to := range map[string]endpoint{
		"HTTP": gate, "stdio": {command: sumun(t, "connect", "--url", gate.URL, "--key", gate.Key)},
	} {
		t.Run(name, func(t *testing.T) {
			through := servers
			through.Gateway = &to
			runClient(t, through, client)
		})
	}
}
