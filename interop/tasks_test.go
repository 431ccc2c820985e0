package interop

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

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

// taskScenarios are those of the official suite about tasks of the modern era, with the least number of checks that pass.
// The suite has a tenth that checks nothing yet.
var taskScenarios = map[string]int{
	"tasks-lifecycle": 9, "tasks-capability-negotiation": 5, "tasks-wire-fields": 4, "tasks-request-state-removal": 3,
	"tasks-mrtr-input": 4, "tasks-request-headers": 5, "tasks-dispatch-and-envelope": 9, "tasks-required-task-error": 3,
	"tasks-mrtr-composition": 2,
}

// passedChecks is how the suite says how a single scenario went.
var passedChecks = regexp.MustCompile(`Passed: (\d+)/(\d+)`)

// TestTaskConformance runs the official suite's scenarios about tasks against the gateway, with a server of our own behind
// it. Without the gateway, that server does not check headers.
func TestTaskConformance(t *testing.T) {
	suite := node(t, peer(t, "@modelcontextprotocol", "conformance", "dist", "index.js"))
	address := freeAddress(t)
	start(t, t.TempDir(), nil, node(t, abs(t, "node", "taskserver.ts"), address))
	url := "http://" + address + "/mcp"
	await(t, url, func(int) bool { return true })
	if !*direct {
		url = startGateway(t, fmt.Sprintf(
			"builtin: false\nanonymous: true\nservers:\n  fixture:\n    url: %s\n    prefix: \"\"\n", url))
	}
	for scenario, want := range taskScenarios {
		t.Run(scenario, func(t *testing.T) {
			out, err := run(t.Context(), t.TempDir(), nil, suite.with(
				"server", "--url", url, "--scenario", scenario, "--spec-version", "2026-07-28", "--force"))
			said := passedChecks.FindStringSubmatch(out)
			if said == nil {
				t.Fatalf("%v\n%s", err, tail(out))
			}
			if passed, _ := strconv.Atoi(said[1]); err != nil || passed < want || said[1] != said[2] {
				t.Errorf("%s, want %d; %v\n%s", said[0], want, err, tail(out))
			}
		})
	}
}
