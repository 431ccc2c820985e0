package interop

import (
	"maps"
	"strings"
	"testing"
)

// TestLines lets a client use the reference servers through the gateway where these are reached over HTTP+SSE and over a
// WebSocket. The client itself talks to them over standard input and output or Streamable HTTP, to compare what they list.
func TestLines(t *testing.T) {
	p := startServers(t)
	behind := maps.Clone(p.Servers)
	behind["everything"] = endpoint{URL: "ws://" + serve(t, node(t, abs(t, "node", "socket.ts")))}
	events := serve(t, node(t, peer(t, "@modelcontextprotocol", "server-everything", "dist", "index.js"), "sse"))
	behind["remote"] = endpoint{URL: "http://" + events + "/sse"} // found out by trying
	t.Run("legacy era", func(t *testing.T) {
		gate := gatewayFor(t, plan{Servers: behind, Folder: p.Folder})
		p.Gateway = &gate
		runClient(t, p, typescript(t))
	})
	behind["remote"] = endpoint{URL: "http://" + events + "/sse", Type: "sse"}
	t.Run("modern era", func(t *testing.T) {
		gate := gatewayFor(t, plan{Servers: behind, Folder: p.Folder})
		p.Gateway, p.Era = &gate, modernEra
		runClient(t, p, python(t, abs(t, "python", "client.py")))
	})
}

// TestPythonEvents calls a tool of the Python SDK's own server of HTTP+SSE through the gateway.
func TestPythonEvents(t *testing.T) {
	at := serve(t, python(t, abs(t, "python", "server.py")))
	gate := gatewayFor(t, plan{Servers: map[string]endpoint{"py": {URL: "http://" + at + "/sse"}}, Folder: t.TempDir()})
	for range 2 {
		out, err := run(t.Context(), t.TempDir(), nil, sumun(t, "call", "py.greet", "name=수문", "--url", gate.URL, "--key", gate.Key))
		if err != nil || strings.TrimSpace(out) != "안녕, 수문" {
			t.Errorf("greet = %q, %v", out, err)
		}
	}
}

// serve starts a server that listens on the port that its environment, with more, names, and returns its address once it does.
func serve(t *testing.T, c command, env ...string) string {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	start(t, t.TempDir(), append(env, "PORT="+port), c)
	await(t, "http://"+address+"/", func(int) bool { return true })
	return address
}
