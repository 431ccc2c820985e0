package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A boxedServer is an official server as its README has hosts start it, and what it has to answer in the box.
type boxedServer struct {
	name string
	// entry is what the README has in mcpServers, byte for byte but for HERE, where it asks for a path of the reader.
	entry string
	// keys are what the operator writes beside it.
	keys  string
	calls []boxedCall
}

// A boxedCall is one call of a tool, its answer's part, and whether it has to fail.
type boxedCall struct {
	args  []string
	want  string
	fails bool
}

// boxedServers returns the servers, four from npm and three from PyPI.
func boxedServers(dir string) []boxedServer {
	return []boxedServer{
		{"filesystem", `{"command":"npx","args":["-y","@modelcontextprotocol/server-filesystem","HERE"]}`, ``, []boxedCall{
			{[]string{"read_text_file", "path=" + dir + "/hello.txt"}, "a file of this machine", false},
			{[]string{"list_directory", "path=" + dir}, "hello.txt", false},
			{[]string{"write_file", "path=" + dir + "/new.txt", "content=x"}, "EROFS", true},
		}},
		{"everything", `{"command":"npx","args":["-y","@modelcontextprotocol/server-everything"]}`, ``, []boxedCall{
			{[]string{"echo", "message=hi"}, "Echo: hi", false},
			{[]string{"get-sum", "a=2", "b=3"}, "5", false},
			{[]string{"get-env"}, `"PATH"`, false},
		}},
		{"memory", `{"command":"npx","args":["-y","@modelcontextprotocol/server-memory"],"env":{"MEMORY_FILE_PATH":"HERE/memory.jsonl"}}`, `"write":["HERE"]`, []boxedCall{
			{[]string{"create_entities", `entities=[{"name":"Sumun","entityType":"gate","observations":["guards"]}]`}, "Sumun", false},
			{[]string{"read_graph"}, "guards", false},
		}},
		{"sequential-thinking", `{"command":"npx","args":["-y","@modelcontextprotocol/server-sequential-thinking"]}`, ``, []boxedCall{
			{[]string{"sequentialthinking", "thought=first", "nextThoughtNeeded=false", "thoughtNumber=1", "totalThoughts=1"}, "thoughtHistoryLength", false},
		}},
		{"time", `{"command":"uvx","args":["mcp-server-time"]}`, ``, []boxedCall{
			{[]string{"convert_time", "source_timezone=Asia/Seoul", "time=12:00", "target_timezone=UTC"}, "03:00", false},
		}},
		{"git", `{"command":"uvx","args":["mcp-server-git","--repository","HERE"]}`, `"exec":-1`, []boxedCall{
			{[]string{"git_log", "repo_path=" + dir}, "the first commit", false},
		}},
		{"fetch", `{"command":"uvx","args":["mcp-server-fetch"]}`, ``, []boxedCall{
			{[]string{"fetch", "url=http://169.254.169.254/latest/meta-data/"}, "", true},
		}},
	}
}

// TestBoxed starts official servers by the lines of their READMEs, as mcp.yaml takes them, in the box: installed in one phase, run in
// another, without anything that was not granted.
func TestBoxed(t *testing.T) {
	granted := t.TempDir()
	if err := os.WriteFile(filepath.Join(granted, "hello.txt"), []byte("a file of this machine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "the first commit"}} {
		if _, err := run(t.Context(), granted, os.Environ(), command{"git", args}); err != nil {
			t.Fatal(err)
		}
	}
	all := boxedServers(granted)
	gateway := sumun(t)
	dir := serveBoxed(t, gateway, granted, all)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.calls {
				callBoxed(t, dir, gateway.with("call", s.name+"."+c.args[0]).with(c.args[1:]...), c)
			}
		})
	}
}

// serveBoxed runs a gateway with the servers and returns its directory.
func serveBoxed(t *testing.T, gateway command, granted string, all []boxedServer) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	servers := map[string]json.RawMessage{}
	for _, s := range all {
		entry := s.entry
		if s.keys != "" {
			entry = strings.TrimSuffix(entry, "}") + "," + s.keys + "}"
		}
		servers[s.name] = json.RawMessage(strings.ReplaceAll(entry, "HERE", granted))
	}
	text, err := json.Marshal(servers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mcp.yaml"), fmt.Appendf(nil, "listen: %s\nbuiltin: false\nservers: %s\n", address, text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, []string{"DEPLOY_TOKEN=a-secret-of-the-gateway"}, gateway.with("serve"))
	await(t, "http://"+address+"/readyz", func(status int) bool { return status > 0 }) // it is ready when all is installed
	return dir
}

// callBoxed makes a call, again while the server is still being installed.
func callBoxed(t *testing.T, dir string, call command, want boxedCall) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		told, err := run(ctx, dir, nil, call)
		if err != nil {
			told += err.Error()
		}
		if err != nil && unready.MatchString(told) && ctx.Err() == nil {
			time.Sleep(time.Second)
			continue
		}
		if (err != nil) != want.fails || !strings.Contains(told, want.want) || strings.Contains(told, "a-secret-of-the-gateway") {
			t.Errorf("%q = %s, want %q (fails: %v)", call.Args, told, want.want, want.fails)
		}
		return
	}
}

// unready matches what the gateway says of a server that it has not spoken to yet.
var unready = regexp.MustCompile(`(?i)unknown tool|not found|no tool|installing|not reachable|unavailable`)
