package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// endpoint is where a client finds a server, as the clients' plan names it.
type endpoint struct {
	command
	URL  string `json:"url,omitempty"`
	Type string `json:"type,omitempty"`
	Key  string `json:"key,omitempty"`
	// Write is what the gateway lets the program change.
	Write []string `json:"write,omitempty"`
}

// plan tells a client program what to talk to.
type plan struct {
	Gateway *endpoint           `json:"gateway,omitempty"`
	Servers map[string]endpoint `json:"servers"`
	Folder  string              `json:"folder"` // what the file server may touch
	Era     string              `json:"era"`    // legacy or modern: how the client shall speak
}

// TestPeers lets the official SDKs, the Inspector and Claude Code list and use all that three reference servers have.
func TestPeers(t *testing.T) {
	servers := startServers(t)
	if *direct {
		t.Run("TypeScript SDK", func(t *testing.T) { runClient(t, servers, typescript(t)) })
		t.Run("Python SDK", func(t *testing.T) { runClient(t, servers, python(t, abs(t, "python", "client.py"))) })
		t.Run("Inspector", func(t *testing.T) { testInspector(t, servers) })
		t.Run("Claude Code", func(t *testing.T) { testClaude(t, servers.Servers) })
		return
	}
	gate := gatewayFor(t, servers)
	http, stdio, modern := servers, servers, servers
	http.Gateway = &gate
	stdio.Gateway = &endpoint{command: sumun(t, "connect", "--url", gate.URL, "--key", gate.Key)}
	modern.Gateway, modern.Era = &gate, "modern"
	t.Run("TypeScript SDK", func(t *testing.T) { runClient(t, http, typescript(t)) })
	t.Run("TypeScript SDK, modern era", func(t *testing.T) { runClient(t, modern, typescript(t)) })
	t.Run("TypeScript SDK over stdio", func(t *testing.T) { runClient(t, stdio, typescript(t)) })
	t.Run("Python SDK", func(t *testing.T) { runClient(t, http, python(t, abs(t, "python", "client.py"))) })
	t.Run("Python SDK, modern era", func(t *testing.T) { runClient(t, modern, python(t, abs(t, "python", "client.py"))) })
	t.Run("Inspector", func(t *testing.T) { testInspector(t, http) })
	t.Run("Claude Code", func(t *testing.T) {
		testClaude(t, map[string]endpoint{"http": gate, "stdio": *stdio.Gateway})
	})
}

// startServers starts the reference servers that are reached over HTTP and names all three.
func startServers(t *testing.T) plan {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "hello.txt"), []byte("문 앞에서\nat the gate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	everything := node(t, peer(t, "@modelcontextprotocol", "server-everything", "dist", "index.js"))
	files := node(t, peer(t, "@modelcontextprotocol", "server-filesystem", "dist", "index.js"), folder)
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	start(t, t.TempDir(), []string{"PORT=" + port}, everything.with("streamableHttp"))
	await(t, "http://"+address+"/mcp", func(int) bool { return true })
	return plan{
		Folder: folder,
		Era:    "legacy",
		Servers: map[string]endpoint{
			"everything": {command: everything.with("stdio", folder)}, // it ignores the folder; noneLeft knows it by that
			"files":      {command: files, Write: []string{folder}},
			"remote":     {URL: "http://" + address + "/mcp"},
		},
	}
}

// typescript returns the client program of the TypeScript SDK.
func typescript(t *testing.T) command {
	t.Helper()
	return node(t, abs(t, "node", "client.ts"))
}

// runClient runs a client program with the plan and fails if one of its checks does.
func runClient(t *testing.T, p plan, client command) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t.Context(), ".", nil, client.with(file))
	t.Logf("%d passed, %d failed\n%s", strings.Count(out, "PASS"), strings.Count(out, "FAIL"), out)
	if err != nil {
		t.Errorf("checks failed: %v", err)
	}
}
