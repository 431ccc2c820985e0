package declared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Schema is the JSON Schema (2020-12 unless it says otherwise) of a tool's arguments. It may be used concurrently.
type Schema struct {
	raw        json.RawMessage
	compiled   *jsonschema.Schema
	properties map[string]json.RawMessage
	defaults   Arguments
}

// longest is how many characters an argument may have whose schema nobody wrote.
const longest = 4096

// Infer returns the schema of arguments that are texts, all of which must be given, and nothing else.
func Infer(names []string) json.RawMessage {
	properties := map[string]any{}
	for _, name := range names {
		properties[name] = map[string]any{"type": "string", "maxLength": longest}
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(names) > 0 {
		schema["required"] = names
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		panic(fmt.Sprintf("declared: encoding a schema: %v", err)) // maps and texts always encode
	}
	return raw
}

// Compile reads a schema, whose type must be object. References to other documents are not followed.
func Compile(raw json.RawMessage) (*Schema, error) {
	compiled, err := compile(raw)
	if err != nil {
		return nil, err
	}
	s := &Schema{raw: raw, compiled: compiled, defaults: Arguments{}}
	var parts struct {
		Type       string                     `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil || parts.Type != "object" {
		return nil, errors.New("the schema is not that of an object; write type: object")
	}
	s.properties = parts.Properties
	for name, property := range s.properties {
		var p struct {
			Default json.RawMessage `json:"default"`
		}
		if json.Unmarshal(property, &p) == nil && len(p.Default) > 0 {
			s.defaults[name] = p.Default
		}
	}
	return s, nil
}

// compile reads a schema.
func compile(raw json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	const name = "tool:schema"
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is fetched
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	s, err := c.Compile(name)
	if whole, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		err = whole.Err
	}
	if fault, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return nil, errors.New("it is no JSON Schema: " + strings.Join(tell(fault.DetailedOutput()), "; "))
	}
	if err != nil {
		return nil, fmt.Errorf("the schema cannot be used: %w", err)
	}
	return s, nil
}

// compileOutput returns a schema of answers as JSON, if there is one and it can be used.
func compileOutput(schema any) (json.RawMessage, error) {
	if schema == nil {
		return nil, nil
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	_, err = compile(raw)
	return raw, err
}

// JSON returns the schema as it was written.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// Property returns the schema of one argument.
func (s *Schema) Property(name string) (schema json.RawMessage, ok bool) {
	schema, ok = s.properties[name]
	return schema, ok
}

// Read reads the arguments of a call, with the defaults of those that are not given, and holds them against the schema. An error tells
// everything that does not fit, each with its place as a JSON Pointer.
func (s *Schema) Read(raw json.RawMessage) (Arguments, error) {
	args := Arguments{}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &args); err != nil || args == nil {
			return nil, fmt.Errorf("the arguments are not a JSON object; give %s", s.known())
		}
	}
	for name, value := range s.defaults {
		if _, given := args[name]; !given {
			args[name] = value
		}
	}
	value := map[string]any{}
	for name, arg := range args {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(arg))
		if err != nil {
			return nil, fmt.Errorf("reading the argument %q: %w", name, err)
		}
		if huge(v) {
			return nil, fmt.Errorf("the argument %q has a number that is too large or too long to be checked", name)
		}
		value[name] = v
	}
	err := s.compiled.Validate(value)
	if fault, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return nil, errors.New("the arguments do not fit: " + strings.Join(tell(fault.BasicOutput()), "; "))
	}
	return args, err
}

// huge reports whether there is a number in v with which to compute would take long: it is done exactly.
func huge(v any) bool {
	const longest = 1000 // of a number as it is written, and the largest exponent
	switch v := v.(type) {
	case json.Number:
		exponent := 0
		if i := strings.IndexAny(string(v), "eE"); i >= 0 {
			var err error
			if exponent, err = strconv.Atoi(string(v[i+1:])); err != nil {
				return true
			}
		}
		return len(v) > longest || exponent > longest || exponent < -longest
	case []any:
		return slices.ContainsFunc(v, huge)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), huge)
	}
	return false
}

// known lists the arguments that there are.
func (s *Schema) known() string {
	if len(s.properties) == 0 {
		return "{}"
	}
	return strings.Join(slices.Sorted(maps.Keys(s.properties)), ", ")
}

// mostFaults is how many faults are told.
const mostFaults = 20

// tell returns the first faults below a unit of output, each once.
func tell(unit *jsonschema.OutputUnit) []string {
	var faults []string
	if unit.Error != nil && len(unit.Errors) == 0 {
		place := unit.InstanceLocation
		if place == "" {
			place = "/"
		}
		faults = append(faults, place+": "+unit.Error.String())
	}
	for i := range unit.Errors {
		for _, fault := range tell(&unit.Errors[i]) {
			if len(faults) < mostFaults && !slices.Contains(faults, fault) {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}
