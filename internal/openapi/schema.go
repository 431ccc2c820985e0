package openapi

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A converter makes schemas of a document those of one tool: plain JSON Schema (2020-12) that stands for itself. What is referred to
// comes along under $defs, each once, so that schemas that refer to themselves stay finite.
type converter struct {
	spec    *spec
	input   bool // for what is sent: without what is read only. Else for what is answered: without what is write only
	defs    map[string]any
	names   map[string]string // by reference: its name in defs
	pending []string          // references that are named but not converted
	err     error             // the first
}

func (s *spec) converter(input bool) *converter {
	return &converter{spec: s, input: input, defs: map[string]any{}, names: map[string]string{}}
}

// maxDefs is how many schemas a tool may refer to.
const maxDefs = 500

// finish converts what is referred to and puts it into root.
func (c *converter) finish(root map[string]any) (json.RawMessage, error) {
	for len(c.pending) > 0 && c.err == nil {
		ref := c.pending[0]
		c.pending = c.pending[1:]
		v, err := c.spec.at(ref)
		if err != nil {
			return nil, err
		}
		c.defs[c.names[ref]] = c.schema(v)
	}
	if c.err != nil {
		return nil, c.err
	}
	if len(c.defs) > 0 {
		root["$defs"] = c.defs
	}
	return json.Marshal(root)
}

// The keywords that hold schemas, and those that go no further: what only OpenAPI knows, and what names a schema for references, which are
// all made anew.
var (
	oneSchema   = []string{"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
	manySchemas = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	byName      = []string{"properties", "patternProperties", "dependentSchemas"}
	dropped     = []string{
		"nullable", "discriminator", "xml", "externalDocs", "example", "readOnly", "writeOnly", "$ref",
		"$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$defs", "definitions", "$vocabulary",
	}
)

// schema returns a schema converted.
func (c *converter) schema(v any) any {
	from, ok := v.(map[string]any)
	if !ok {
		if b, ok := v.(bool); ok {
			return b
		}
		return map[string]any{}
	}
	out := map[string]any{}
	if ref, ok := from["$ref"].(string); ok {
		out["$ref"] = "#/$defs/" + c.def(ref)
		if c.spec.old {
			return out // in 3.0 nothing beside a reference counts
		}
	}
	for key, value := range from {
		switch {
		case slices.Contains(dropped, key), strings.HasPrefix(key, "x-"):
		case slices.Contains(oneSchema, key):
			out[key] = c.schema(value)
		case slices.Contains(manySchemas, key):
			all := []any{}
			for _, item := range list(value) {
				all = append(all, c.schema(item))
			}
			out[key] = all
		case slices.Contains(byName, key):
			out[key] = c.named(object(value))
		case key == "pattern" && !usable(value):
		default:
			out[key] = value
		}
	}
	c.hide(from, out)
	if c.spec.old {
		return modernize(from, out)
	}
	return out
}

func (c *converter) named(from map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range from {
		out[name] = c.schema(v)
	}
	return out
}

// def returns the name of what a reference leads to in $defs.
func (c *converter) def(ref string) string {
	if name, ok := c.names[ref]; ok {
		return name
	}
	if _, err := c.spec.at(ref); err != nil && c.err == nil {
		c.err = err
	}
	if len(c.names) >= maxDefs && c.err == nil {
		c.err = errors.New("its schemas refer to more than " + strconv.Itoa(maxDefs) + " others")
	}
	wanted := legal(ref[strings.LastIndexByte(ref, '/')+1:])
	name := wanted
	for i := 2; slices.Contains(slices.Collect(maps.Values(c.names)), name); i++ {
		name = wanted + "_" + strconv.Itoa(i)
	}
	c.names[ref] = name
	c.pending = append(c.pending, ref)
	return name
}

// hide leaves out the properties that are not of this direction.
func (c *converter) hide(from, out map[string]any) {
	properties := object(out["properties"])
	required := slices.Clone(list(out["required"]))
	word := "writeOnly"
	if c.input {
		word = "readOnly"
	}
	for name, v := range object(from["properties"]) {
		property, err := c.spec.resolve(v)
		if err != nil || !flag(property[word], false) {
			continue
		}
		delete(properties, name)
		required = slices.DeleteFunc(required, func(r any) bool { return r == name })
	}
	if len(required) > 0 {
		out["required"] = required
	} else {
		delete(out, "required")
	}
}

// usable reports whether a pattern is a regular expression that can be used here: some of JavaScript's cannot.
func usable(pattern any) bool {
	_, err := regexp.Compile(text(pattern))
	return err == nil
}

// modernize turns what OpenAPI 3.0 has its own way into JSON Schema.
func modernize(from, out map[string]any) map[string]any {
	for limit, exclusive := range map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"} {
		strict, isBool := from[exclusive].(bool)
		if !isBool {
			continue
		}
		delete(out, exclusive)
		if bound, ok := out[limit]; ok && strict {
			out[exclusive] = bound
			delete(out, limit)
		}
	}
	if flag(from["nullable"], false) {
		return orNull(out)
	}
	return out
}

// orNull lets a schema have null too. Where it says so of a reference (which in 3.0 stands in an allOf) or of alternatives, null is one
// more of them: 3.0 wants a type beside nullable, but most documents are written without.
func orNull(out map[string]any) map[string]any {
	if kind, ok := out["type"].(string); ok {
		out["type"] = []any{kind, "null"}
	}
	if enum, ok := out["enum"].([]any); ok && !slices.Contains(enum, nil) {
		out["enum"] = append(slices.Clone(enum), nil)
	}
	if !slices.ContainsFunc(manySchemas, func(key string) bool { return out[key] != nil }) {
		return out
	}
	wide := map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
	for _, key := range []string{"title", "description", "default", "deprecated"} {
		if value, ok := out[key]; ok {
			wide[key] = value
			delete(out, key)
		}
	}
	return wide
}
