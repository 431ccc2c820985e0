package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// environment is what the tests' files see.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"MCP_API_KEY":  "0123456789abcdef0123456789abcdef",
		"TOKEN":        "t0ken",
		"ISSUES_TOKEN": "1ssues",
		"HOME":         "/home/you",
		"HOST":         "mcp.example.com",
		"PORT":         "9090",
		"YES":          "true",
		"EMPTY":        "",
		"LINES":        "a\nb",
		"YAML":         "{enabled: true}",
	}[name]
	return value, ok
}

// unpack writes the files of an archive to a new directory, makes that the working directory, and returns the archive. Its first file
// is the configuration.
func unpack(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := txtar.Write(archive, "."); err != nil {
		t.Fatal(err)
	}
	return archive
}

// archives returns the archives in a folder of testdata, by name.
func archives(t *testing.T, folder string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("archives in %s: %v, %v", folder, names, err)
	}
	found := map[string]string{}
	for _, name := range names {
		full, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(name), ".txtar")] = full
	}
	return found
}

// TestBad loads files that are wrong and compares all that is said about them. UPDATE=1 takes what is said as right.
func TestBad(t *testing.T) {
	for name, file := range archives(t, "bad") {
		t.Run(name, func(t *testing.T) {
			archive := unpack(t, file)
			_, err := Load(archive.Files[0].Name, environment)
			if err == nil {
				t.Fatal("the file is accepted")
			}
			wd, err2 := os.Getwd()
			if err2 != nil {
				t.Fatal(err2)
			}
			golden(t, file, archive, strings.ReplaceAll(err.Error(), wd, "DIR")+"\n")
		})
	}
}

// golden compares got with the file called want of an archive, or with UPDATE=1 puts it there.
func golden(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name != "want" {
			continue
		}
		if diff := cmp.Diff(string(f.Data), got); diff == "" {
			return
		} else if os.Getenv("UPDATE") == "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		f.Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s has no file called want; it would be:\n%s", file, got)
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want"})
	golden(t, file, archive, got)
}

// loadText reads text as a file of that name in a directory of its own.
func loadText(t *testing.T, name, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, environment)
}

// TestServers reads servers in all their forms.
func TestServers(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
servers:
  zeta: &base
    command: npx
    args: [-y, "pkg", ./docs]
    env: {LOG: "${HOME}/log", EMPTY: ""}
    maxRuntime: 1m
  alpha:
    <<: *base
    prefix: ""
    isolation: session
mcpServers:
  mid:
    type: streamable-http
    url: https://${HOST}/mcp
    headers: {Authorization: "Bearer ${TOKEN}"}
    tools: {allow: ["list_*"], rename: {a.b: c}, timeout: 0s}
    trust: {annotations: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	zeta := NewServer("zeta")
	zeta.Type, zeta.Command, zeta.Args, zeta.Cwd = "stdio", "npx", []string{"-y", "pkg", "./docs"}, c.Dir
	zeta.Env = map[string]string{"LOG": "/home/you/log", "EMPTY": ""}
	zeta.MaxRuntime, zeta.Tools.Timeout = time.Minute, time.Minute
	alpha := zeta
	alpha.Name, alpha.Prefix, alpha.Isolation = "alpha", "", "session"
	mid := NewServer("mid")
	mid.Type, mid.URL = "http", "https://mcp.example.com/mcp"
	mid.Headers = map[string]string{"Authorization": "Bearer t0ken"}
	mid.Tools = ToolRules{Allow: []string{"list_*"}, Rename: map[string]string{"a.b": "c"}}
	mid.Trust.Annotations = true
	if diff := cmp.Diff([]Server{zeta, alpha, mid}, c.Servers); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !c.Servers[0].Equal(zeta) || c.Servers[0].Equal(alpha) {
		t.Error("Equal does not tell servers apart")
	}
}

// TestTypes finds the type of a server in its URL, under any of its names.
func TestTypes(t *testing.T) {
	tests := []struct{ server, want string }{
		{"url: https://a.example/mcp", "http"},
		{"type: http, url: https://a.example/mcp", "http"},
		{"type: sse, url: http://a.example/sse", "sse"},
		{"url: ws://a.example/mcp", "websocket"},
		{"url: wss://a.example/mcp, headers: {A: b}", "websocket"},
		{"type: ws, url: wss://a.example/mcp", "websocket"},
		{"type: websocket, url: 'wss://${HOST}/mcp'", "websocket"},
		{"command: x", "stdio"},
	}
	for _, tt := range tests {
		c, err := loadText(t, "mcp.yaml", "servers: {a: {"+tt.server+"}}")
		if err != nil {
			t.Errorf("%s: %v", tt.server, err)
		} else if got := c.Servers[0].Type; got != tt.want {
			t.Errorf("%s: type %q, want %q", tt.server, got, tt.want)
		}
	}
}

// TestNaming takes a key's naming before the endpoint's.
func TestNaming(t *testing.T) {
	tests := []struct{ text, local, apiKey, nobody string }{
		{"port: 1", "", "", ""},
		{"naming: short", "short", "short", "short"},
		{"naming: full\nkeys: {local: {naming: short}}", "short", "full", "full"},
		{"apiKey: 0123456789abcdef\nkeys: {apiKey: {naming: full}, local: {}}", "", "full", ""},
	}
	for _, tt := range tests {
		c, err := loadText(t, "mcp.yaml", tt.text)
		if err != nil {
			t.Fatal(err)
		}
		if l, a, n := c.NamingOf("local"), c.NamingOf("apiKey"), c.NamingOf(""); l != tt.local || a != tt.apiKey || n != tt.nobody {
			t.Errorf("%s: naming of local %q, of apiKey %q, of nobody %q", tt.text, l, a, n)
		}
	}
}

// TestListen makes the address of listen, or of host and port, or of SUMUN_HOST.
func TestListen(t *testing.T) {
	tests := []struct{ name, text, host, want string }{
		{"nothing", "", "", "127.0.0.1:8080"},
		{"listen", "listen: 127.0.0.1:0", "", "127.0.0.1:0"},
		{"port", "port: 9000", "", "127.0.0.1:9000"},
		{"host", "host: localhost", "", "localhost:8080"},
		{"six", "host: ::1\nport: 9000", "", "[::1]:9000"},
		{"six in brackets", "host: '[::1]'", "", "[::1]:8080"},
		{"variable", "port: 9000\ntls: {terminated: true}", "0.0.0.0", "0.0.0.0:9000"},
		{"the file wins", "host: 127.0.0.1", "0.0.0.0", "127.0.0.1:8080"},
		{"listen wins", "listen: 127.0.0.1:1", "0.0.0.0", "127.0.0.1:1"},
		{"behind a proxy", "listen: ':80'\ntls: {terminated: true}", "", ":80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(HostVariable, tt.host)
			path := filepath.Join(t.TempDir(), "mcp.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.Listen != tt.want {
				t.Errorf("Listen = %q, want %q", c.Listen, tt.want)
			}
		})
	}
}

