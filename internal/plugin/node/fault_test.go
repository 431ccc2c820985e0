package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/plugin/node"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// TestSyntax: what esbuild refuses is told at its place, under the name that the author knows.
func TestSyntax(t *testing.T) {
	needNode(t)
	outside := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(outside, []byte(`{"password":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		name  string
		files map[string]string
		want  string
	}{
		"a bracket too few":     {"a.ts", map[string]string{"a.ts": "export const a = 1\nexport function f( {\n"}, "plugins/a.ts:3:1: Expected identifier but found end of file"},
		"in the first line":     {"a.ts", map[string]string{"a.ts": "export cons f = 1"}, "plugins/a.ts:1:8: Unexpected \"cons\""},
		"in another file":       {"a/", map[string]string{"a/": "", "index.ts": "import './lib/b'", "lib/b.ts": "let x = ;"}, "plugins/a/lib/b.ts:1:9: Unexpected \";\""},
		"a file that is not":    {"a.mjs", map[string]string{"a.mjs": "\nimport { b } from './b.mjs'"}, "plugins/a.mjs:2:19: there is no file ./b.mjs beside it; a plugin of several files is a folder"},
		"a file outside":        {"a/", map[string]string{"index.ts": "import x from '" + outside + "'\nexport const f = () => x"}, "secret.json lies outside of the plugin"},
		"a file above":          {"a/", map[string]string{"index.ts": "import x from '../b.ts'\nexport const f = () => x", "../b.ts": "export default 1"}, "b.ts lies outside of the plugin"},
		"a file of a kind":      {"a/", map[string]string{"index.ts": "import './a.png'", "a.png": "x"}, "a.png cannot be imported"},
		"a name twice":          {"a.ts", map[string]string{"a.ts": "export const f = 1\nconst f = 2"}, "plugins/a.ts:2:7: The symbol \"f\" has already been declared"},
		"an export that is not": {"a/", map[string]string{"index.mjs": "import { no } from './b.mjs'\nno()", "b.mjs": "export const yes = 1"}, "plugins/a/index.mjs:1:10: No matching export"},
		"a folder without one":  {"a/", map[string]string{"readme.md": ""}, "plugins/a: the folder has no file that is the plugin"},
		"brackets without end":  {"a.js", map[string]string{"a.js": strings.Repeat("[", 100_000)}, "nested too deeply"},
		"signs without end":     {"a.js", map[string]string{"a.js": strings.Repeat("!", 1_500_000) + "1"}, "nested too deeply"},
		"words without end":     {"a.js", map[string]string{"a.js": strings.Repeat("typeof ", 250_000) + "1"}, "nested too deeply"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			delete(tt.files, "a/")
			_, err := node.Prepare(t.Context(), source(t, tt.name, tt.files))
			fault, ok := errors.AsType[*recipe.Error](err)
			if !ok || !strings.Contains(fault.Error(), tt.want) {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
	link := source(t, "a/", map[string]string{"index.ts": "import x from './data.json'\nexport const f = () => x"})
	if err := os.Symlink(outside, filepath.Join(link.Path, "data.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Prepare(t.Context(), link); err == nil || !strings.Contains(err.Error(), "lies outside of the plugin") {
		t.Errorf("through a link: %v", err)
	}
}

// TestLoad: a plugin that cannot be loaded says so in one line, with its place, and ends with 3.
func TestLoad(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ name, src, want string }{
		"an error":            {"a.ts", "interface X { a: string }\n\nexport const f = () => 1\nthrow new TypeError('no\\nway')", "plugins/a.ts:4: no way"},
		"within a function":   {"a.mjs", "function inner() {\n  null.x\n}\ninner()", "plugins/a.mjs:2: Cannot read properties of null (reading 'x')"},
		"a builtin's export":  {"a.mjs", "\n\nimport { nope } from 'node:fs'\nexport const f = nope", "plugins/a.mjs:3: "},
		"a rejection":         {"a.mjs", "export const f = () => 1\nawait Promise.reject(new Error('refused'))", "plugins/a.mjs:2: refused"},
		"nobody's rejection":  {"a.ts", "import { McpServer } from 'typescript-mcp'\nnew McpServer()\nasync function main() {\n  throw new Error('in main')\n}\nmain()", "plugins/a.ts:4: in main"},
		"nothing":             {"a.mjs", "const x = 1", "plugins/a.mjs: the plugin offers nothing: export a function"},
		"a name that is none": {"a.ts", "import { McpServer } from 'typescript-mcp'\nconst s = new McpServer()\ns.registerTool('a b', () => 1)", `plugins/a.ts:3: "a b" is no name of a tool`},
		"a tool twice":        {"a.ts", "import { tool } from 'typescript-mcp'\ntool('a', () => 1)\ntool('a', () => 2)", "plugins/a.ts:3: there are two tools with the name a"},
		"no handler":          {"a.ts", "import { McpServer } from 'typescript-mcp'\nnew McpServer()\n  .registerTool('a', {})", "plugins/a.ts:3: a tool has a name, options if wanted, and a function"},
		"a wrong schema":      {"a.mjs", "\nexport const t = { inputSchema: { a: 1 }, handler() {} }", `t: inputSchema must be a JSON Schema with type: "object"`},
		"an end":              {"a.mjs", "export const f = 1\nprocess.exit(0)", "plugins/a.mjs: the file ends the process (exit code 0)"},
		"waiting":             {"a.mjs", "export const f = () => 1\nawait new Promise(() => {})", "plugins/a.mjs: the file waits for something that never comes"},
		"thrown text":         {"a.mjs", "throw 'just so'", "plugins/a.mjs: just so"},
		"no client":           {"a.ts", "import { McpClient } from 'typescript-mcp'\nexport const f = () => McpClient", "plugins/a.ts:1: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := run(t, prepared(t, tt.name, tt.src))
			if code := p.end(); code != recipe.FaultCode {
				t.Errorf("it ends with %d", code)
			}
			lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
			last := lines[len(lines)-1]
			if !strings.HasPrefix(last, recipe.Fault+tt.want) && !strings.Contains(last, tt.want) || !strings.HasPrefix(last, recipe.Fault) {
				t.Errorf("it says %q, want %q", last, tt.want)
			}
		})
	}
}

// TestNoNode: without Node the error says what to install.
func TestNoNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := node.Prepare(t.Context(), source(t, "a.mjs", map[string]string{"a.mjs": ""})); !errors.Is(err, node.ErrNoNode) {
		t.Errorf("the error is %v", err)
	}
}
