package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStyles: what authors write, in each style, is a tool that answers.
func TestStyles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, src, tool, args string
		want                  string // structured content, or the text where there is none
	}{
		"functions in TypeScript": {
			"a.ts", `/** Adds. */ export function add(a: number, b = 2): number { return a + b }`,
			"add", `{"a":1}`, `{"result":3}`,
		},
		"functions in JavaScript": {
			"a.mjs", `export const hello = async name => 'Hello, ' + name`,
			"hello", `{"name":"Ada"}`, `Hello, Ada`,
		},
		"CommonJS": {
			"a.js", `const path = require('path'); module.exports = { base(file) { return path.basename(file) }, version: '1' }`,
			"base", `{"file":"/a/b.txt"}`, `b.txt`,
		},
		"exports of CommonJS": {
			"a.cjs", `'use strict'; exports.twice = function ({ n }) { return { n: 2 * n } }`,
			"twice", `{"n":4}`, `{"n":8}`,
		},
		"CommonJS in TypeScript": {
			"a.cts", `import os = require('os'); export = { eol(): { eol: string } { return { eol: os.EOL } } }`,
			"eol", `{}`, `{"eol":"\n"}`,
		},
		"a default function": {
			"shout.ts", `export default (words: string): string => words.toUpperCase()`,
			"shout", `{"words":"hey"}`, `HEY`,
		},
		"a definition": {
			"a.ts", `export const tool = { name: 'echo.it', description: 'Echoes.', inputSchema: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
				handler(args: any, ctx: any) { return { echoed: args.x, said: this.description } } }`,
			"echo.it", `{"x":"y"}`, `{"echoed":"y","said":"Echoes."}`,
		},
		"several definitions": {
			"a.mjs", `export const tools = [{ name: 'one', handler: () => 1 }, { name: 'two', handler: async () => ({ two: 2 }) }]`,
			"two", `{}`, `{"two":2}`,
		},
		"the helper": {
			"a.ts", `import { tool } from 'typescript-mcp'; export const add = tool({ description: 'Adds.' }, (args: { a: number, b: number }): { sum: number } => ({ sum: args.a + args.b }))`,
			"add", `{"a":1,"b":2}`, `{"sum":3}`,
		},
		"the helper with a name": {
			"a.js", `const { tool } = require('typescript-mcp'); tool('x.y', { title: 'X' }, () => [1, 2])`,
			"x.y", `{}`, `[1,2]`,
		},
		"a server in CommonJS": {
			"a.js", `const { McpServer } = require('typescript-mcp'); const s = new McpServer(); s.registerTool('now', async () => ({ ok: true })); s.start()`,
			"now", `{}`, `{"ok":true}`,
		},
		"a server that starts late": {
			"a.ts", `import mcp from 'typescript-mcp'
async function main() { const s = new mcp.McpServer({ name: 'late' }); await new Promise((r) => setTimeout(r, 50)); s.registerTool('late', { description: 'Late.' }, (a: { n: number }) => a.n + 1); await s.start() }
main()`,
			"late", `{"n":1}`, `2`,
		},
		"a schema of a library": {
			"a.mjs", `const schema = { '~standard': { version: 1, vendor: 'test', jsonSchema: { input: () => ({ type: 'object', properties: { n: {} } }) },
	validate: (v) => (isNaN(v.n) ? { issues: [{ message: 'no number', path: ['n'] }] } : { value: { n: Number(v.n) } }) } }
export const half = { inputSchema: schema, handler: ({ n }) => ({ half: n / 2 }) }`,
			"half", `{"n":"8"}`, `{"half":4}`,
		},
		"maps, sets, dates and large numbers": {
			"a.ts", `export function f(): { m: Map<string, number>, s: Set<string>, d: Date, n: bigint } {
	return { m: new Map([['a', 1]]), s: new Set(['b']), d: new Date(0), n: 2n ** 64n } }`,
			"f", `{}`, `{"m":{"a":1},"s":["b"],"d":"1970-01-01T00:00:00.000Z","n":"18446744073709551616"}`,
		},
		"a generator": {
			"a.ts", `export async function* count(to: number): AsyncGenerator<number> { for (let i = 1; i <= to; i++) yield i }`,
			"count", `{"to":3}`, `{"result":[1,2,3]}`,
		},
		"the protocol's own form": {
			"a.mjs", `export const f = () => ({ content: [{ type: 'text', text: 'as it is' }], structuredContent: { a: 1 } })`,
			"f", `{}`, `{"a":1}`,
		},
		"names that objects have anyway": {
			"a.mjs", `import { McpServer } from 'typescript-mcp'; const s = new McpServer(); for (const n of ['toString', 'constructor', '__proto__']) s.registerTool(n, (args) => ({ n, args })); s.start()`,
			"__proto__", `{"__proto__":1,"hasOwnProperty":2}`, `{"n":"__proto__","args":{"__proto__":1,"hasOwnProperty":2}}`,
		},
		"nothing": {"a.mjs", `export const f = () => {}`, "f", `{}`, ``},
		"half a character": {
			"a.mjs", `export const f = () => ({ 'k\ud800': 'a\udfffb' })`,
			"f", `{}`, `{"k` + "\ufffd" + `":"a` + "\ufffd" + `b"}`,
		},
		"enums, decorators and JSX": {
			"a.tsx", `enum Size { S = 1, L = 2 } const h = (n: string, p: any, ...c: any[]) => n + c.join(''); /* @jsx h */
export function f(size: Size): { got: number } { return { got: size } }`,
			"f", `{"size":2}`, `{"got":2}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, prepared(t, tt.name, tt.src), "")
			got := p.call(tt.tool, tt.args)
			said := string(got.Structured)
			if said == "" {
				said = got.text()
			}
			if got.IsError || said != tt.want {
				t.Errorf("%s says %s %q, want %s (error: %v)", tt.tool, got.Structured, got.text(), tt.want, got.IsError)
			}
		})
	}
}

// TestFolder: a folder with several files is one plugin, which reads its own files and data from where they lie.
func TestFolder(t *testing.T) {
	s := source(t, "notes/", map[string]string{
		"package.json":  `{"version": "3.2.1", "type": "commonjs"}`,
		"src/server.ts": "import { read } from './tools/read.js'\nimport data from '../data.json'\nexport { read }\nexport const here = (): string => import.meta.url.split('/').slice(-2).join('/') + data.n",
		"src/tools/read.ts": "import fs from 'node:fs'\nimport type { Query } from '../types'\n/** Reads a note. */\n" +
			"export async function read(query: Query): Promise<{ text: string }> { return { text: fs.readFileSync(new URL(`../../notes/${query.id}.txt`, import.meta.url), 'utf8') } }",
		"src/types.ts":   "export interface Query { /** Which note. */ id: 'a' | 'b' }",
		"data.json":      `{"n": 7}`,
		"notes/a.txt":    "first",
		"node_modules/x": "",
	})
	p := run(t, prepare(t, s))
	if got := p.initialize("2025-06-18", "").Result; !strings.Contains(string(got), `"serverInfo":{"name":"notes","version":"3.2.1"}`) {
		t.Errorf("initialize says %s", got)
	}
	if got := string(p.call("read", `{"id":"a"}`).Structured); got != `{"text":"first"}` {
		t.Errorf("read says %s", got)
	}
	if got := p.call("here", `{}`).text(); got != "src/server.ts7" {
		t.Errorf("here says %s", got)
	}
	want := `{"name":"read","description":"Reads a note.","inputSchema":{"type":"object","properties":{"id":{"type":"string","enum":["a","b"],"description":"Which note."}},"required":["id"],"additionalProperties":false},` +
		`"outputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}`
	if diff := cmp.Diff(want, string(p.list()["read"])); diff != "" {
		t.Errorf("read is listed as (-want +got):\n%s", diff)
	}
}

// TestPackages: packages come from node_modules beside the plugin, where no lock file says otherwise.
func TestPackages(t *testing.T) {
	files := map[string]string{
		"a.ts":                                 "import { up } from 'up'\nimport sub from '@scope/two/sub.js'\nconst three = require('three')\nexport const f = (s: string): string => up(s) + sub + three",
		"node_modules/up/package.json":         `{"name":"up","type":"module","exports":"./up.js"}`,
		"node_modules/up/up.js":                `export const up = (s) => s.toUpperCase()`,
		"node_modules/@scope/two/package.json": `{"name":"@scope/two"}`,
		"node_modules/@scope/two/sub.js":       `module.exports = 2`,
		"node_modules/three/index.js":          `module.exports = 3`,
	}
	s := source(t, "a.ts", files)
	s.Origin = s.Path
	r := prepare(t, s)
	if !slices.ContainsFunc(r.Read, func(dir string) bool { return filepath.Base(dir) == "node_modules" }) || r.Lock != "" {
		t.Errorf("reads %q, lock is %q", r.Read, r.Lock)
	}
	if got := start(t, r, "").call("f", `{"s":"a"}`).text(); got != "A23" {
		t.Errorf("f says %q", got)
	}

	locked := source(t, "a.ts", map[string]string{"a.ts": "import 'up'\nexport const f = () => 1", "package-lock.json": "{}"})
	if r := prepare(t, locked); filepath.Base(r.Lock) != "package-lock.json" || len(r.Read) > 0 {
		t.Errorf("with a lock file: lock is %q, reads %q", r.Lock, r.Read)
	}
	bare := source(t, "a.ts", map[string]string{"a.ts": "\nimport { up } from 'up'\nexport const f = () => up"})
	r = prepare(t, bare)
	if !strings.Contains(strings.Join(r.Notices, "\n"), "imports up, but neither") {
		t.Errorf("notices are %q", r.Notices)
	}
	p := run(t, r)
	if code := p.end(); code != 3 || !strings.Contains(p.stderr.String(), "sumun: plugins/a.ts:2: Cannot find package 'up'") {
		t.Errorf("without packages it ends with %d and says %q", code, p.stderr)
	}
}

// TestResources: resources in each form are listed and read.
func TestResources(t *testing.T) {
	p := start(t, prepared(t, "a.ts", `
import { McpServer, resource } from 'typescript-mcp'
const s = new McpServer()
s.registerResource('plain', () => 'text of it')
s.registerResource('query', (params: { n: number, deep?: boolean, tags?: string[] }) => params)
s.registerResource('open', (params) => Object.keys(params).map((k) => k + params[k]).join())
s.registerResource('note', { uri: 'notes://{folder}/{+path}', mimeType: 'text/markdown' }, async ({ folder, path }) => '# ' + folder + ' ' + path)
export const bytes = resource({ description: 'Bytes.', mimeType: 'image/png' }, () => new Uint8Array([1, 2, 255]))
export const literal = { uri: 'lit:1', read() { return { a: 1 } } }
s.registerResource('gone', () => { throw Object.assign(new Error('no'), { code: 'ENOENT' }) })
s.registerResource('bad', () => { throw new Error('broken', { cause: new Error('inside') }) })
s.start()
`), "")
	var fixed struct {
		Resources []struct{ URI, Name, Description, MimeType string }
	}
	if err := json.Unmarshal(p.ask("resources/list", "{}").Result, &fixed); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range fixed.Resources {
		got[r.Name] = r.URI
	}
	want := map[string]string{"plain": "sumun://plain", "bytes": "sumun://bytes", "literal": "lit:1", "gone": "sumun://gone", "bad": "sumun://bad"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	var templates struct {
		ResourceTemplates []struct{ Name, URITemplate string }
	}
	if err := json.Unmarshal(p.ask("resources/templates/list", "{}").Result, &templates); err != nil {
		t.Fatal(err)
	}
	clear(got)
	for _, r := range templates.ResourceTemplates {
		got[r.Name] = r.URITemplate
	}
	want = map[string]string{"query": "sumun://query{?n,deep,tags}", "open": "sumun://open{?params*}", "note": "notes://{folder}/{+path}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
	for uri, want := range map[string]string{
		"sumun://plain":                           `text/plain "text of it"`,
		"sumun://query?n=5&deep=true&tags=a%2Cb":  `application/json "{\"n\":5,\"deep\":true,\"tags\":[\"a\",\"b\"]}"`,
		"sumun://query?tags=%5B%22x%22%5D&n=-1.5": `application/json "{\"tags\":[\"x\"],\"n\":-1.5}"`,
		"sumun://open?a=1&b=%ED%95%9C":            `text/plain "a1,b한"`,
		"sumun://open?params=%7B%22z%22%3A9%7D":   `text/plain "z9"`,
		"sumun://open":                            `text/plain ""`,
		"notes://in/a/b%20c.md":                   `text/markdown "# in a/b c.md"`,
		"sumun://bytes":                           `image/png blob AQL/`,
		"lit:1":                                   `application/json "{\"a\":1}"`,
		"sumun://query":                           `-32602 the parameters do not fit: /n is missing`,
		"sumun://query?n=x":                       `-32602 the parameters do not fit: /n must be of type number, and is a value of type string`,
		"sumun://query?n=1&other=2":               `-32002 resource not found: sumun://query?n=1&other=2`,
		"sumun://gone":                            `-32002 resource not found: sumun://gone`,
		"sumun://bad":                             `-32603 broken: inside`,
		"sumun://plain/more":                      `-32002 resource not found: sumun://plain/more`,
		"sumun://open?a=%ZZ":                      `-32002 resource not found: sumun://open?a=%ZZ`,
	} {
		if got := readAs(t, p, uri, "{}"); got != want {
			t.Errorf("%s is %s, want %s", uri, got, want)
		}
	}
	var first struct {
		Contents []struct {
			Meta map[string]any `json:"_meta"`
		}
	}
	if err := json.Unmarshal(p.ask("resources/read", `{"uri":"lit:1"}`).Result, &first); err != nil {
		t.Fatal(err)
	}
	meta := first.Contents[0].Meta
	if meta["io.github.sumun-mcp/object"] != true || meta["io.github.sumun-mcp/revision"] == nil {
		t.Errorf("_meta is %v", meta)
	}
	again := string(p.ask("resources/read", fmt.Sprintf(`{"uri":"lit:1","_meta":{"io.github.sumun-mcp/ifNoneMatch":%q}}`, meta["io.github.sumun-mcp/etag"])).Result)
	if !strings.Contains(again, `"contents":[]`) || !strings.Contains(again, `"io.github.sumun-mcp/notModified":true`) {
		t.Errorf("what is known already is %s", again)
	}
}

// readAs reads a resource and tells what came in short.
func readAs(t *testing.T, p *peer, uri, meta string) string {
	t.Helper()
	m := p.ask("resources/read", fmt.Sprintf(`{"uri":%q,"_meta":%s}`, uri, meta))
	if m.Error != nil {
		return fmt.Sprint(m.Error.Code, " ", m.Error.Message)
	}
	var out struct {
		Contents []struct {
			MimeType string
			Text     *string
			Blob     string
		}
	}
	if err := json.Unmarshal(m.Result, &out); err != nil || len(out.Contents) != 1 {
		t.Fatalf("%s: %s", uri, m.Result)
	}
	if c := out.Contents[0]; c.Text == nil {
		return c.MimeType + " blob " + c.Blob
	}
	return fmt.Sprintf("%s %q", out.Contents[0].MimeType, *out.Contents[0].Text)
}

// TestPrint: whatever way a plugin prints, standard output holds nothing but the protocol.
func TestPrint(t *testing.T) {
	p := start(t, prepared(t, "a.mjs", `
import fs, { writeSync } from 'node:fs'
import { spawnSync, spawn, execSync } from 'node:child_process'
export function loud() {
	console.log('a log'); console.info('an info'); console.table([1]); console.dir({ a: 1 }); console.error('an error')
	process.stdout.write('straight\n'); fs.writeSync(1, 'by number\n'); writeSync(1, 'by number 2\n'); fs.writeFileSync('/dev/stdout', 'by name\n')
	fs.write(1, 'later\n', () => {})
	spawnSync('echo', ['a child'], { stdio: 'inherit' }); execSync('echo a shell', { stdio: [0, 1, 2] })
	return new Promise((done) => spawn('echo', ['another'], { stdio: ['pipe', 'inherit', 'inherit'] }).on('exit', () => done('quiet')))
}
let all = ''
export const read = async () => { for await (const part of process.stdin) all += part; return { all } }
console.log('while it loads')
`), "")
	if got := p.call("loud", "{}"); got.text() != "quiet" {
		t.Errorf("loud says %+v", got)
	}
	if got := p.call("read", "{}"); string(got.Structured) != `{"all":""}` {
		t.Errorf("standard input is %s", got.Structured)
	}
	if len(p.others) > 0 {
		t.Errorf("further messages came: %v", p.others)
	}
	for _, want := range []string{"while it loads", "a log", "straight", "by number\n", "by number 2", "by name", "later", "a child", "a shell", "another"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q is lost: %s", want, p.stderr)
		}
	}
}

// TestNotices: what a server of the guide asks for and does not get is said.
func TestNotices(t *testing.T) {
	p := start(t, prepared(t, "weather.ts", weatherSample), "", "MCP_API_KEY=secret")
	p.call("weather.getCurrent", `{"location":1}`)
	for _, want := range []string{
		"sumun-notice: McpServer: port is ignored; clients come in through the gateway, by its keys\n",
		"sumun-notice: McpServer: apiKey is ignored;",
		`sumun-notice: defineScope: who may use what is for the gateway to say; in mcp.yaml: scopes: {"read:file": [file.read]}`,
	} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q is not said: %s", want, p.stderr)
		}
	}
	if strings.Contains(p.stderr.String(), "secret") {
		t.Errorf("the key is told: %s", p.stderr)
	}
	r := prepared(t, "weather.ts", weatherSample)
	slices.Sort(r.Notices)
	want := []string{
		"its source names api.weather.com:443, which it reaches only if weather.plugin.yaml has it: hosts: [api.weather.com:443]",
		"plugins/weather.ts:16: file.read: params has no types, so any value is accepted for path",
		"plugins/weather.ts:9: weather.getCurrent: args has no types, so any value is accepted for location",
	}
	if diff := cmp.Diff(want, r.Notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// TestItself: a plugin that uses an SDK of the protocol speaks for itself.
func TestItself(t *testing.T) {
	s := source(t, "a.mjs", map[string]string{
		"a.mjs": "import { serve } from '@modelcontextprotocol/sdk/server/mcp.js'\nserve()",
		"node_modules/@modelcontextprotocol/sdk/package.json": `{"name":"@modelcontextprotocol/sdk","type":"module"}`,
		"node_modules/@modelcontextprotocol/sdk/server/mcp.js": `export function serve() { process.stdin.on('data', (d) => {
			const { id } = JSON.parse(d); process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result: { own: true } }) + '\n') }) }`,
	})
	s.Origin = s.Path
	p := run(t, prepare(t, s))
	if got := string(p.ask("initialize", "{}").Result); got != `{"own":true}` {
		t.Errorf("it says %s", got)
	}
}

// TestShared: all plugins share one copy of the shim, which is written once.
func TestShared(t *testing.T) {
	a, b := source(t, "a.mjs", map[string]string{"a.mjs": "export const f = () => 1"}), source(t, "b.mjs", map[string]string{"b.mjs": "export const f = () => 2"})
	b.Shims = a.Shims
	if first, second := prepare(t, a), prepare(t, b); first.Args[2] != second.Args[2] {
		t.Errorf("the shims are %s and %s", first.Args[2], second.Args[2])
	}
	all, err := os.ReadDir(a.Shims)
	if err != nil || len(all) != 1 {
		t.Errorf("there are %v: %v", all, err)
	}
}
