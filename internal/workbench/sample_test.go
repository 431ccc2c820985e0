package workbench

import (
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSample makes values that the schemas allow.
func TestSample(t *testing.T) {
	for _, text := range []string{
		`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer","minimum":5}},"required":["a","b"],"additionalProperties":false}`,
		`{"type":"object"}`, `{"type":"array","items":{"type":"number"},"minItems":3}`, `{"type":"string","minLength":20}`, `{"type":"string","maxLength":2}`,
		`{"type":"string","format":"date"}`, `{"enum":["x","y"]}`, `{"const":7}`, `{"type":["null","boolean"]}`, `{"anyOf":[{"type":"integer"},{"type":"string"}]}`,
		`{"type":"integer","maximum":-3}`, `{"type":"number","exclusiveMinimum":1}`, `{"type":"integer","multipleOf":7}`, `{"type":"integer","exclusiveMaximum":1}`,
		`{"type":"array","items":{"type":"string"},"minItems":0}`, `{"properties":{"a":{"default":[1]}},"required":["a"]}`,
	} {
		var schema any
		if err := json.Unmarshal([]byte(text), &schema); err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("s.json", schema); err != nil {
			t.Fatal(err)
		}
		compiled, err := c.Compile("s.json")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(Sample(schema))
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: the sample is %s: %v", text, raw, err)
		}
	}
}

// TestSampleEnds with a schema that stands in itself as deep as one may write it.
func TestSampleEnds(t *testing.T) {
	schema := map[string]any{"type": "object", "required": []any{"a"}}
	schema["properties"] = map[string]any{"a": schema}
	if _, err := json.Marshal(Sample(schema)); err != nil {
		t.Error(err)
	}
}
