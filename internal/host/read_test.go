package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, text string
		want       []Server
	}{
		"comments and a final comma":  {"a.json", "\xef\xbb\xbf// mine\n{\"mcpServers\": {\"a\": {\"command\": \"x\", \"args\": [\"-p\", 80],},}}", []Server{{Name: "a", Command: "x", Args: []string{"-p", "80"}}}},
		"an address":                  {"a.json", `{"servers":{"a":{"type":"http","url":"https://a.invalid","headers":{"K":"v"}}}}`, []Server{{Name: "a", Type: "http", URL: "https://a.invalid", Headers: map[string]string{"K": "v"}}}},
		"a list":                      {"a.yaml", "mcpServers:\n  - name: a\n    command: x\n    cwd: /d\n", []Server{{Name: "a", Command: "x", Dir: "/d"}}},
		"a command as a list":         {"a.json", `{"mcp":{"a":{"command":["x","y"],"enabled":false}}}`, []Server{{Name: "a", Command: "x", Args: []string{"y"}, Disabled: true}}},
		"tables":                      {"a.toml", "[mcp_servers.a]\nurl = 'https://a.invalid'\nhttp_headers = {K = 'v'}\n", []Server{{Name: "a", URL: "https://a.invalid", Headers: map[string]string{"K": "v"}}}},
		"an array of tables":          {"a.toml", "[[mcp_servers]]\nname = 'a'\ncommand = 'x'\n", []Server{{Name: "a", Command: "x"}}},
		"nothing":                     {"a.json", `{"theme":"dark"}`, nil},
		"what is no server":           {"a.json", `{"mcpServers":{"a":7,"b":{},"c":null},"servers":"x","projects":{"p":1}}`, nil},
		"an environment with numbers": {"a.json", `{"mcpServers":{"a":{"command":"x","env":{"N":1,"O":{}}}}}`, []Server{{Name: "a", Command: "x", Env: map[string]string{"N": "1"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(tt.file, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for file, text := range map[string]string{"a.json": "{", "b.json": "[]", "a.toml": "[", "a.yaml": "a: [", "b.yaml": "- a"} {
		if got, err := Read(file, []byte(text)); err == nil {
			t.Errorf("%s of %s gives %v", text, file, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("a.json", `{"mcpServers":{"a":{"command":["x"],"args":[1,null],"env":{"a":1}}},"projects":{"p":{"mcpServers":[{}]}}}`)
	f.Add("a.toml", "[mcp_servers.a]\ncommand = 1\n")
	f.Add("a.yaml", "extensions:\n  a: {cmd: x}\n")
	f.Fuzz(func(t *testing.T, file, text string) {
		servers, err := Read(file, []byte(text))
		for _, s := range servers {
			if err != nil || s.Command == "" && s.URL == "" {
				t.Errorf("%+v, %v", s, err)
			}
		}
	})
}

// TestFiles wants each file once, and all of them absolute.
func TestFiles(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		env := Env{GOOS: goos, Dir: t.TempDir(), Getenv: func(name string) string {
			return map[string]string{"HOME": "/home/u", "USERPROFILE": "/home/u", "APPDATA": "/home/u/AppData", "LOCALAPPDATA": "/home/u/Local"}[name]
		}}
		files := Files(env)
		seen := map[string]bool{}
		for _, k := range files {
			if seen[k.File] || k.Title == "" {
				t.Errorf("%s: %+v", goos, k)
			}
			seen[k.File] = true
		}
		if len(files) < 40 {
			t.Errorf("%s: only %d files", goos, len(files))
		}
	}
	if files := Files(Env{GOOS: "linux", Dir: "", Getenv: func(string) string { return "" }}); len(files) > 0 {
		t.Errorf("without a home and a project there are %d files", len(files))
	}
}
