// Package value writes Go values as JSON, and reads them, for package client.
package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Encode writes a value as JSON, and leaves what is JSON already as it is.
func Encode(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, checker.Value(raw)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// checker checks JSON that callers bring. It is immutable.
var checker = wire.NewScanner(wire.Vocabulary{}, 0)

// Object writes a value that must be a JSON object; nil is the empty one.
func Object(what string, v any) ([]byte, error) {
	raw, err := Encode(v)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", what, err)
	}
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) > 0 && raw[0] == '{':
		return raw, nil
	case string(raw) == "null":
		return []byte("{}"), nil
	}
	return nil, fmt.Errorf("%s must be a JSON object: a map, a struct, or a json.RawMessage of one", what)
}

// Decode reads JSON into v. Numbers of no certain type become json.Number, so that none is rounded.
func Decode(raw []byte, v any) error {
	if len(raw) == 0 {
		return errors.New("there is no value")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v)
}

// Text returns a string member of an object, empty where it has none.
func Text(object []byte, member string) string {
	s, _ := wire.Unquote(wire.Get(object, member))
	return s
}

// Truth reports whether a member of an object is true.
func Truth(object []byte, member string) bool { return string(wire.Get(object, member)) == "true" }

// Elements returns the elements of an array that is a member of an object.
func Elements(object []byte, member string) []json.RawMessage {
	var all []json.RawMessage
	for one := range wire.Elements(wire.Get(object, member)) {
		all = append(all, one)
	}
	return all
}
