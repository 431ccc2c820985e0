package guard_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

func compile(tb testing.TB, schema string) *guard.Schema {
	tb.Helper()
	s, err := guard.Compile([]byte(schema))
	if err != nil {
		tb.Fatalf("%.200s: %v", schema, err)
	}
	return s
}

// told returns the faults, one line each.
func told(faults []guard.Fault) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, strings.TrimSpace(f.Pointer+" "+f.Message))
	}
	return strings.Join(lines, "\n")
}

// TestCheck has what schemas say of values.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ schema, value, want string }{
		{`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a","b/c"]}`, `{"a":1.5}`, "/a is number, not integer\n/b~1c is missing"},
		{`{"type":["string","null"]}`, `1`, "is number, not null or string"},
		{`{"type":"integer"}`, `1.50e2`, ""},
		{`{"type":"integer"}`, `1e-1`, "is number, not integer"},
		{`{"maximum":18446744073709551615}`, `18446744073709551616`, "is more than 18446744073709551615"},
		{`{"maximum":18446744073709551616}`, `18446744073709551616`, ""},
		{`{"maximum":9007199254740992}`, `9007199254740993`, "is more than 9007199254740992"},
		{`{"multipleOf":0.1}`, `0.3`, ""},
		{`{"multipleOf":0.1}`, `0.35`, "is not a multiple of 1/10"},
		{`{"exclusiveMinimum":0,"exclusiveMaximum":1}`, `1`, "is not less than 1"},
		{`{"enum":[1,"두",{"a":[1.0,-0]}]}`, `1.0`, ""},
		{`{"enum":[1,"두",{"a":[1.0,-0]}]}`, `{"a":[10e-1,0]}`, ""},
		{`{"enum":[1,"두",{"a":[1.0,-0]}]}`, `"둘"`, `is none of 1, "두", {"a":[1.0,-0]}`},
		{`{"enum":[9007199254740993]}`, `9007199254740992`, "is not 9007199254740993"},
		{`{"const":-1}`, `1`, "is not -1"},
		{`{"const":null}`, `null`, ""},
		{`{"const":1,"enum":[2]}`, `1`, "is not allowed here"},
		{`{"const":1,"enum":[1,2]}`, `2`, "is not 1"},
		{`{"properties":{"한":{"type":"string","minLength":2,"maxLength":3}}}`, `{"한":"글"}`, "/한 has 1 characters, needs 2"},
		{`{"properties":{"한":{"type":"string","minLength":2,"maxLength":3}}}`, `{"한":"\ud83d\ude42🙂🙂🙂"}`, "/한 has 4 characters, may have 3"},
		{`{"type":"array","items":{"type":"string"},"maxItems":2,"uniqueItems":true}`, `["a",1,"a"]`, "has 3 elements, may have 2\nhas equal elements, at 0 and 2\n/1 is number, not string"},
		{`{"additionalProperties":false,"properties":{"a":true}}`, `{"a":1,"b":2,"c":3}`, "/b is not known here\n/c is not known here"},
		{`{"propertyNames":{"pattern":"^[a-z]+$"}}`, `{"a":1,"B":2}`, "/B is no name that may be here"},
		{`{"properties":{"a":false}}`, `{"a":1}`, "/a is not allowed here"},
		{`{"items":false}`, `[1]`, "/0 is not allowed here"},
		{`{"not":{"type":"string"}}`, `"x"`, "is of a form that is not allowed"},
		{`{"anyOf":[{"type":"string"},{"type":"object","required":["x"]}]}`, `{}`, "fits none of 2 alternatives: is object, not string; or /x is missing"},
		{`{"oneOf":[{"type":"number"},{"type":"integer"}]}`, `1`, "fits more than one alternative, and may fit one only"},
		{`{"if":{"properties":{"k":{"const":"a"}}},"then":{"required":["a"]},"else":{"required":["b"]}}`, `{"k":"c"}`, "/b is missing"},
		{`{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"a":1,"b":1}`, "/b is not allowed here"},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "/b is missing; a needs it"},
		{`{"$defs":{"n":{"type":"object","properties":{"next":{"$ref":"#/$defs/n"},"v":{"type":"integer"}}}},"$ref":"#/$defs/n"}`, `{"next":{"next":{"v":"x"}}}`, "/next/next/v is string, not integer"},
		{`{"format":"email","contentEncoding":"base64"}`, `"no"`, ""},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"email","items":[{"type":"string"}],"additionalItems":false}`, `"no"`, ""},
		{`{"items":[{"type":"string"}],"additionalItems":false}`, `["a",1]`, "has 1 elements too many"},
		{`{"pattern":"^\\u0061\\u{62}\\/$"}`, `"ab/"`, ""},
		{`{"pattern":"^\\\\u0061$"}`, `"\\u0061"`, ""},
		{`{"pattern":"^a(?=b)"}`, `"x"`, ""},
		{`{"patternProperties":{"^x(?!y)":{"type":"string"},"^n":{"type":"number"}},"additionalProperties":false}`, `{"xz":1,"q":1,"n":"1"}`, "/n is string, not number"},
		{`{"maxLength":18446744073709551615,"minLength":0}`, `"x"`, ""},
		{`{"minLength":18446744073709551615}`, `"x"`, "has 1 characters, needs 2147483647"},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"strin"}`, "/type fits none of 2 alternatives: is none of \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\"; or is string, not array"},
		{`{"contains":{"type":"string"}}`, `[1]`, "has no element that must be there"},
		{`true`, `1`, ""},
		{`false`, `1`, "is not allowed here"},
		{`{}`, `{"a":[{}]}`, ""},
		{`{}`, `1e1001`, "has a number that is too large or too long to be checked, at byte 0"},
		{`{}`, ``, "is not JSON, at byte 0"},
		{`{}`, strings.Repeat("[", 600) + strings.Repeat("]", 600), "nests deeper than 512"},
	} {
		if d := cmp.Diff(tt.want, told(compile(t, tt.schema).Check([]byte(tt.value)))); d != "" {
			t.Errorf("%s\n%.200s -want +got\n%s", tt.schema, tt.value, d)
		}
	}
}

