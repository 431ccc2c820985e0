package catalog

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// withSchema returns the entry of a tool with that input schema, which need not say that it is for an object.
func withSchema(tb testing.TB, schema string) *Entry {
	tb.Helper()
	schema = `{"type":"object",` + strings.TrimPrefix(schema, "{")
	raw := `{"description":"before","name":"x","inputSchema":` + schema + `,"title":"behind"}`
	if err := wire.NewScanner(wire.Vocabulary{}, 0).Value([]byte(raw)); err != nil {
		tb.Fatal(err)
	}
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: &mcp.Listing{Tools: [][]byte{[]byte(raw)}}}}, Options{})
	e, ok := c.Lookup(mcp.Tool, "s.x")
	if !ok {
		tb.Fatal(c.Warnings())
	}
	return e
}

func TestTwin(t *testing.T) {
	const inner = `{"properties":{"path":{}}}`
	tests := []struct {
		name, schema, arguments, want string
	}{
		{"clean", `{"properties":{"path":{},"limit":{}}}`, `{"path":"/","limit":1}`, ""},
		{"unknown", `{"properties":{"path":{}}}`, `{"other":1}`, ""},
		{"case", `{"properties":{"path":{}}}`, `{"path":"/ok","Path":"/etc"}`, "Path"},
		{"alone", `{"properties":{"path":{}}}`, `{"PATH":1}`, "PATH"},
		{"both are properties", `{"properties":{"path":{},"Path":{}}}`, `{"path":1,"Path":2}`, ""},
		{"a third spelling", `{"properties":{"path":{},"Path":{}}}`, `{"pAth":2}`, "pAth"},
		{"escaped twin", `{"properties":{"path":{}}}`, `{"\u0050ath":1}`, "Path"},
		{"escaped but the same", `{"properties":{"path":{}}}`, `{"p\u0061th":1}`, ""},
		{"escaped property", `{"properties":{"p\u0061th":{}}}`, `{"path":1,"PaTh":2}`, "PaTh"},
		{"Kelvin sign", `{"properties":{"key":{}}}`, `{"\u212aey":1}`, "\u212aey"},
		{"long s", `{"properties":{"is":{}}}`, `{"iſ":1}`, "iſ"},
		{"other alphabets", `{"properties":{"ключ":{}}}`, `{"КЛЮЧ":1}`, "КЛЮЧ"},
		{"in a string", `{"properties":{"path":{}}}`, `{"path":"{\"Path\":1}"}`, ""},
		{"no object", `{"properties":{"path":{}}}`, `"Path"`, ""},
		{"no arguments", `{"properties":{"path":{}}}`, ``, ""},
		{"no schema", `{"properties":{}}`, `{"A":1,"a":2}`, ""},
		{"data", `{"default":` + inner + `,"properties":{"a":{"enum":[` + inner + `]}}}`, `{"a":{"Path":1}}`, ""},

		{"properties", `{"properties":{"o":` + inner + `}}`, `{"o":{"Path":1}}`, "Path"},
		{"items", `{"properties":{"o":{"items":` + inner + `}}}`, `{"o":[{},1,[],{"Path":1}]}`, "Path"},
		{"list of items", `{"properties":{"o":{"items":[true,` + inner + `]}}}`, `{"o":[{"Path":1}]}`, "Path"},
		{"prefixItems", `{"properties":{"o":{"prefixItems":[` + inner + `]}}}`, `{"o":[{"Path":1}]}`, "Path"},
		{"allOf", `{"allOf":[{},` + inner + `]}`, `{"Path":1}`, "Path"},
		{"anyOf", `{"properties":{"o":{"anyOf":[` + inner + `,{"type":"null"}]}}}`, `{"o":{"Path":1}}`, "Path"},
		{"oneOf", `{"properties":{"o":{"oneOf":[` + inner + `,{"items":` + inner + `}]}}}`, `{"o":[{"Path":1}]}`, "Path"},
		{"then", `{"if":{"properties":{"kind":{}}},"then":` + inner + `}`, `{"kind":1,"Path":1}`, "Path"},
		{"not of if", `{"if":{"properties":{"kind":{}}}}`, `{"Kind":1}`, "Kind"},
		{"dependentSchemas", `{"dependentSchemas":{"a":` + inner + `}}`, `{"Path":1}`, "Path"},
		{"additionalProperties", `{"additionalProperties":` + inner + `}`, `{"any":{"Path":1}}`, "Path"},
		{"patternProperties", `{"properties":{"a":{}},"patternProperties":{"^x":` + inner + `}}`, `{"xy":{"Path":1}}`, "Path"},
		{"two schemas, one value", `{"properties":{"o":{"properties":{"a":{}}}},"allOf":[{"properties":{"o":{"properties":{"b":{}}}}}]}`, `{"o":{"a":1,"B":2}}`, "B"},
		{"$ref", `{"properties":{"o":{"$ref":"#/$defs/d"}},"$defs":{"d":` + inner + `}}`, `{"o":{"Path":1}}`, "Path"},
		{"$ref with escapes", `{"properties":{"o":{"$ref":"#/$defs/a~1b~0c"}},"$defs":{"a/b~c":` + inner + `}}`, `{"o":{"Path":1}}`, "Path"},
		{"$ref to itself", `{"properties":{"child":{"$ref":"#"},"name":{}}}`, `{"child":{"child":{"child":{"Name":1}}}}`, "Name"},
		{"$ref in a circle", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a","properties":{"p":{}}}}}`, `{"P":1}`, "P"},
		{"$ref elsewhere", `{"properties":{"o":{"$ref":"https://example.com/x"}}}`, `{"o":{"Path":1}}`, ""},
		{"$ref to nothing", `{"properties":{"o":{"$ref":"#/$defs/none"}}}`, `{"o":{"Path":1}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := withSchema(t, tt.schema).Twin([]byte(tt.arguments)); got != tt.want {
				t.Errorf("Twin = %q, want %q", got, tt.want)
			}
		})
	}
	prompt := &Entry{Kind: mcp.Prompt}
	if got := prompt.Twin([]byte(`{"A":1}`)); got != "" {
		t.Errorf("a prompt has the twin %q", got)
	}
}

// TestTwinOfAHugeSchema has a schema whose sets of schemas multiply; the work must stay bounded.
func TestTwinOfAHugeSchema(t *testing.T) {
	var branches strings.Builder
	for range 200 {
		branches.WriteString(`{"$ref":"#"},{"properties":{"a":{"anyOf":[{"$ref":"#"},{"items":{"$ref":"#"}}]}}},`)
	}
	e := withSchema(t, `{"properties":{"a":{"$ref":"#"}},"anyOf":[`+branches.String()+`{}]}`)
	if got := e.Twin([]byte(`{"a":{"a":{"A":1}}}`)); got != "A" {
		t.Errorf("Twin = %q, want A", got)
	}
}

const (
	someSchema    = `{"properties":{"path":{"type":"string"},"options":{"properties":{"follow":{}}},"lines":{"items":{"properties":{"from":{},"to":{}}}}}}`
	someArguments = `{"path":"/srv/data/report.txt","options":{"follow":true},"lines":[{"from":1,"to":2},{"from":5,"to":9}]}`
)

func TestTwinAllocatesNothing(t *testing.T) {
	e, arguments := withSchema(t, someSchema), []byte(someArguments)
	e.Twin(arguments)
	if n := testing.AllocsPerRun(100, func() { e.Twin(arguments) }); n != 0 {
		t.Errorf("%v allocations on clean arguments", n)
	}
}

func BenchmarkTwin(b *testing.B) {
	e, arguments := withSchema(b, someSchema), []byte(someArguments)
	b.ReportAllocs()
	for b.Loop() {
		e.Twin(arguments)
	}
}

func FuzzTwin(f *testing.F) {
	f.Add([]byte(`{"properties":{"a":{"$ref":"#"}},"items":{"anyOf":[{}]}}`), []byte(`{"a":[{"A":1}]}`))
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	f.Fuzz(func(t *testing.T, schema, arguments []byte) {
		if scanner.Value(schema) != nil || scanner.Value(arguments) != nil {
			t.Skip("not JSON")
		}
		e := &Entry{inputs: &inputs{schema: schema}}
		twin := e.Twin(arguments)
		if e.Twin(schema); len(twin) > len(arguments) {
			t.Errorf("Twin(%s, %s) = %q, which does not stand there", schema, arguments, twin)
		}
	})
}
