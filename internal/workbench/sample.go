package workbench

import (
	"math"
	"slices"
	"strings"
)

// deepest is how deep a sample goes; schemas may stand in themselves.
const deepest = 8

// Sample returns a value that a JSON Schema allows, as far as its plain keywords tell: what is required, with what the author gives as an
// example where there is one.
func Sample(schema any) any { return sample(schema, 0) }

func sample(schema any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth > deepest {
		return nil
	}
	for _, given := range []string{"const", "default"} {
		if v, ok := s[given]; ok {
			return v
		}
	}
	for _, list := range []string{"examples", "enum"} {
		if all, ok := s[list].([]any); ok && len(all) > 0 {
			return all[0]
		}
	}
	for _, choice := range []string{"oneOf", "anyOf", "allOf"} {
		if all, ok := s[choice].([]any); ok && len(all) > 0 && s["type"] == nil {
			return sample(all[0], depth+1)
		}
	}
	switch typeOf(s) {
	case "object":
		return object(s, depth)
	case "array":
		return array(s, depth)
	case "string":
		return text(s)
	case "integer", "number":
		return number(s)
	case "boolean":
		return true
	}
	return nil
}

// typeOf is the type of a schema, the first one that is not null.
func typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok && name != "null" {
				return name
			}
		}
	}
	if s["properties"] != nil {
		return "object"
	}
	return ""
}

// object has what is required.
func object(s map[string]any, depth int) any {
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	all := map[string]any{}
	for _, name := range required {
		if name, ok := name.(string); ok {
			all[name] = sample(properties[name], depth+1)
		}
	}
	return all
}

// array has as many elements as it must, and one where it may have none.
func array(s map[string]any, depth int) any {
	least, ok := s["minItems"].(float64)
	if !ok {
		least = 1
	}
	return slices.Repeat([]any{sample(s["items"], depth+1)}, int(min(max(least, 0), 100)))
}

// formats are texts of the formats that have names.
var formats = map[string]string{
	"date-time": "1999-12-31T03:04:05Z", "date": "1999-12-31", "time": "03:04:05Z", "email": "ann@example.com", "uri": "https://example.com/",
	"hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "00000000-0000-4000-8000-000000000000", "duration": "PT1M",
}

func text(s map[string]any) any {
	format, _ := s["format"].(string)
	if t, ok := formats[format]; ok {
		return t
	}
	t := "example"
	if least, ok := s["minLength"].(float64); ok && float64(len(t)) < least {
		t = strings.Repeat("x", int(min(least, 10_000)))
	}
	if most, ok := s["maxLength"].(float64); ok && float64(len(t)) > most {
		t = t[:int(max(most, 0))]
	}
	return t
}

// number is 1, or the one nearest to it that is allowed.
func number(s map[string]any) any {
	n := 1.0
	if least, ok := s["minimum"].(float64); ok {
		n = max(n, math.Ceil(least))
	}
	if least, ok := s["exclusiveMinimum"].(float64); ok {
		n = max(n, math.Floor(least)+1)
	}
	if most, ok := s["maximum"].(float64); ok {
		n = min(n, most)
	}
	if most, ok := s["exclusiveMaximum"].(float64); ok && n >= most {
		n = math.Ceil(most) - 1
	}
	if of, ok := s["multipleOf"].(float64); ok && of > 0 {
		n = math.Ceil(n/of) * of
	}
	return n
}