// TestNoSchema refuses schemas that cannot be used, and says why.
func TestNoSchema(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"strin"}`:                       "/type fits none of 2 alternatives",
		`{"properties":1}`:                       "/properties is number, not object",
		`{"$ref":"https://example.com"}`:         "https://example.com",
		`{"$ref":"file:///etc/passwd"}`:          "file:///etc/passwd",
		`{"$ref":"/etc/passwd"}`:                 "passwd",
		`{"$ref":"#/nowhere"}`:                   "nowhere",
		`{"$schema":"https://example.com/mine"}`: "example.com/mine",
		`{"$defs":{"a":{"$dynamicAnchor":"x"}}}`: "$dynamicAnchor",
		`{"multipleOf":0}`:                       "/multipleOf is not more than 0",
		`{"maximum":1e9999999}`:                  "a number that is too large",
		`[]`:                                     "is array, not boolean or object",
		`{"a":`:                                  "is not JSON",
		`{"enum":["` + strings.Repeat("x", 300_000) + `"]}`:              "has 300013 bytes",
		strings.Repeat(`{"not":`, 101) + `{}` + strings.Repeat(`}`, 101): "nests deeper than 100",
		`{"allOf":[` + strings.Repeat(`{"a":1},`, 4001) + `{}]}`:         "more than 4000 objects",
	} {
		s, err := guard.Compile([]byte(schema))
		if s != nil || err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 500 {
			t.Errorf("%.100s: %v, want %q", schema, err, want)
		}
		if faults := s.Check([]byte("1")); faults != nil {
			t.Errorf("%.100s has the faults %v", schema, faults)
		}
	}
}

// TestUnchecked names the patterns that are not checked.
func TestUnchecked(t *testing.T) {
	t.Parallel()
	s := compile(t, `{"properties":{"a":{"pattern":"(?=x)"},"b":{"pattern":"(?=x)"},"c":{"pattern":"^x$"},"d":{"pattern":"((((a{0,30}){0,30})b{0,30})c{0,900}){0,9}"}}}`)
	got := strings.Join(s.Unchecked(), "\n")
	if len(s.Unchecked()) != 2 || !strings.Contains(got, "the pattern (?=x): ") || !strings.Contains(got, "a{0,30}") {
		t.Errorf("unchecked:\n%s", got)
	}
}

// TestErrors has what clients are told.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := compile(t, `{"type":"object","required":["q"],"additionalProperties":false,"properties":{"q":{"type":"string"}}}`)
	e := s.Arguments([]byte(`{"q":1,"p":2}`))
	if e == nil || e.Code != mcp.CodeInvalidParams || e.Reason != mcp.InvalidArguments ||
		e.Message != "the arguments do not fit the tool's inputSchema: /p is not known here (the first of 2 faults)" ||
		string(e.Data) != `{"errors":[{"pointer":"/p","message":"is not known here"},{"pointer":"/q","message":"is number, not string"}]}` {
		t.Errorf("%+v, data %s", e, e.Data)
	}
	if e := s.Arguments(nil); e == nil || string(e.Data) != `{"errors":[{"pointer":"/q","message":"is missing"}]}` {
		t.Errorf("without arguments: %+v", e)
	}
	if e := s.Structured([]byte(`{"q":1}`)); e == nil || e.Code != mcp.CodeInternal || e.Reason != mcp.Upstream ||
		e.Message != "the tool's result does not fit its outputSchema: /q is number, not string" {
		t.Errorf("a result: %+v", e)
	}
	if e := s.Arguments([]byte(`{"q":"x"}`)); e != nil {
		t.Errorf("what fits: %+v", e)
	}
	var none *guard.Schema
	if e := none.Arguments([]byte(`1`)); e != nil {
		t.Errorf("without a schema: %+v", e)
	}
	long := strings.Repeat("이", 1000)
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf(`"%s%04d":1`, long[:300], i)
	}
	e = s.Arguments([]byte("{" + strings.Join(many, ",") + "}"))
	var data struct{ Errors []guard.Fault }
	if err := json.Unmarshal(e.Data, &data); err != nil || len(data.Errors) != 20 || len(e.Data) > 20_000 || !strings.Contains(e.Message, "of 5001 faults") {
		t.Errorf("%d faults, %d bytes, %s, %v", len(data.Errors), len(e.Data), e.Message, err)
	}
}

// hostile are schemas that would take forever, and values for them.
func hostile() map[string][2]string {
	double := func(of, last string) string { // 2^60 ways to the last
		var defs []string
		for i := range 60 {
			defs = append(defs, fmt.Sprintf(`"d%d":%s`, i, strings.ReplaceAll(of, "NEXT", fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1))))
		}
		return `{"$defs":{` + strings.Join(defs, ",") + `,"d60":` + last + `},"$ref":"#/$defs/d0"}`
	}
	deep := strings.Repeat(`{"ab":`, 60) + "1" + strings.Repeat("}", 60)
	var enum []string
	for i := range 20_000 {
		enum = append(enum, fmt.Sprintf("%d.5", i))
	}
	numbers := "[" + strings.Repeat("1e999,", 50_000) + "1]"
	return map[string][2]string{
		"allOf":             {double(`{"allOf":[NEXT,NEXT]}`, `{"type":"string"}`), `"x"`},
		"anyOf":             {double(`{"anyOf":[NEXT,NEXT]}`, `{"type":"string"}`), `1`},
		"not":               {strings.TrimSuffix(double(`{"dependentSchemas":{"a":NEXT,"b":NEXT}}`, `false`), `"$ref":"#/$defs/d0"}`) + `"not":{"$ref":"#/$defs/d0"}}`, `{"a":1,"b":1}`},
		"dependentSchemas":  {double(`{"dependentSchemas":{"a":NEXT,"b":NEXT}}`, `false`), `{"a":1,"b":1}`},
		"oneOf":             {double(`{"oneOf":[NEXT,NEXT]}`, `true`), `1`},
		"patternProperties": {double(`{"patternProperties":{"a":NEXT,"b":NEXT}}`, `{"type":"string"}`), deep},
		"if":                {double(`{"if":NEXT,"then":NEXT,"else":NEXT}`, `{"type":"string"}`), `1`},
		"unevaluated":       {double(`{"allOf":[NEXT,NEXT],"unevaluatedProperties":true}`, `{"properties":{"a":true}}`), `{"a":1}`},
		"itself":            {`{"$ref":"#"}`, `1`},
		"itself twice":      {`{"anyOf":[{"$ref":"#"},{"allOf":[{"$ref":"#"}]}]}`, `1`},
		"enum":              {`{"items":{"enum":[` + strings.Join(enum, ",") + `]}}`, "[" + strings.Repeat("1.25,", 20_000) + "1]"},
		"unique":            {`{"uniqueItems":true,"allOf":[` + strings.Repeat(`{"uniqueItems":true},`, 1000) + `true]}`, numbers},
		"numbers":           {`{"items":{"multipleOf":1e-999,"minimum":3e-998,"maximum":1e1000}}`, numbers},
		"pattern":           {`{"items":{"pattern":"(x+x+)+y.{0,500}z$"}}`, "[" + strings.Repeat(`"`+strings.Repeat("x", 1000)+`",`, 3000) + "1]"},
		"faults":            {`{"items":false}`, "[" + strings.Repeat("1,", 200_000) + "1]"},
		"true":              {`{"allOf":[` + strings.Repeat(`{"items":true},`, 1000) + `true]}`, "[" + strings.Repeat("1,", 50_000) + "1]"},
		"names":             {`{"allOf":[` + strings.Repeat(`{"propertyNames":{"maxLength":3}},`, 1500) + `true]}`, deep},
		"chain":             {chain(1000), `1`},
	}
}

// chain is a schema in which each part refers to the next, the last of them to itself in two ways.
func chain(n int) string {
	var defs []string
	for i := range n {
		defs = append(defs, fmt.Sprintf(`"d%d":{"$ref":"#/$defs/d%d"}`, i, i+1))
	}
	return `{"$defs":{` + strings.Join(defs, ",") + fmt.Sprintf(`,"d%d":{"anyOf":[{"type":"string"},{"type":"null"}]}},"anyOf":[`, n) +
		strings.Repeat(`{"$ref":"#/$defs/d0"},`, 50) + `false]}`
}

// TestHostile ends checks that would take forever.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, of := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s, err := guard.Compile([]byte(of[0]))
			compiled := time.Since(began)
			faults := s.Check([]byte(of[1]))
			took := time.Since(began)
			t.Logf("%v to compile (%v), %v in all: %.300s", compiled, err, took, told(faults))
			if took > 20*time.Second {
				t.Errorf("it takes %v, of that %v to compile", took, compiled)
			}
			if err == nil {
				if ok := s.Check([]byte(`{"q":1}`)); len(ok) > 20 {
					t.Error("it is not itself any more")
				}
			}
		})
	}
}

// TestAtOnce checks values of one schema from many goroutines.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	var cache guard.Cache
	schemas := make([]string, 20)
	for i := range schemas {
		schemas[i] = fmt.Sprintf(`{"type":"object","properties":{"a":{"maximum":%d}}}`, i)
	}
	var busy sync.WaitGroup
	for i := range 16 {
		busy.Go(func() {
			for j := range 200 {
				s, err := cache.Compile([]byte(schemas[j%len(schemas)]))
				if err != nil {
					t.Error(err)
					return
				}
				if got := len(s.Check(fmt.Appendf(nil, `{"a":%d}`, i))) > 0; got != (i > j%len(schemas)) {
					t.Errorf("%d against %d: %t", i, j%len(schemas), got)
				}
			}
		})
	}
	busy.Wait()
}

// TestCache keeps what was used last, also that a schema is none.
func TestCache(t *testing.T) {
	t.Parallel()
	var cache guard.Cache
	kept, err := cache.Compile([]byte(`{"type":"string"}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		if _, err := cache.Compile(fmt.Appendf(nil, `{"type":%d}`, i)); err == nil {
			t.Fatal("it is no schema")
		}
		if i%500 == 0 {
			if s, _ := cache.Compile([]byte(`{"type":"string"}`)); s != kept {
				t.Fatal("it is compiled again")
			}
		}
	}
	for i := range 2001 {
		_, _ = cache.Compile(fmt.Appendf(nil, `{"type":%d}`, i))
	}
	if s, _ := cache.Compile([]byte(`{"type":"string"}`)); s == kept {
		t.Error("it is kept forever")
	}
}

