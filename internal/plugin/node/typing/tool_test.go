package typing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFunctions: what an exported function takes and returns, in the ways in which people declare that.
func TestFunctions(t *testing.T) {
	tests := map[string]struct {
		file, src, export string
		want              string
		notice            string
	}{
		"by name": {
			src: `/** Adds. */ export function f(a: number, b = 2, ctx: Context): number { return a + b }`,
			want: `{"description":"Adds.","inputSchema":{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number","default":2}},"required":["a"],"additionalProperties":false},` +
				`"outputSchema":{"type":"object","properties":{"result":{"type":"number"}},"required":["result"]},"wrap":true,"call":["a","b","@context"]}`,
		},
		"an argument that is called context": {
			src:  `export function f(question: string, context: string) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"question":{"type":"string"},"context":{"type":"string"}},"required":["question","context"],"additionalProperties":false},"call":["question","context"]}`,
		},
		"a context of a package": {
			src: `import type { Context as C } from 'typescript-mcp'
export function f(question: string, context: C) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"question":{"type":"string"}},"required":["question"],"additionalProperties":false},"call":["question","@context"]}`,
		},
		"nothing": {
			src:  `export const f = async (): Promise<string> => 'now'`,
			want: `{"inputSchema":{"type":"object","additionalProperties":false},"call":[]}`,
		},
		"one object of a declared type": {
			src: `interface In { city: string; /** @integer @minimum 1 @maximum 14 */ days?: number }
type Out = { temperature: number, at: Date }
export async function f(input: In, context): Promise<Out | undefined> { return undefined }`,
			want: `{"inputSchema":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","maximum":14,"minimum":1}},"required":["city"],"additionalProperties":false},` +
				`"outputSchema":{"type":"object","properties":{"result":{"type":["object","null"],"properties":{"temperature":{"type":"number"},"at":{"type":"string","format":"date-time"}},"required":["temperature","at"]}},"required":["result"]},"wrap":true,"call":["@args","@context"]}`,
		},
		"a pattern with a type": {
			src: `export const f = ({ city, unit = 'c' }: { city: string; unit?: 'c' | 'f' }) => ({ ok: true })`,
			want: `{"inputSchema":{"type":"object","properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["c","f"]}},"required":["city"],"additionalProperties":false},` +
				`"call":["@args"]}`,
		},
		"a pattern without one": {
			file: "main.js",
			src:  `export function f({ city, unit = 'c', n = 3, ...rest }) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"city":{},"unit":{"type":"string","default":"c"},"n":{"type":"number","default":3}},"required":["city"]},"call":["@args"],"open":true}`,
		},
		"JSDoc": {
			file: "main.mjs",
			src: `/**
 * Converts an amount of money.
 *
 * @param {number} amount - How much.
 * @param {'EUR'|'KRW'} [to=EUR] The currency.
 * @param {string[]} [notes]
 * @returns {Promise<{value: number, notes?: string[]}>} what it is worth
 * @title Money
 * @readonly
 * @name money.convert
 */
export async function f(amount, to = 'EUR', notes) {}`,
			want: `{"name":"money.convert","title":"Money","description":"Converts an amount of money.","annotations":{"readOnlyHint":true},` +
				`"inputSchema":{"type":"object","properties":{"amount":{"type":"number","description":"How much."},"to":{"type":"string","enum":["EUR","KRW"],"description":"The currency.","default":"EUR"},"notes":{"type":"array","items":{"type":"string"}}},"required":["amount"],"additionalProperties":false},` +
				`"outputSchema":{"type":"object","properties":{"value":{"type":"number"},"notes":{"type":"array","items":{"type":"string"}}},"required":["value"]},"call":["amount","to","notes"]}`,
		},
		"JSDoc of an object": {
			file: "main.cjs",
			src: `/**
 * @param {Object} args
 * @param {string} args.city - Which city
 * @param {?number} [args.days=3]
 */
exports.f = async function (args, ctx) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"city":{"type":"string","description":"Which city"},"days":{"type":["number","null"],"default":3}},"required":["city"],"additionalProperties":false},"call":["@args","@context"]}`,
		},
		"a typedef": {
			file: "main.js",
			src: `/**
 * @typedef {Object} Spot
 * @property {number} x
 * @property {Array.<string>} [tags]
 */
/** @param {Spot} spot */
function f(spot) {}
module.exports = { f }`,
			want: `{"inputSchema":{"type":"object","properties":{"x":{"type":"number"},"tags":{"type":"array","items":{"type":"string"}}},"required":["x"],"additionalProperties":false},"call":["@args"]}`,
		},
		"no types at all": {
			file: "main.js",
			src:  `export function f(a, b) { return a / b / 2 }`,
			want: `{"inputSchema":{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"],"additionalProperties":false},"call":["a","b"]}`, notice: "main.js:1: f: a has no type",
		},
		"members that are read": {
			file: "main.js",
			src:  "export const f = async (args) => { const { a, b: c } = args; return `${args.d?.e} ${args['f']}` }",
			want: `{"inputSchema":{"type":"object","properties":{"a":{},"b":{},"d":{},"f":{}}},"call":["@args"]}`, notice: "args has no types",
		},
		"rest": {
			src:  `export function f(sep: string, ...words: string[]): string { return '' }`,
			want: `{"inputSchema":{"type":"object","properties":{"sep":{"type":"string"},"words":{"type":"array","items":{"type":"string"}}},"required":["sep"],"additionalProperties":false},"call":["sep","...words"]}`,
		},
		"the protocol's answer": {
			src:  `export function f(): Promise<{ content: { type: 'text', text: string }[] }> { return null! }`,
			want: `{"inputSchema":{"type":"object","additionalProperties":false},"call":[]}`,
		},
		"generators": {
			src:  `export async function* f(n: number): AsyncGenerator<number> {}`,
			want: `{"inputSchema":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"],"additionalProperties":false},"outputSchema":{"type":"object","properties":{"result":{"type":"array","items":{"type":"number"}}},"required":["result"]},"wrap":true,"call":["n"]}`,
		},
		"recursion": {
			src: `interface Node { value: string; next?: Node }
export function f(node: Node, x: string): Node { return node }`,
			want: `{"inputSchema":{"type":"object","properties":{"node":{"$ref":"#/$defs/Node"},"x":{"type":"string"}},"required":["node","x"],"$defs":{"Node":{"type":"object","properties":{"value":{"type":"string"},"next":{"$ref":"#/$defs/Node"}},"required":["value"]}},"additionalProperties":false},` +
				`"outputSchema":{"type":"object","$ref":"#/$defs/Node","$defs":{"Node":{"type":"object","properties":{"value":{"type":"string"},"next":{"$ref":"#/$defs/Node"}},"required":["value"]}}},"call":["node","x"]}`,
		},
		"overloads": {
			src: `export function f(a: string): string
export function f(a: number): number
export function f(a: any): any { return a }`,
			want: `{"inputSchema":{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},"call":["a"]}`, notice: "declared more than once",
		},
		"a definition": {
			src:  `export const f = { description: 'x', async handler(args: { a: number }, { signal }) { return 1 } }`,
			want: `{"inputSchema":{"type":"object","properties":{"a":{"type":"number"}},"required":["a"],"additionalProperties":false},"call":["@args","@context"]}`,
		},
		"the helper": {
			src:  `export const f = tool({ description: 'x' }, async (args: { a: number }) => 1)`,
			want: `{"inputSchema":{"type":"object","properties":{"a":{"type":"number"}},"required":["a"],"additionalProperties":false},"call":["@args"]}`,
		},
		"a default export": {
			src: `export default function greet(name: string): string { return name }`, export: "default",
			want: `{"inputSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false},"call":["name"]}`,
		},
		"a default object": {
			src: `const f = (name: string) => name
export default { f, g: 1 }`,
			want: `{"inputSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false},"call":["name"]}`,
		},
		"renamed": {
			src: `function inner(x: boolean): void {}
export { inner as f }`,
			want: `{"inputSchema":{"type":"object","properties":{"x":{"type":"boolean"}},"required":["x"],"additionalProperties":false},"call":["x"]}`,
		},
		"generic": {
			src:  `export function f<T extends string>(x: T, y: T[]) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"x":{"type":"string"},"y":{"type":"array","items":{"type":"string"}}},"required":["x","y"],"additionalProperties":false},"call":["x","y"]}`,
		},
		"defaults that are no literals": {
			src:  `export function f(x: number, at = new Map<string, number>(), n: number = compute(1, 2)) {}`,
			want: `{"inputSchema":{"type":"object","properties":{"x":{"type":"number"},"at":{},"n":{"type":"number"}},"required":["x"],"additionalProperties":false},"call":["x","at","n"]}`, notice: "at has no type",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file, export := tt.file, tt.export
			if file == "" {
				file = "main.ts"
			}
			if export == "" {
				export = "f"
			}
			p := program(map[string]string{file: tt.src})
			got := asJSON(t, p.Facts(file).Exports[export])
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if said := strings.Join(p.Notices(), "\n"); tt.notice == "" && said != "" || !strings.Contains(said, tt.notice) {
				t.Errorf("notices are %q, want %q", said, tt.notice)
			}
		})
	}
}

