// Package guard checks what goes into a tool and what comes out of it against the tool's schemas (JSON Schema 2020-12, or what the
// schema says it is). Schemas and values are by strangers: a check is bounded, and nothing is fetched.
//
// What is not checked: format, contentEncoding and contentMediaType, which 2020-12 does not assert, and patterns that Go's regular
// expressions do not have, such as look-ahead: [Schema.Unchecked] names them.
package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Bounds of a schema.
const (
	maxSchemaBytes = 256 << 10
	maxSchemaDepth = 100
	maxSchemaParts = 4000
)

// A Schema checks values. It may be used concurrently, and a nil one lets everything pass.
type Schema struct {
	document any
	// free are the instances that no check uses; more has an element for each that may be compiled yet.
	free chan *instance
	more chan struct{}
	// unchecked are the patterns that are not checked.
	unchecked []string
}

// Compile reads a schema, which has been scanned. The error says why it cannot be checked: it is no schema, it is beyond 256 KiB, 4,000
// objects or 100 levels, it refers to another document, or it has a $dynamicAnchor.
func Compile(schema []byte) (*Schema, error) {
	if len(schema) > maxSchemaBytes {
		return nil, fmt.Errorf("the schema has %d bytes, more than %d", len(schema), maxSchemaBytes)
	}
	document, err := decode(schema)
	if err != nil {
		return nil, fmt.Errorf("the schema %w", err)
	}
	var r review
	if err := r.look(document, 0); err != nil {
		return nil, err
	}
	first, err := compile(document)
	if err != nil {
		return nil, fmt.Errorf("the schema cannot be used: %s", shorter(reason(err)))
	}
	atOnce := runtime.GOMAXPROCS(0)
	s := &Schema{document: document, unchecked: first.unchecked, free: make(chan *instance, atOnce), more: make(chan struct{}, atOnce)}
	s.free <- first
	for range atOnce - 1 {
		s.more <- struct{}{}
	}
	return s, nil
}

// reason returns the words for why a schema is not one.
func reason(err error) string {
	var c collector
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if faults, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			c.collect(faults)
		}
	}
	if len(c.faults) > 0 {
		return strings.TrimSpace(c.faults[0].Pointer + " " + c.faults[0].Message)
	}
	return strings.ReplaceAll(err.Error(), location, "")
}

// Unchecked returns what of the schema is not checked, in words for the log.
func (s *Schema) Unchecked() []string {
	if s == nil {
		return nil
	}
	return s.unchecked
}

// Check returns what a value, which has been scanned, has wrong: at most 20 faults, in the order of their places. Numbers are compared as
// they are written. When checking takes too long, that is a fault.
func (s *Schema) Check(value []byte) []Fault {
	faults, _ := s.check(value)
	return faults
}

// check is Check, and returns how many faults there are in all.
func (s *Schema) check(value []byte) (faults []Fault, all int) {
	if s == nil {
		return nil, 0
	}
	v, err := decode(value)
	if err != nil {
		return []Fault{{"", err.Error()}}, 1
	}
	in, err := s.take()
	if err != nil {
		return []Fault{{"", "cannot be checked: " + shorter(err.Error())}}, 1
	}
	defer func() { s.free <- in }()
	invalid, err := in.validate(v, len(value))
	switch {
	case err != nil:
		return []Fault{{"", err.Error()}}, 1
	case invalid == nil:
		return nil, 0
	}
	var c collector
	c.collect(invalid)
	slices.SortStableFunc(c.faults, func(a, b Fault) int { return strings.Compare(a.Pointer, b.Pointer) })
	return c.faults[:min(len(c.faults), maxFaults)], c.all
}

// take returns an instance that nobody uses. When there is none and no more may be, it waits: a check is bounded.
func (s *Schema) take() (*instance, error) {
	select {
	case in := <-s.free:
		return in, nil
	default:
	}
	select {
	case in := <-s.free:
		return in, nil
	case <-s.more:
	}
	in, err := compile(s.document)
	if err != nil { // it was compiled before
		s.more <- struct{}{}
	}
	return in, err
}

// validate checks a value. The error says why it could not.
func (in *instance) validate(v any, bytes int) (invalid *jsonschema.ValidationError, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exhausted:
			err = errors.New("takes too long to check against the schema")
		default: // what strangers write must not end the gateway
			err = fmt.Errorf("cannot be checked: %v", r)
		}
	}()
	in.meter.start(bytes)
	if in.quick != nil && in.quick.fits(v) {
		return nil, nil
	}
	in.meter.start(bytes)
	invalid, _ = errors.AsType[*jsonschema.ValidationError](in.root.Validate(v))
	return invalid, nil
}

// Arguments checks the arguments of a call; absent ones are an empty object. The error, nil if they fit, is one for the client.
func (s *Schema) Arguments(arguments []byte) *mcp.Error {
	if len(arguments) == 0 {
		arguments = []byte("{}")
	}
	return s.refuse(arguments, mcp.CodeInvalidParams, mcp.InvalidArguments, "the arguments do not fit the tool's inputSchema")
}

// Structured checks the structuredContent of a result. The error, nil if it fits, is one for the client.
func (s *Schema) Structured(content []byte) *mcp.Error {
	return s.refuse(content, mcp.CodeInternal, mcp.Upstream, "the tool's result does not fit its outputSchema")
}

func (s *Schema) refuse(value []byte, code int, reason mcp.Reason, what string) *mcp.Error {
	faults, all := s.check(value)
	if all == 0 {
		return nil
	}
	return refusal(code, reason, what, faults, all)
}

// refusal is the error that names the first faults of all.
func refusal(code int, reason mcp.Reason, what string, faults []Fault, all int) *mcp.Error {
	e := mcp.Errorf(code, reason, "%s: %s", what, strings.TrimSpace(faults[0].Pointer+" "+faults[0].Message))
	if all > 1 {
		e.Message += fmt.Sprintf(" (the first of %d faults)", all)
	}
	data, err := json.Marshal(map[string][]Fault{"errors": faults})
	if err == nil {
		e.Data = data
	}
	return e
}

// A review looks a schema over before it is compiled.
type review struct{ parts int }

// counts are the keywords that count. Who writes one beyond what can be counted means no bound.
var counts = []string{
	"maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties",
}

// look returns why a part of a schema cannot be compiled, and bounds what counts.
func (r *review) look(v any, depth int) error {
	if depth > maxSchemaDepth {
		return fmt.Errorf("the schema nests deeper than %d", maxSchemaDepth)
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := r.look(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if r.parts++; r.parts > maxSchemaParts {
			return fmt.Errorf("the schema has more than %d objects", maxSchemaParts)
		}
		if _, dynamic := v["$dynamicAnchor"].(string); dynamic {
			return errors.New("the schema has a $dynamicAnchor, which is not checked")
		}
		return r.members(v, depth)
	}
	return nil
}

func (r *review) members(object map[string]any, depth int) error {
	for name, v := range object {
		if n, ok := v.(json.Number); ok {
			const most = 10 // digits of what an int holds on every machine
			if digits, exponent, _ := decimal(string(n)); exponent >= most && digits != "" && n[0] != '-' {
				if _, counted := slices.BinarySearch(counts, name); counted {
					object[name] = json.Number("2147483647")
				}
			}
			continue
		}
		if err := r.look(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}
