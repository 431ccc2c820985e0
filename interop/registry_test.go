package interop

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// anonymous is the namespace in which the official registry lets everybody publish who tries it out.
const anonymous = "io.modelcontextprotocol.anonymous"

// TestRegistry has the official registry and its publisher as peers: what we write, it takes; what it lists, we take; and what we serve by
// its API, it takes as the registry that it is filled from.
func TestRegistry(t *testing.T) {
	postgres := startPostgres(t)
	programs := registryPrograms(t)
	official := startRegistry(t, programs, postgres, "first", "")
	home := t.TempDir()
	publisher := func(t *testing.T, dir string, args ...string) string {
		t.Helper()
		out, err := run(t.Context(), dir, append(os.Environ(), "HOME="+home), command{filepath.Join(programs, "publisher"), args})
		if err != nil {
			t.Fatalf("publisher %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	publisher(t, home, "login", "none", "--registry", official)
	server := t.TempDir()
	gateway := startGateway(t, fmt.Sprintf("publicURL: https://mcp.example.com\ntrust: {publicRegistry: true}\nservers:\n  calculator: {command: %q, args: [connect, --dir, %q], write: [%q]}\n", sumun(t).Command, server, server))
	folder, program := t.TempDir(), sumun(t).Command
	ours := func(t *testing.T, args ...string) string {
		t.Helper()
		out, err := run(t.Context(), folder, nil, command{program, args})
		if err != nil {
			t.Fatalf("sumun %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}

	t.Run("ours is published", func(t *testing.T) {
		write(t, folder, "mcp.yaml", "publicURL: https://mcp.example.com\n")
		write(t, folder, "server.json", ours(t, "registry", "server-json", "--namespace", anonymous))
		publisher(t, folder, "validate", "server.json")
		publisher(t, folder, "publish", "server.json")
	})
	t.Run("theirs is imported", func(t *testing.T) {
		for i := range 130 { // more than a page
			publish(t, official, home, fmt.Sprintf(`{"$schema":%q,"name":"%s/s%03d","description":"A server","version":"1.0.%d","packages":[{"registryType":"npm","identifier":"s%d","version":"1.0.0","transport":{"type":"stdio"}}]}`, schemaURI(t, folder), anonymous, i, i, i))
		}
		if out := ours(t, "registry", "import", official, "--json"); !strings.Contains(out, `"servers": 131`) {
			t.Errorf("import says %s", out)
		}
		if out := ours(t, "registry", "search", "/s12"); strings.Count(out, "\n") != 10 {
			t.Errorf("search finds\n%s", out)
		}
		if out := ours(t, "registry", "search", "/s12", "--at", official); strings.Count(out, "\n") != 10 {
			t.Errorf("search at the registry finds\n%s", out)
		}
		ours(t, "registry", "add", anonymous+"/s007", "--yes")
		text, err := os.ReadFile(filepath.Join(folder, "mcp.yaml"))
		if err != nil || !strings.Contains(string(text), "s7@1.0.0") {
			t.Errorf("%v\n%s", err, text)
		}
		ours(t, "config", "check")
	})
	t.Run("what the publisher makes is ours", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "package.json", `{"name":"@example/tool","version":"1.2.3","description":"A tool","mcpName":"io.github.example/tool"}`)
		publisher(t, dir, "init")
		ours(t, "registry", "import", filepath.Join(dir, "server.json"))
		if out := ours(t, "registry", "search", "tool"); !strings.Contains(out, "npm") {
			t.Errorf("search finds %q", out)
		}
	})
	t.Run("what we serve is theirs", func(t *testing.T) {
		base := strings.TrimSuffix(gateway, "/mcp")
		var served []string
		eventually(t, "the server behind the gateway is known", func() bool {
			served = list(t, base)
			return len(served) == 2
		})
		second := startRegistry(t, programs, postgres, "second", base+"/v0/servers")
		if got := list(t, second); !slices.Equal(got, served) {
			t.Errorf("the official registry has %q of %q", got, served)
		}
		for i, one := range bodies(t, base) {
			name := fmt.Sprintf("served%d.json", i)
			write(t, folder, name, string(one))
			publisher(t, folder, "validate", name)
		}
	})
}

// write writes a file of a test.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// registryPrograms builds the official registry and its publisher, and returns their folder.
func registryPrograms(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(binaries, "registry")
	out, err := run(t.Context(), "registry", nil, command{"go", []string{
		"build", "-o", dir + "/", "github.com/modelcontextprotocol/registry/cmd/registry", "github.com/modelcontextprotocol/registry/cmd/publisher",
	}})
	switch {
	case err != nil && strings.Contains(out, "dial tcp"):
		t.Skipf("the official registry cannot be fetched: %s", tail(out))
	case err != nil:
		t.Fatalf("building the official registry: %v\n%s", err, tail(out))
	}
	return dir
}

// startRegistry runs the official registry with a database of its own until the test ends, filled from a URL if there is one. It returns its URL.
func startRegistry(t *testing.T, programs, postgres, database, from string) string {
	t.Helper()
	if out, err := run(t.Context(), ".", nil, command{"psql", []string{postgres + "/postgres?sslmode=disable", "-qc", "CREATE DATABASE " + database}}); err != nil {
		t.Fatalf("making a database: %v\n%s", err, out)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	address := freeAddress(t)
	start(t, t.TempDir(), []string{
		"MCP_REGISTRY_DATABASE_URL=" + postgres + "/" + database + "?sslmode=disable", "MCP_REGISTRY_SERVER_ADDRESS=" + address,
		"MCP_REGISTRY_ENABLE_ANONYMOUS_AUTH=true", "MCP_REGISTRY_ENABLE_REGISTRY_VALIDATION=false", "MCP_REGISTRY_JWT_PRIVATE_KEY=" + hex.EncodeToString(secret),
		"MCP_REGISTRY_SEED_FROM=" + from,
	}, command{Command: filepath.Join(programs, "registry")})
	await(t, "http://"+address+"/v0.1/servers", func(status int) bool { return status == http.StatusOK })
	return "http://" + address
}

// startPostgres runs a PostgreSQL server until the test ends, and returns its URL without a database. Without its programs the test is skipped.
func startPostgres(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"initdb", "postgres", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the official registry needs PostgreSQL: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "sumun-postgres") //nolint:usetesting // another user has to reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 { // it refuses to run as root
		as.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	made := exec.CommandContext(t.Context(), "initdb", "-D", filepath.Join(dir, "data"), "-U", "test", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
	made.SysProcAttr, made.Dir = as, dir
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	host, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command("postgres", "-D", filepath.Join(dir, "data"), "-h", host, "-p", port, "-k", dir, "-F")
	server.SysProcAttr, server.Dir = as, dir
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait() // that it was told to end is no fault
	})
	url := "postgres://test@" + net.JoinHostPort(host, port)
	eventually(t, "PostgreSQL answers", func() bool {
		_, err := run(t.Context(), ".", nil, command{"psql", []string{url + "/postgres?sslmode=disable", "-qc", "SELECT 1"}})
		return err == nil
	})
	return url
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 30 s: %s", what)
}

// publish publishes a server.json at the registry that the publisher in home has logged in at.
func publish(t *testing.T, registry, home, text string) {
	t.Helper()
	var login struct {
		Token string `json:"token"`
	}
	data, err := os.ReadFile(filepath.Join(home, ".config", "mcp-publisher", "token.json"))
	if err != nil || json.Unmarshal(data, &login) != nil {
		t.Fatalf("where the publisher has logged in: %v", err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, registry+"/v0.1/publish", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+login.Token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		var why json.RawMessage
		_ = json.NewDecoder(answer.Body).Decode(&why)
		t.Fatalf("publishing: %s\n%s\n%s", answer.Status, why, text)
	}
}

// schemaURI is the format of the server.json that we have written.
func schemaURI(t *testing.T, folder string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "server.json"))
	var s struct {
		Schema string `json:"$schema"`
	}
	if err != nil || json.Unmarshal(data, &s) != nil || s.Schema == "" {
		t.Fatalf("%v\n%s", err, data)
	}
	return s.Schema
}

// bodies are the server.json files that a registry lists.
func bodies(t *testing.T, registry string) (all []json.RawMessage) {
	t.Helper()
	answer, err := http.Get(registry + "/v0.1/servers?limit=100")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct {
		Servers []struct {
			Server json.RawMessage `json:"server"`
		} `json:"servers"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	for _, s := range page.Servers {
		all = append(all, s.Server)
	}
	return all
}

// list are the names and versions that a registry lists.
func list(t *testing.T, registry string) (all []string) {
	t.Helper()
	for _, raw := range bodies(t, registry) {
		var s struct{ Name, Version string }
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Name+" "+s.Version)
	}
	slices.Sort(all)
	return all
}
