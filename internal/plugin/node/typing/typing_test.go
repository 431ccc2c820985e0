package typing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program returns the program of some files; a text without files is main.ts.
func program(files map[string]string) *Program {
	return New(func(name string) (string, bool) {
		src, ok := files[name]
		return src, ok
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestTypes: the type of a parameter becomes the schema of an argument. What is not understood is {} with a notice.
func TestTypes(t *testing.T) {
	const declarations = `
interface Point { x: number; /** Northward. */ y?: number }
interface Named<T> { name: string; value: T }
interface Circle extends Point { readonly kind: "circle"; radius: number }
type Shape = Circle | { kind: 'square'; side: number };
type Tree = { value: string; children: Tree[] };
type Unit = 'celsius' | 'fahrenheit';
type Maybe<T> = T | null;
enum Color { Red, Green = 5, Blue }
enum Level { Low = 'low', High = "high" }
const UNITS = ['km', 'mi'] as const;
const LIMITS = { small: 1, large: 10 } as const;
class Thing { x = 1 }
`
	tests := []struct{ typ, want, notice string }{
		{"string", `{"type":"string"}`, ""},
		{"number | string", `{"type":["number","string"]}`, ""},
		{"boolean | null", `{"type":["boolean","null"]}`, ""},
		{"true", `{"type":"boolean","const":true}`, ""},
		{"'a' | 'b' | undefined", `{"type":"string","enum":["a","b"]}`, ""},
		{"1 | 2 | 'x'", `{"enum":[1,2,"x"]}`, ""},
		{"-1 | 0xFF | 1_000", `{"type":"number","enum":[-1,255,1000]}`, ""},
		{"Unit | null", `{"enum":["celsius","fahrenheit",null]}`, ""},
		{"any", `{}`, ""},
		{"any | string", `{}`, ""},
		{"string[]", `{"type":"array","items":{"type":"string"}}`, ""},
		{"readonly (number | null)[][]", `{"type":"array","items":{"type":"array","items":{"type":["number","null"]}}}`, ""},
		{"ReadonlyArray<Unit>", `{"type":"array","items":{"type":"string","enum":["celsius","fahrenheit"]}}`, ""},
		{"[string, number?]", `{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}],"items":false,"minItems":1}`, ""},
		{"[a: string, ...rest: number[]]", `{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"number"},"minItems":1}`, ""},
		{"Point", `{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number","description":"Northward."}},"required":["x"]}`, ""},
		{"Named<Unit>", `{"type":"object","properties":{"name":{"type":"string"},"value":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["name","value"]}`, ""},
		{"Shape", `{"anyOf":[{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number","description":"Northward."},"kind":{"type":"string","const":"circle"},"radius":{"type":"number"}},"required":["x","kind","radius"]},{"type":"object","properties":{"kind":{"type":"string","const":"square"},"side":{"type":"number"}},"required":["kind","side"]}]}`, ""},
		{"Maybe<number>", `{"type":["number","null"]}`, ""},
		{"Tree", `{"$ref":"#/$defs/Tree"}`, ""},
		{"Color", `{"type":"number","enum":[0,5,6]}`, ""},
		{"Color.Green", `{"type":"number","const":5}`, ""},
		{"Level", `{"type":"string","enum":["low","high"]}`, ""},
		{"(typeof UNITS)[number]", `{"type":"string","enum":["km","mi"]}`, ""},
		{"keyof typeof LIMITS", `{"type":"string","enum":["small","large"]}`, ""},
		{"keyof Point", `{"type":"string","enum":["x","y"]}`, ""},
		{"Point['x']", `{"type":"number"}`, ""},
		{"Record<string, number>", `{"type":"object","additionalProperties":{"type":"number"}}`, ""},
		{"Record<Unit, number>", `{"type":"object","properties":{"celsius":{"type":"number"},"fahrenheit":{"type":"number"}},"required":["celsius","fahrenheit"]}`, ""},
		{"{ [key: string]: Point[] }", `{"type":"object","additionalProperties":{"type":"array","items":{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number","description":"Northward."}},"required":["x"]}}}`, ""},
		{"{ [K in Unit]?: string }", `{"type":"object","properties":{"celsius":{"type":"string"},"fahrenheit":{"type":"string"}}}`, ""},
		{"Partial<Pick<Circle, 'x' | 'radius'>>", `{"type":"object","properties":{"x":{"type":"number"},"radius":{"type":"number"}}}`, ""},
		{"Omit<Circle, 'kind' | 'y'>", `{"type":"object","properties":{"x":{"type":"number"},"radius":{"type":"number"}},"required":["x","radius"]}`, ""},
		{"Exclude<Unit, 'celsius'>", `{"type":"string","const":"fahrenheit"}`, ""},
		{"Point & { z: number }", `{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number","description":"Northward."},"z":{"type":"number"}},"required":["x","z"]}`, ""},
		{"{ a: string, 'b-c'?: number; 3: boolean }", `{"type":"object","properties":{"a":{"type":"string"},"b-c":{"type":"number"},"3":{"type":"boolean"}},"required":["a","3"]}`, ""},
		{"`id-${string}`", `{"type":"string"}`, ""},
		{"NonNullable<Maybe<string>>", `{"type":"string"}`, ""},
		{"object", `{"type":"object"}`, ""},

		{"Date", `{}`, "the type Date is not known here"},
		{"Thing", `{}`, "the type is not understood"},
		{"Elsewhere<string>", `{}`, "the type Elsewhere is not known here"},
		{"() => void", `{}`, "a function is no JSON"},
		{"Point extends string ? 1 : 2", `{}`, "the type is not understood"},
		{"string | Elsewhere", `{}`, "the type Elsewhere is not known here"},
		{"Elsewhere[]", `{"type":"array"}`, "the type Elsewhere is not known here"},
	}
	for _, tt := range tests {
		t.Run(tt.typ, func(t *testing.T) {
			p := program(map[string]string{"main.ts": declarations + "export function f(a: " + tt.typ + ", b: string) {}"})
			input := p.Facts("main.ts").Exports["f"].InputSchema
			got := input.Get("properties").(Schema).Get("a")
			if diff := cmp.Diff(tt.want, asJSON(t, got)); diff != "" {
				t.Errorf("schema (-want +got):\n%s", diff)
			}
			if said := strings.Join(p.Notices(), "\n"); tt.notice == "" && said != "" || !strings.Contains(said, tt.notice) {
				t.Errorf("notices are %q, want %q", said, tt.notice)
			}
		})
	}
}