// TestListenVariable refuses strangers without TLS also when a variable invites them.
func TestListenVariable(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(HostVariable, "0.0.0.0")
	_, err := Load("", nil)
	if err == nil || !strings.Contains(err.Error(), HostVariable) {
		t.Errorf("error = %v", err)
	}
}

// TestListeningOn holds an address from elsewhere to the same rules.
func TestListeningOn(t *testing.T) {
	c := Default()
	got, err := c.ListeningOn("127.0.0.1:0")
	if err != nil || got.Listen != "127.0.0.1:0" || c.Listen != "127.0.0.1:8080" {
		t.Errorf("config = %+v, error = %v", got, err)
	}
	for _, address := range []string{"", "nonsense", "127.0.0.1", "0.0.0.0:8080", ":0", "127.0.0.1:99999"} {
		if got, err := c.ListeningOn(address); err == nil {
			t.Errorf("ListeningOn(%q) = %+v, want an error", address, got)
		}
	}
	c.TLS.Terminated = true
	if _, err := c.ListeningOn("0.0.0.0:8080"); err != nil {
		t.Error(err)
	}
}

// TestScopes tells no scopes from empty ones: without any a key may use all.
func TestScopes(t *testing.T) {
	for text, isNil := range map[string]bool{"port: 1": true, "scopes:": false, "scopes: {}": false, "scopes: {a: []}": false} {
		c, err := loadText(t, "mcp.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		if (c.Scopes == nil) != isNil {
			t.Errorf("%s: Scopes = %v", text, c.Scopes)
		}
	}
}

// TestFind prefers mcp.yaml, and keeps state beside the project rather than inside config.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if got := Find("."); got != "" {
		t.Errorf("Find in an empty directory = %q", got)
	}
	c, err := Load("", environment)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("without a file (-Default +Load)\n%s", diff)
	}
	if err := os.Mkdir("config", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join("config", "mcp.yaml"), "mcp.yaml"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load("", environment)
		if err != nil {
			t.Fatal(err)
		}
		if c.Path != name {
			t.Errorf("Path = %q, want %q", c.Path, name)
		}
		if want := filepath.Join(dir, ".sumun"); c.StateDir() != want || c.Store != "sqlite:"+filepath.Join(want, "sumun.db") {
			t.Errorf("StateDir = %q, Store = %q, want %q", c.StateDir(), c.Store, want)
		}
	}
}

// TestWarning remarks on a short key.
func TestWarning(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", "apiKey: short")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || strings.Contains(c.Warnings[0], "short") {
		t.Errorf("Warnings = %q", c.Warnings)
	}
}
