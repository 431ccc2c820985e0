package host

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	byCommand = Entry{Name: "sumun", Command: "/usr/bin/sumun", Args: []string{"connect"}}
	byURL     = Entry{Name: "sumun", URL: "http://127.0.0.1:8080/mcp"}
)

func lookup(t *testing.T, id string) Host {
	t.Helper()
	h, ok := Lookup(id)
	if !ok {
		t.Fatalf("no host %q", id)
	}
	return h
}

func TestSnippet(t *testing.T) {
	const command = `"command": "/usr/bin/sumun",
      "args": ["connect"]`
	tests := []struct {
		host  string
		entry Entry
		want  string
	}{
		{"claude-desktop", byCommand, `{
  "mcpServers": {
    "sumun": {
      ` + command + `
    }
  }
}
`},
		{"claude-code", byURL, `{
  "mcpServers": {
    "sumun": {
      "type": "http",
      "url": "http://127.0.0.1:8080/mcp",
      "headers": {
        "Authorization": "Bearer ${SUMUN_KEY}"
      }
    }
  }
}
`},
		{"vscode", byURL, `{
  "servers": {
    "sumun": {
      "type": "http",
      "url": "http://127.0.0.1:8080/mcp",
      "headers": {
        "Authorization": "Bearer ${input:sumun-key}"
      }
    }
  },
  "inputs": [
    {
      "type": "promptString",
      "id": "sumun-key",
      "description": "Key of the gateway sumun",
      "password": true
    }
  ]
}
`},
		{"windsurf", byURL, `{
  "mcpServers": {
    "sumun": {
      "serverUrl": "http://127.0.0.1:8080/mcp",
      "headers": {
        "Authorization": "Bearer ${env:SUMUN_KEY}"
      }
    }
  }
}
`},
		{"codex", byCommand, `[mcp_servers.sumun]
command = "/usr/bin/sumun"
args = ["connect"]
`},
		{"codex", byURL, `[mcp_servers.sumun]
url = "http://127.0.0.1:8080/mcp"
bearer_token_env_var = "SUMUN_KEY"
`},
		{"codex", Entry{Name: "a b", URL: "http://h/", Key: `k"\`}, `[mcp_servers."a b"]
url = "http://h/"
http_headers = { Authorization = "Bearer k\"\\" }
`},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			got, err := lookup(t, tt.host).Snippet(tt.entry)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Errorf("snippet (-want +got):\n%s", d)
			}
		})
	}
}

func TestCannotBeWritten(t *testing.T) {
	tests := []struct {
		host  string
		entry Entry
		want  error
	}{
		{"claude-desktop", byURL, ErrNoHTTP},
		{"zed", byURL, ErrNeedsKey},
		{"zed", Entry{Name: "s", URL: "http://h/", Key: "k"}, nil},
	}
	for _, tt := range tests {
		if _, err := lookup(t, tt.host).Snippet(tt.entry); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.host, err, tt.want)
		}
	}
	if _, err := lookup(t, "zed").Snippet(Entry{Name: "a\nb"}); err == nil {
		t.Error("a name with a newline was accepted")
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	env := func(goos string, vars ...string) Env {
		return Env{GOOS: goos, Dir: dir, Getenv: func(name string) string {
			for v := range slices.Chunk(vars, 2) {
				if v[0] == name {
					return v[1]
				}
			}
			return ""
		}}
	}
	linux := env("linux", "HOME", "/home/u")
	mac := env("darwin", "HOME", "/Users/u")
	tests := []struct {
		host  string
		env   Env
		scope Scope
		want  string
	}{
		{"claude-desktop", linux, User, "/home/u/.config/Claude/claude_desktop_config.json"},
		{"claude-desktop", mac, User, "/Users/u/Library/Application Support/Claude/claude_desktop_config.json"},
		{"claude-desktop", env("windows", "APPDATA", "/w"), User, "/w/Claude/claude_desktop_config.json"},
		{"claude-code", linux, User, "/home/u/.claude.json"},
		{"claude-code", env("linux", "HOME", "/home/u", "CLAUDE_CONFIG_DIR", "/c"), User, "/c/.claude.json"},
		{"claude-code", linux, Project, filepath.Join(dir, ".mcp.json")},
		{"cursor", mac, User, "/Users/u/.cursor/mcp.json"},
		{"cursor", env("windows", "USERPROFILE", "/u", "HOME", "/no"), User, "/u/.cursor/mcp.json"},
		{"cursor", linux, Project, filepath.Join(dir, ".cursor/mcp.json")},
		{"vscode", env("linux", "HOME", "/home/u", "XDG_CONFIG_HOME", "/x"), User, "/x/Code/User/mcp.json"},
		{"vscode", mac, User, "/Users/u/Library/Application Support/Code/User/mcp.json"},
		{"vscode", env("windows", "USERPROFILE", "/u"), User, "/u/AppData/Roaming/Code/User/mcp.json"},
		{"zed", mac, User, "/Users/u/.config/zed/settings.json"},
		{"zed", env("windows", "APPDATA", "/w"), User, "/w/Zed/settings.json"},
		{"windsurf", linux, User, "/home/u/.codeium/windsurf/mcp_config.json"},
		{"gemini", linux, User, "/home/u/.gemini/settings.json"},
		{"codex", linux, User, "/home/u/.codex/config.toml"},
		{"codex", env("linux", "CODEX_HOME", "/c"), User, "/c/config.toml"},
		{"codex", linux, Project, filepath.Join(dir, ".codex/config.toml")},
		{"zed", linux, Project, ""},
		{"cursor", env("linux"), User, ""},
	}
	for _, tt := range tests {
		got, err := lookup(t, tt.host).File(tt.env, tt.scope)
		if got != filepath.FromSlash(tt.want) || (err == nil) != (tt.want != "") {
			t.Errorf("%s, %s: %q, %v, want %q", tt.host, tt.scope, got, err, tt.want)
		}
	}
}

func TestClaudeDesktopOnLinux(t *testing.T) {
	home := t.TempDir()
	env := Env{GOOS: "linux", Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
	lower := filepath.Join(home, ".config", "claude", "claude_desktop_config.json")
	if err := os.MkdirAll(filepath.Dir(lower), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lower, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := lookup(t, "claude-desktop").File(env, User); got != lower || err != nil {
		t.Errorf("%q, %v, want %q", got, err, lower)
	}
}

// TestEdit adds a server to odd files, again, removes it, and compares with the file as it was.
func TestEdit(t *testing.T) {
	tests := []struct{ name, host, before, after string }{
		{
			"comments and trailing commas", "cursor",
			"// top\n{\n\t\"x\": 1, // one\n\t\"mcpServers\": {\n\t\t// mine\n\t\t\"a\": {\"url\": \"u\"}, // end\n\t},\n}\n// bottom\n",
			"// top\n{\n\t\"x\": 1, // one\n\t\"mcpServers\": {\n\t\t// mine\n\t\t\"a\": {\"url\": \"u\"}, // end\n" +
				"\t\t\"sumun\": {\n\t\t\t\"command\": \"/usr/bin/sumun\",\n\t\t\t\"args\": [\"connect\"]\n\t\t},\n\t},\n}\n// bottom\n",
		},
		{
			"no trailing comma, a comment behind the last", "cursor",
			"{\n    \"mcpServers\": {\n        \"a\": {} // end\n    }\n}",
			"{\n    \"mcpServers\": {\n        \"a\": {}, // end\n        \"sumun\": {\n            \"command\": \"/usr/bin/sumun\",\n" +
				"            \"args\": [\"connect\"]\n        }\n    }\n}",
		},
		{
			"one line", "cursor",
			`{"a":1,"mcpServers":{"b":{}}}`,
			`{"a":1,"mcpServers":{"b":{},"sumun":{"command":"/usr/bin/sumun","args":["connect"]}}}`,
		},
		{
			"empty object in a line", "zed",
			"{ \"context_servers\": { } }\n",
			"{ \"context_servers\": {\n  \"sumun\": {\n    \"command\": \"/usr/bin/sumun\",\n    \"args\": [\"connect\"]\n  }\n} }\n",
		},
		{
			"only a comment", "zed",
			"// Zed settings",
			"// Zed settings\n{\n  \"context_servers\": {\n    \"sumun\": {\n      \"command\": \"/usr/bin/sumun\",\n      \"args\": [\"connect\"]\n    }\n  }\n}\n",
		},
		{
			"byte order mark and CRLF", "gemini",
			"\xef\xbb\xbf{\r\n  \"theme\": \"x\"\r\n}\r\n",
			"\xef\xbb\xbf{\r\n  \"theme\": \"x\",\r\n  \"mcpServers\": {\r\n    \"sumun\": {\r\n      \"command\": \"/usr/bin/sumun\",\r\n" +
				"      \"args\": [\"connect\"]\r\n    }\r\n  }\r\n}\r\n",
		},
		{
			"TOML without a last newline", "codex",
			"# mine\nmodel = \"o\" # here\n\n[mcp_servers.a]\ncommand = '''x\n# no comment'''",
			"# mine\nmodel = \"o\" # here\n\n[mcp_servers.a]\ncommand = '''x\n# no comment'''\n\n[mcp_servers.sumun]\ncommand = \"/usr/bin/sumun\"\nargs = [\"connect\"]",
		},
		{
			"TOML with CRLF", "codex",
			"a = 1\r\n\r\n",
			"a = 1\r\n\r\n\r\n[mcp_servers.sumun]\r\ncommand = \"/usr/bin/sumun\"\r\nargs = [\"connect\"]\r\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := lookup(t, tt.host)
			after, err := h.Add([]byte(tt.before), byCommand)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.after, string(after)); d != "" {
				t.Errorf("after add (-want +got):\n%s", d)
			}
			if again, err := h.Add(after, byCommand); err != nil || !bytes.Equal(again, after) {
				t.Errorf("a second add changed it: %v\n%s", err, again)
			}
			back, err := h.Remove(after, "sumun", []byte("{}"), []byte(tt.before))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.before, string(back)); d != "" {
				t.Errorf("after remove (-want +got):\n%s", d)
			}
		})
	}
}

// TestRemoveLater removes the server from files that were edited since it was added.
func TestRemoveLater(t *testing.T) {
	tests := []struct{ name, host, data, want string }{
		{"first", "cursor", "{\"mcpServers\": {\n  \"sumun\": {},\n  \"b\": {}\n}}", "{\"mcpServers\": {\n  \"b\": {}\n}}"},
		{"middle of a line", "cursor", `{"mcpServers": {"a": {}, "sumun": {}, "b": {}}}`, `{"mcpServers": {"a": {}, "b": {}}}`},
		{"last", "cursor", `{"mcpServers": {"a": {}, "sumun": {}}}`, `{"mcpServers": {"a": {}}}`},
		{"only", "cursor", "{\"mcpServers\": {\n  \"sumun\": {},\n}}", "{\"mcpServers\": {}}"},
		{"with a comment", "cursor", "{\"mcpServers\": {\n  // gate\n  \"sumun\": {}\n}}", "{\"mcpServers\": {\n  // gate\n}}"},
		{"behind a line comment", "cursor", "{\"mcpServers\": { // c\n  \"sumun\": {}, \"b\": {}}}", "{\"mcpServers\": { // c\n \"b\": {}}}"},
		{"absent", "cursor", `{"mcpServers": {"a": {}}}`, `{"mcpServers": {"a": {}}}`},
		{"the question too", "vscode", `{"servers": {"sumun": {}}, "inputs": [{"id": "x"}, {"id": "sumun-key"}]}`, `{"servers": {}, "inputs": [{"id": "x"}]}`},
		{"table in the middle", "codex", "[a]\n\n# gate\n[mcp_servers.sumun]\nurl = 'x'\n# kept\n\n[b]\n", "[a]\n\n# gate\n# kept\n\n[b]\n"},
		{
			"tables below it", "codex",
			"[mcp_servers.sumun]\ncommand = 'x'\n\n[mcp_servers.sumun.env]\nA = 'b'\n\n[mcp_servers.sumunity]\ncommand = 'y'\n",
			"\n[mcp_servers.sumunity]\ncommand = 'y'\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookup(t, tt.host).Remove([]byte(tt.data), "sumun")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	tests := []struct{ name, host, data, want string }{
		{
			"in its place", "cursor",
			"{\n  \"mcpServers\": {\n    \"sumun\": {\"url\": \"old\"}, // gate\n    \"b\": {}\n  }\n}\n",
			"{\n  \"mcpServers\": {\n    \"sumun\": {\n      \"command\": \"/usr/bin/sumun\",\n      \"args\": [\"connect\"]\n    }, // gate\n    \"b\": {}\n  }\n}\n",
		},
		{
			"the question goes", "vscode",
			`{"servers": {"sumun": {"type": "http"}}, "inputs": [{"id": "sumun-key"}]}`,
			`{"servers": {"sumun": {"type": "stdio", "command": "/usr/bin/sumun", "args": ["connect"]}}, "inputs": []}`,
		},
		{
			"TOML", "codex",
			"[mcp_servers.sumun]\nurl = 'x'\n[mcp_servers.sumun.env]\nA = 'b'\n[z]\n",
			"[mcp_servers.sumun]\ncommand = \"/usr/bin/sumun\"\nargs = [\"connect\"]\n[z]\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookup(t, tt.host).Add([]byte(tt.data), byCommand)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := []struct{ host, data, want string }{
		{"cursor", "{\n  \"a\": 1,\n  b: 2\n}", "line 3, column 3"},
		{"cursor", "[]", "an array, not an object"},
		{"cursor", "{\n\"mcpServers\": null}", `line 2: "mcpServers" is null, not an object`},
		{"cursor", `{"mcpServers": {}, "mcpServers": {}}`, `"mcpServers" stands there twice`},
		{"cursor", `{"mcpServers": {"sumun": {}, "sumun": {}}}`, `"sumun" stands there twice`},
		{"vscode", `{"servers": {}, "inputs": {}}`, `"inputs" is an object, not an array`},
		{"codex", "a = 1\nb = \n", "line 2"},
		{"codex", "a = 1\na = 2\n", "not valid TOML: "},
		{"codex", "mcp_servers = 1\n", `"mcp_servers" is not a table`},
		{"codex", "mcp_servers = { a = { command = 'x' } }\n", "cannot be edited safely"},
		{"codex", "[mcp_servers]\nsumun = { command = 'x' }\n", "not a table of its own"},
		{"codex", "[mcp_servers]\nsumun.command = 'x'\n", "not a table of its own"},
	}
	for _, tt := range tests {
		h := lookup(t, tt.host)
		e := byCommand
		if tt.host == "vscode" {
			e = byURL
		}
		if _, err := h.Add([]byte(tt.data), e); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q: %v, want %q", tt.host, tt.data, err, tt.want)
		}
	}
}

func TestServers(t *testing.T) {
	tests := []struct {
		host, data string
		want       []string
	}{
		{"cursor", `{"mcpServers": {"b": {}, "a": {}}}`, []string{"b", "a"}},
		{"cursor", `{}`, nil},
		{"cursor", " \n", nil},
		{"codex", "[mcp_servers.b]\n[mcp_servers.a.env]\n[mcp_servers.a]\n", []string{"b", "a"}},
		{"codex", "mcp_servers = { z = {}, y = {} }", []string{"y", "z"}},
		{"codex", "", nil},
	}
	for _, tt := range tests {
		got, err := lookup(t, tt.host).Servers([]byte(tt.data))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q: %q, %v, want %q", tt.host, tt.data, got, err, tt.want)
		}
	}
}

// FuzzEdit edits any file: what can be edited comes back to the byte, keeps its other servers, and a second
// add changes nothing.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{
		"", " ", "{}", "// c", "{\"mcpServers\":{}}", "{\n  \"mcpServers\": {\n    \"a\": {}, // x\n  },\n}", "{\"mcpServers\":{\"a\":{}/**/}/**/}//",
		"{\"servers\":{},\"inputs\":[{\"id\":\"a\"},]}", "{\r\n\t\"servers\" : { \"a\" : 1 } }", "{\"mcpServers\":{//\n}}", "{\"mcpServers\":{\"a\":1,//\n}}",
		"a = 1", "[mcp_servers]\n", "[mcp_servers.a]\r\nb = [\n1, # c\n]", "x = '''\n[mcp_servers.sumun]\n'''\n\n\n", "\xef\xbb\xbf{}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, before string) {
		for _, id := range []string{"cursor", "vscode", "codex"} {
			h := lookup(t, id)
			for _, e := range []Entry{byCommand, byURL} {
				names, err := h.Servers([]byte(before))
				if err != nil || slices.Contains(names, "sumun") || strings.Contains(before, "-key") {
					continue
				}
				after, err := h.Add([]byte(before), e)
				if err != nil {
					continue
				}
				if now, err := h.Servers(after); err != nil || len(now) != len(names)+1 || !slices.Contains(now, "sumun") {
					t.Fatalf("%s: servers after add: %q, %v\n%q", id, now, err, after)
				}
				if again, err := h.Add(after, e); err != nil || !bytes.Equal(again, after) {
					t.Fatalf("%s: second add: %v\n%q\n%q", id, err, after, again)
				}
				back, err := h.Remove(after, "sumun", []byte(before))
				if err != nil || string(back) != before {
					t.Fatalf("%s: %v\n%q became\n%q and then\n%q", id, err, before, after, back)
				}
				// Without the earlier contents it goes as well, and leaves at most an empty list.
				rest, err := h.Remove(after, "sumun")
				if err != nil {
					t.Fatalf("%s: %v\n%q", id, err, after)
				}
				if now, err := h.Servers(rest); err != nil || !slices.Equal(now, names) {
					t.Fatalf("%s: servers after remove: %q, %v, want %q\n%q", id, now, err, names, rest)
				}
				if len(names) > 0 && id != "vscode" && string(rest) != before {
					t.Fatalf("%s: %q became\n%q and then\n%q", id, before, after, rest)
				}
			}
		}
	})
}
