package interop

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// strangerEnv is the environment of a program that must not find anything of whoever runs the tests: no settings, no
// keys, no home.
func strangerEnv(t *testing.T, more ...string) []string {
	t.Helper()
	return append(more, "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"), "LANG=C.UTF-8")
}

// inspectorCalls is what the Inspector is let do: what is asked of which server, and what the answer must contain.
var inspectorCalls = []struct {
	name   string
	server string
	args   []string
	want   string
}{
	{"a tool", "everything", []string{"--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=knock"}, "Echo: knock"},
	{"a tool with numbers", "remote", []string{"--method", "tools/call", "--tool-name", "get-sum", "--tool-arg", "a=19", "b=23"}, "is 42"},
	{"a file tool", "files", []string{"--method", "tools/call", "--tool-name", "list_directory", "--tool-arg", "path=FOLDER"}, "hello.txt"},
	{"a resource", "remote", []string{"--method", "resources/read", "--uri", "demo://resource/dynamic/text/7"}, "Resource 7: "},
	{"a prompt", "everything", []string{"--method", "prompts/get", "--prompt-name", "args-prompt", "--prompt-args", "city=Suwon"}, "weather in Suwon"},
}

// testInspector lets the command line of the MCP Inspector list and call what the servers have. Through the gateway,
// its lists have to name all that the direct lists name.
func testInspector(t *testing.T, p plan) {
	t.Helper()
	for _, list := range []struct{ method, key string }{
		{"tools/list", "name"}, {"prompts/list", "name"}, {"resources/list", "uri"}, {"resources/templates/list", "uriTemplate"},
	} {
		t.Run(list.method, func(t *testing.T) {
			want := directNames(t, p, list.method, list.key)
			if p.Gateway == nil {
				return
			}
			got := names(t, inspect(t, *p.Gateway, "--method", list.method), list.key, "")
			for _, name := range want {
				if !slices.Contains(got, name) {
					t.Errorf("%s is missing", name)
				}
			}
		})
	}
	for _, call := range inspectorCalls {
		t.Run(call.name, func(t *testing.T) {
			args := slices.Clone(call.args)
			for i, arg := range args {
				args[i] = strings.ReplaceAll(arg, "FOLDER", p.Folder)
			}
			to := p.Servers[call.server]
			if i := slices.IndexFunc(args, func(arg string) bool { return arg == "--tool-name" || arg == "--prompt-name" }); p.Gateway != nil && i >= 0 {
				args[i+1] = call.server + "." + args[i+1]
			}
			if p.Gateway != nil {
				to = *p.Gateway
			}
			if out := inspect(t, to, args...); !strings.Contains(out, call.want) {
				t.Errorf("no %q in the answer: %s", call.want, out)
			}
		})
	}
}

// directNames returns what all servers list by themselves, sorted, with the names that the gateway gives them.
func directNames(t *testing.T, p plan, method, key string) []string {
	t.Helper()
	all := map[string]bool{}
	for server, to := range p.Servers {
		if server == "files" && method != "tools/list" {
			continue // it has nothing but tools
		}
		prefix := server + "."
		if key != "name" {
			prefix = ""
		}
		found := names(t, inspect(t, to, "--method", method), key, prefix)
		if len(found) == 0 {
			t.Errorf("%s of %s: nothing", method, server)
		}
		for _, name := range found {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// names returns the names or URIs in the answer to a list.
func names(t *testing.T, answer, key, prefix string) []string {
	t.Helper()
	var lists map[string]json.RawMessage
	if err := json.Unmarshal([]byte(answer), &lists); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var found []string
	for _, list := range lists {
		var items []map[string]any
		if json.Unmarshal(list, &items) != nil {
			continue // not the list itself
		}
		for _, item := range items {
			name, _ := item[key].(string)
			found = append(found, prefix+name)
		}
	}
	return found
}

// inspect runs the Inspector's command line once and returns what it printed.
func inspect(t *testing.T, to endpoint, args ...string) string {
	t.Helper()
	target := append([]string{to.Command}, to.Args...)
	if to.URL != "" {
		target = []string{to.URL, "--transport", "http"}
	}
	if to.Key != "" {
		target = append(target, "--header", "Authorization: Bearer "+to.Key)
	}
	c := node(t, peer(t, "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js"), "--cli")
	out, err := run(t.Context(), t.TempDir(), strangerEnv(t), c.with(append(target, args...)...))
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	return out
}

// connected is how Claude Code says that it reached a server.
var connected = regexp.MustCompile(`(?m)^(\S+): .* - ✔ Connected$`)

// testClaude registers the servers with Claude Code, for a user who never was here before, and wants it to say that
// it reached all of them. That needs no login.
func testClaude(t *testing.T, servers map[string]endpoint) {
	t.Helper()
	dir, env := t.TempDir(), strangerEnv(t, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
	program := command{Command: peer(t, "@anthropic-ai", "claude-code-linux-x64", "claude")}
	if _, err := os.Stat(program.Command); err != nil {
		t.Skip("npm has no Claude Code for this machine")
	}
	claude := func(args ...string) string {
		out, err := run(t.Context(), dir, env, program.with(args...))
		if err != nil {
			t.Fatalf("claude %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	for name, to := range servers {
		switch {
		case to.URL == "":
			claude(append([]string{"mcp", "add", name, "--", to.Command}, to.Args...)...)
		case to.Key == "":
			claude("mcp", "add", "--transport", "http", name, to.URL)
		default:
			claude("mcp", "add", "--transport", "http", name, to.URL, "--header", "Authorization: Bearer "+to.Key)
		}
	}
	out := claude("mcp", "list")
	var reached []string
	for _, m := range connected.FindAllStringSubmatch(out, -1) {
		reached = append(reached, m[1])
	}
	slices.Sort(reached)
	if want := slices.Sorted(maps.Keys(servers)); !slices.Equal(reached, want) {
		t.Errorf("connected: %q, want %q\n%s", reached, want, out)
	}
	t.Log(out)
}