const (
	searchSchema = `{"type":"object","required":["query"],"additionalProperties":false,"properties":{"query":{"type":"string","minLength":1,"maxLength":1000},` +
		`"root":{"type":"string","pattern":"^[a-z0-9-]+$"},"limit":{"type":"integer","minimum":1,"maximum":1000},"kind":{"enum":["text","regexp","symbol"]},` +
		`"globs":{"type":"array","items":{"type":"string"},"maxItems":20},"options":{"type":"object","properties":{"case":{"type":"boolean"},"context":{"type":"integer"}}}}}`
	searchArguments = `{"query":"where are the sessions of the legacy era sealed, and by which key? and how long is such a key good, who makes the next one?",` +
		`"root":"sumun-main-checkout","limit":100,"kind":"text","globs":["internal/session/*.go","internal/store/*.go","docs/**/*.md","DESIGN.md"],` +
		`"options":{"case":false,"context":3,"unknown":["fields","are","welcome","here"],"more":{"and":"some more text to make it four hundred"}}}`
)

func BenchmarkCheck(b *testing.B) {
	s := compile(b, searchSchema)
	b.SetBytes(int64(len(searchArguments)))
	b.ReportAllocs()
	for b.Loop() {
		if faults := s.Check([]byte(searchArguments)); faults != nil {
			b.Fatal(faults)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		compile(b, searchSchema)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(searchSchema, searchArguments)
	f.Add(`{"$defs":{"n":{"anyOf":[{"$ref":"#/$defs/n"},{"items":{"$ref":"#/$defs/n"}},{"not":{"$ref":"#"}}]}},"allOf":[{"$ref":"#/$defs/n"}]}`, `[[1],[[2]]]`)
	f.Add(`{"$schema":"http://json-schema.org/draft-04/schema#","id":"x","minimum":1,"exclusiveMinimum":true}`, `1`)
	f.Add(`{"$id":"https://a/b","$anchor":"c","$ref":"#c","patternProperties":{"(?=":false}}`, `{"a":[1e5,"\ud83d"]}`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		s, err := guard.Compile([]byte(schema))
		if (s == nil) == (err == nil) {
			t.Errorf("%q: %v", schema, err)
		}
		faults := s.Check([]byte(value))
		again := s.Check([]byte(value))
		if d := cmp.Diff(told(faults), told(again)); d != "" {
			t.Errorf("%q of %q differs:\n%s", schema, value, d)
		}
		if !json.Valid([]byte(value)) && s != nil && json.Valid([]byte(schema)) && len(faults) == 0 {
			t.Logf("%q passes", value) // values are scanned before
		}
	})
}
