package registry

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestURLTarget writes one address in one way, however it is spelled.
func TestURLTarget(t *testing.T) {
	tests := []struct{ url, want string }{
		{"https://MCP.Example.com:443/mcp/", "https://mcp.example.com/mcp"},
		{"HTTPS://mcp.example.com./a/../mcp", "https://mcp.example.com/mcp"},
		{"https://mcp.example.com/a/%2e%2e/mcp", "https://mcp.example.com/mcp"},
		{"https://mcp.example.com/a%2Fb", "https://mcp.example.com/a%2Fb"},
		{"https://mcp.example.com", "https://mcp.example.com"},
		{"http://127.0.0.1:80/", "http://127.0.0.1"},
		{"http://[::1]:8080/x", "http://[::1]:8080/x"},
		{"http://[::1]/x", "http://[::1]/x"},
		{"wss://mcp.example.com/socket", "https://mcp.example.com/socket"},
		{"https://user:secret@evil.example/x#trusted", "https://evil.example/x"},
		{"https://a.example/x?key=s3cret", "https://a.example/x?sha256=" + IDOf("key=s3cret")[:16]},
		{"no url", "no url"},
	}
	for _, tt := range tests {
		if got := URLTarget(tt.url); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.url, got, tt.want)
		}
	}
}

// TestCommandTarget tells programs apart that the same words would start elsewhere, and hides secrets.
func TestCommandTarget(t *testing.T) {
	secret := "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
	tests := []struct {
		command Command
		want    string
	}{
		{Command{Path: "npx", Args: []string{"-y", "@example/server@1.2.3"}, Dir: "/srv"}, "npx -y @example/server@1.2.3"},
		{Command{Path: "node", Args: []string{"server.js", "--port", "80"}, Dir: "/srv"}, "node /srv/server.js --port 80"},
		{Command{Path: "./bin/../server", Dir: "/srv"}, "/srv/server"},
		{Command{Path: "sh", Args: []string{"-c", `echo "a b"`, ""}}, `sh -c "echo \"a b\"" ""`},
		{Command{Path: "npx", Args: []string{"x"}, Env: map[string]string{"NODE_OPTIONS": "--require /tmp/e.js", "TOKEN": "t", "LD_PRELOAD": "e.so"}}, `LD_PRELOAD=e.so "NODE_OPTIONS=--require /tmp/e.js" npx x`},
		{Command{Path: "srv", Args: []string{"--token", secret}}, "srv --token [redacted:github-token]"},
	}
	for _, tt := range tests {
		if got := CommandTarget(tt.command); got != tt.want {
			t.Errorf("%+v is %s, want %s", tt.command, got, tt.want)
		}
	}
}

// TestAllowed holds servers to a list, by what they cannot choose themselves.
func TestAllowed(t *testing.T) {
	at := func(url string) Identity {
		return Identity{Name: "n", Target: URLTarget(url), Signers: []string{"KEY"}}
	}
	run := func(args ...string) Identity {
		return Identity{Name: "n", Target: CommandTarget(Command{Path: args[0], Args: args[1:], Dir: "/srv"})}
	}
	tests := []struct {
		element string
		id      Identity
		want    bool
	}{
		{"n", at("https://a.example/mcp"), true},
		{"team-*", Identity{Name: "team-a"}, true},
		{"team-*", Identity{Name: "ateam-a"}, false},
		{"*", Identity{}, false},
		{"", at("https://a.example"), false},
		{"https://trusted-mcp.example.com", at("https://trusted-mcp.example.com/any/where"), true},
		{"https://trusted-mcp.example.com/", at("https://trusted-mcp.example.com/any"), true},
		{"https://trusted-mcp.example.com", at("https://trusted-mcp.example.com@evil.example/"), false},
		{"https://trusted-mcp.example.com", at("https://trusted-mcp.example.com.evil.example/"), false},
		{"https://trusted-mcp.example.com", at("http://trusted-mcp.example.com/"), false},
		{"https://trusted-mcp.example.com", at("https://trusted-mcp.example.com:8443/"), false},
		{"https://trusted-mcp.example.com", at("wss://trusted-mcp.example.com/"), true},
		{"https://*.example.com/mcp", at("https://a.example.com/mcp"), true},
		{"https://*.example.com/mcp", at("https://evil.example/.example.com/mcp"), false},
		{"https://*.example.com/mcp", at("https://a.example.com/other"), false},
		{"https://a.example/tools/*", at("https://a.example/tools/x"), true},
		{"https://a.example/tools/*", at("https://a.example/tools/../admin"), false},
		{"https://a.example/mcp", at("https://a.example/mcp?tenant=2"), false},
		{"https://a.example/mcp", at("https://a.example/mcp/"), true},
		{"http://127.0.0.1:*", at("http://127.0.0.1:4711/mcp"), true},
		{"https://user@a.example", at("https://a.example"), false},
		{"npx -y @example/server@*", run("npx", "-y", "@example/server@1.2.3"), true},
		{"npx -y @example/server@*", run("npx", "-y", "@example/server@1.2.3", "--require", "evil"), false},
		{"npx -y @example/server@*", run("npx", "-y", "@example/server@1 --x"), true}, // one word, whatever stands in it
		{"npx -y @example/*", run("npx", "-y", "@evil/server"), false},
		{"/srv/server", run("./server"), true},
		{"npx *", at("https://a.example"), false},
		{"key:KEY", at("https://a.example"), true},
		{"key:OTHER", at("https://a.example"), false},
		{"key:", Identity{Name: "n", Target: "x"}, false},
	}
	for _, tt := range tests {
		if got := Allowed([]string{tt.element}, tt.id); got != tt.want {
			t.Errorf("%q allows %+v: %t, want %t", tt.element, tt.id, got, tt.want)
		}
	}
	if Allowed(nil, at("https://a.example")) {
		t.Error("an empty list allows something")
	}
}

// TestIdentityOf reads servers of mcp.yaml.
func TestIdentityOf(t *testing.T) {
	s := config.NewServer("s")
	s.Type, s.URL = "http", "https://a.example/mcp/"
	if got := IdentityOf(&s); got.Name != "s" || got.Target != "https://a.example/mcp" || got.Transport != "http" {
		t.Errorf("%+v", got)
	}
	s.Type, s.URL, s.Command, s.Args, s.Cwd = "stdio", "", "node", []string{"./s.js"}, "/srv"
	if got := IdentityOf(&s); got.Target != "node /srv/s.js" || got.Transport != "stdio" {
		t.Errorf("%+v", got)
	}
}

func FuzzAllowed(f *testing.F) {
	f.Add("https://*.example.com/mcp", "https://a.example.com/mcp")
	f.Add("npx -y \"a b\"", `npx "`)
	f.Fuzz(func(t *testing.T, element, target string) {
		id := Identity{Target: URLTarget(target)}
		if got := TargetOf(TargetOf(target)); got != TargetOf(target) {
			t.Errorf("%q is not settled: %q becomes %q", target, TargetOf(target), got)
		}
		_ = Allowed([]string{element}, id)
	})
}
