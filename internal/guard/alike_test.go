package guard_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sumun-mcp/sumun/internal/guard"
)

// TestAlike compares with package jsonschema alone, on random schemas and values.
func TestAlike(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	fit, compared := 0, 0
	for range 800 {
		schema, value := schemaOf(r, 2), valueOf(r, 3)
		plain, err := plainly(schema)
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		compared++
		want := plain.Validate(instance)
		if want == nil {
			fit++
		}
		s, err := guard.Compile([]byte(schema))
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		if got := s.Check([]byte(value)); (len(got) == 0) != (want == nil) {
			t.Fatalf("%s\nof %s: %s\nwant %v", schema, value, told(got), want)
		}
	}
	if fit < compared/10 || fit > compared*9/10 {
		t.Errorf("%d of %d fit: little is tested", fit, compared)
	}
}

func plainly(schema string) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(schema)))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("x:///s", document); err != nil {
		return nil, err
	}
	return c.Compile("x:///s")
}

func one(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// schemaOf returns a random schema.
func schemaOf(r *rand.Rand, depth int) string {
	sub := func() string {
		if depth == 0 {
			return one(r, "true", "true", "false", "{}", `{"type":"number"}`, `{"type":"string"}`, one(r, "true", `{"type":"array"}`, `{"$ref":"#"}`))
		}
		return schemaOf(r, depth-1)
	}
	number := func() string { return one(r, "0", "1", "1.5", "-2", "3", "10e-1", "0.5", "9007199254740993") }
	var keywords []string
	names := r.Perm(26)
	for _, k := range names[:1+r.IntN(3)] {
		switch k {
		case 0, 1:
			keywords = append(keywords, `"type":`+one(r, `"object"`, `"array"`, `"string"`, `"number"`, `"integer"`, `["object","integer"]`, `["null","array","string"]`))
		case 2:
			keywords = append(keywords, `"enum":[`+valueOf(r, 1)+","+valueOf(r, 1)+","+valueOf(r, 0)+"]")
		case 3:
			keywords = append(keywords, `"const":`+valueOf(r, 1))
		case 4:
			keywords = append(keywords, `"minimum":`+number(), `"maximum":`+number())
		case 5:
			keywords = append(keywords, `"exclusiveMinimum":`+number())
		case 6:
			keywords = append(keywords, `"exclusiveMaximum":`+number())
		case 7:
			keywords = append(keywords, `"multipleOf":`+one(r, "0.5", "1", "3"))
		case 8:
			keywords = append(keywords, fmt.Sprintf(`"minLength":%d,"maxLength":%d`, r.IntN(3), 1+r.IntN(3)))
		case 9:
			keywords = append(keywords, `"pattern":`+one(r, `"^a"`, `"b$"`, `"가|b"`))
		case 10, 11, 12:
			keywords = append(keywords, `"properties":{"a":`+sub()+`,"b":`+sub()+`}`)
		case 13:
			keywords = append(keywords, `"required":["a"]`)
		case 14:
			keywords = append(keywords, `"additionalProperties":`+sub())
		case 15:
			keywords = append(keywords, `"patternProperties":{"a|c":`+sub()+`}`)
		case 16:
			keywords = append(keywords, `"propertyNames":`+sub())
		case 17:
			keywords = append(keywords, `"items":`+sub())
		case 18:
			keywords = append(keywords, `"prefixItems":[`+sub()+`]`, `"uniqueItems":true`)
		case 19:
			keywords = append(keywords, `"contains":`+sub())
		case 20:
			keywords = append(keywords, `"allOf":[`+sub()+","+sub()+"]")
		case 21:
			keywords = append(keywords, `"anyOf":[`+sub()+","+sub()+"]")
		case 22:
			keywords = append(keywords, `"oneOf":[`+sub()+","+sub()+"]")
		case 23:
			keywords = append(keywords, `"not":`+sub())
		case 24:
			keywords = append(keywords, `"if":`+sub(), `"then":`+sub(), `"else":`+sub())
		case 25:
			keywords = append(keywords, one(r, `"unevaluatedProperties":`, `"unevaluatedItems":`)+sub())
		}
	}
	return "{" + strings.Join(keywords, ",") + "}"
}

// valueOf returns a random value.
func valueOf(r *rand.Rand, depth int) string {
	kinds := 9
	if depth == 0 {
		kinds = 5
	}
	switch r.IntN(kinds) {
	case 0:
		return one(r, "null", "true", "false")
	case 1, 2:
		return one(r, "0", "-0", "1", "1.0", "10e-1", "2", "-2", "1.5", "0.50", "3", "9007199254740993", "9007199254740992", "1e2")
	case 3, 4:
		return one(r, `""`, `"a"`, `"ab"`, `"\u0061b"`, `"가나"`, `"bb"`, `"1"`)
	case 5, 6:
		var all []string
		for range r.IntN(4) {
			all = append(all, valueOf(r, depth-1))
		}
		return "[" + strings.Join(all, ",") + "]"
	default:
		var all []string
		for _, name := range []string{"a", "b", "ac", "가"} {
			if r.IntN(2) == 0 {
				all = append(all, `"`+name+`":`+valueOf(r, depth-1))
			}
		}
		return "{" + strings.Join(all, ",") + "}"
	}
}