// TestFiles: types and functions are found in other files of the plugin, and in no file outside of it.
func TestFiles(t *testing.T) {
	p := program(map[string]string{
		"src/main.ts": `import type { In } from './types.js'
import * as types from './types'
import { late } from "./late"
export * from './more'
export function f(input: In): types.Out { return null! }
export function g(x: Outside, c: types.Color.Red) {}
import { Outside } from '../../elsewhere'
server.registerTool('late.one', late)
server.registerResource('notes.read', { uri: 'notes://{id}' }, async ({ id }: { id: number }) => '')`,
		"src/types.ts": `export type { Inner as In } from './inner'
export interface Out { ok: boolean }
export enum Color { Red = 'r' }`,
		"src/inner/index.ts": `export interface Inner { deep: import('../types').Color }`,
		"src/more.ts":        `/** More. */ export const h = (s: string) => s`,
		"src/late.ts":        `/** Too late. */ export async function late(args: { by: number }, ctx) {}`,
		"elsewhere.ts":       `export type Outside = string`,
	})
	f := p.Facts("src/main.ts")
	for got, want := range map[string]string{
		asJSON(t, f.Exports["f"].InputSchema):            `{"type":"object","properties":{"deep":{"type":"string","const":"r"}},"required":["deep"],"additionalProperties":false}`,
		asJSON(t, f.Exports["f"].OutputSchema):           `{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}`,
		asJSON(t, f.Exports["g"].InputSchema):            `{"type":"object","properties":{"x":{},"c":{"type":"string","const":"r"}},"required":["x","c"],"additionalProperties":false}`,
		asJSON(t, f.Exports["h"]):                        `{"description":"More.","inputSchema":{"type":"object","properties":{"s":{"type":"string"}},"required":["s"],"additionalProperties":false},"call":["s"]}`,
		asJSON(t, f.Tools["late.one"]):                   `{"description":"Too late.","inputSchema":{"type":"object","properties":{"by":{"type":"number"}},"required":["by"],"additionalProperties":false},"call":["@args","@context"]}`,
		asJSON(t, f.Resources["notes.read"].InputSchema): `{"type":"object","properties":{"id":{"type":"number"}},"required":["id"],"additionalProperties":false}`,
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if said := p.Notices(); len(said) != 1 || !strings.Contains(said[0], "src/main.ts:6: g: the type Outside is not known here") {
		t.Errorf("notices are %q", said)
	}
}

// FuzzFacts: whatever a file holds, reading it ends, and what it tells is JSON.
func FuzzFacts(f *testing.F) {
	f.Add("export function f(a: number, b?: string[]): Promise<{x: 1 | 2}> {}")
	f.Add("/** @param {{a: number}} x */ exports.f = (x) => `${x.a ? `${1}` : /[/]/}`")
	f.Add("type A<T> = { [K in keyof T]?: T[K] } & A<A<T>>; export const f = ({a = 1, ...b}: A<typeof f>) => a")
	f.Add("interface X extends X { x: X } export default { handler(x: X['x']): X {} }; type Y = Y | [Y, ...Y[]]; export function g(y: Y) {}")
	f.Add("enum E { A = 1 << 2, B, C = 'x' } export const t = tool('n', {}, async (a: E.B) => {}); s.registerTool('x', t)")
	f.Fuzz(func(t *testing.T, src string) {
		for _, name := range []string{"main.ts", "main.js"} {
			p := program(map[string]string{name: src})
			asJSON(t, p.Facts(name))
		}
	})
}
