package probe

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// random returns letters that nobody has said before, such as a word could have.
func random(n int) string {
	const vowels, consonants = "aeiou", "bdfgklmnprstvz"
	word := make([]byte, n)
	for i := range word {
		from := consonants
		if i%2 == 1 {
			from = vowels
		}
		word[i] = from[rand.IntN(len(from))] //nolint:gosec // it is to be new, not secret
	}
	return string(word)
}

// unknownTool returns the name of a tool that there is not.
func unknownTool() string { return "no_such_tool_" + random(8) }

const (
	// deep is how deep objects within arguments are made up.
	deep = 6
	// mostChoices is how many values of an enumeration are tried.
	mostChoices = 8
)

// A forger makes arguments up as a schema wants them. Every text in them is new.
type forger struct {
	root   []byte // the schema as a whole, for references
	turn   int    // which value of enumerations is taken
	texts  int    // how many new texts stand in the arguments
	failed bool   // something is asked for that cannot be made up
}

// arguments returns arguments for a schema, made up, and whether that can be done; turn chooses among values that are listed.
func arguments(schema []byte, turn int) (json.RawMessage, bool) {
	f := &forger{root: schema, turn: turn}
	value := f.object(schema, deep)
	if f.failed {
		return nil, false
	}
	text, err := json.Marshal(value)
	return text, err == nil
}

// choices returns how many values the longest enumeration has that arguments would take from, at most mostChoices; 1 if there is none.
func choices(schema []byte) int {
	n := 1
	for _, property := range wire.Members(wire.Get(schema, "properties")) {
		listed := 0
		for range wire.Elements(wire.Get(property, "enum")) {
			listed++
		}
		n = max(n, listed)
	}
	return min(n, mostChoices)
}

// object makes up what is required, what is listed, and, where no text is required, the texts that are not.
func (f *forger) object(schema []byte, depth int) map[string]any {
	object := map[string]any{}
	required := map[string]bool{}
	for name := range wire.Elements(wire.Get(schema, "required")) {
		text, _ := wire.Unquote(name)
		required[text] = true
	}
	before := f.texts
	properties := wire.Get(schema, "properties")
	for _, wanted := range []bool{true, false} {
		for key, property := range wire.Members(properties) {
			name, _ := wire.Unquote(slices.Concat([]byte{'"'}, key, []byte{'"'}))
			optional := wire.Get(property, "enum") != nil || f.texts == before && f.isText(property)
			if required[name] == wanted && (wanted || optional) {
				object[name] = f.value(name, property, depth-1)
				delete(required, name)
			}
		}
	}
	for name := range required {
		if _, ok := object[name]; !ok {
			object[name] = f.text(name, nil)
		}
	}
	return object
}

func (f *forger) isText(schema []byte) bool { return kind(f.resolve(schema)) == "string" }

// resolve follows a reference into the schema itself, once or a few times.
func (f *forger) resolve(schema []byte) []byte {
	for range 4 {
		to, ok := wire.Unquote(wire.Get(schema, "$ref"))
		if !ok {
			break
		}
		at := f.root
		for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(to, "#"), "/"), "/") {
			if part != "" {
				at = wire.Get(at, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
			}
		}
		schema = at
	}
	for _, among := range []string{"anyOf", "oneOf", "allOf"} {
		for option := range wire.Elements(wire.Get(schema, among)) {
			if kind(option) != "null" {
				return option
			}
		}
	}
	return schema
}

// kind returns the type that a schema asks for, the first that is not null of several; string for none.
func kind(schema []byte) string {
	of := wire.Get(schema, "type")
	if text, ok := wire.Unquote(of); ok {
		return text
	}
	for one := range wire.Elements(of) {
		if text, ok := wire.Unquote(one); ok && text != "null" {
			return text
		}
	}
	if wire.Get(schema, "properties") != nil {
		return "object"
	}
	return "string"
}

// value makes a value up.
func (f *forger) value(name string, schema []byte, depth int) any {
	schema = f.resolve(schema)
	if depth < 0 {
		f.failed = true
		return nil
	}
	if fixed := wire.Get(schema, "const"); fixed != nil {
		return json.RawMessage(fixed)
	}
	if all := slices.Collect(wire.Elements(wire.Get(schema, "enum"))); len(all) > 0 {
		return json.RawMessage(all[f.turn%len(all)])
	}
	switch kind(schema) {
	case "integer", "number":
		return f.number(schema)
	case "boolean":
		return false
	case "null":
		return nil
	case "array":
		if least, ok := wire.ParseInt(wire.Get(schema, "minItems")); ok && least == 0 {
			return []any{}
		}
		return []any{f.value(name, wire.Get(schema, "items"), depth-1)}
	case "object":
		return f.object(schema, depth)
	}
	return f.text(name, schema)
}

// number returns a number within the bounds of a schema.
func (f *forger) number(schema []byte) any {
	low, high := int64(1), int64(20)
	if n, ok := wire.ParseInt(wire.Get(schema, "minimum")); ok {
		low = n
		high = max(high, low)
	}
	if n, ok := wire.ParseInt(wire.Get(schema, "maximum")); ok {
		high = n
		low = min(low, high)
	}
	return low + rand.Int64N(min(high-low, 1000)+1) //nolint:gosec // any will do
}

// text makes a text up: of the format that is asked for, or that its name speaks of, and under names that lead nowhere (RFC 2606).
func (f *forger) text(name string, schema []byte) string {
	f.texts++
	format, _ := wire.Unquote(wire.Get(schema, "format"))
	word := random(10)
	lower := strings.ToLower(name)
	now := time.Now().UTC()
	switch {
	case format == "uri" || format == "url" || strings.Contains(lower, "url") || strings.Contains(lower, "uri"):
		return "https://" + word + ".invalid/"
	case format == "email" || strings.Contains(lower, "email"):
		return word + "@example.invalid"
	case format == "date":
		return now.Format(time.DateOnly)
	case format == "date-time":
		return now.Format(time.RFC3339)
	case format == "time":
		return now.Format(time.TimeOnly)
	case format == "uuid":
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", rand.Uint32(), rand.Uint64()>>16) //nolint:gosec // see random
	case lower == "path" || strings.HasSuffix(lower, "path") || strings.Contains(lower, "file"):
		return word + ".txt"
	}
	if wire.Get(schema, "pattern") != nil { // what fits it cannot be made up; what its author shows may
		for _, shown := range [][]byte{wire.Get(schema, "default"), first(wire.Get(schema, "examples"))} {
			if text, ok := wire.Unquote(shown); ok {
				return text
			}
		}
	}
	text := word + " " + random(8)
	if most, ok := wire.ParseInt(wire.Get(schema, "maxLength")); ok && int64(len(text)) > most && most >= 0 {
		text = text[:most]
	}
	return text
}

// first returns the first element of an array, nil if there is none.
func first(array []byte) []byte {
	for e := range wire.Elements(array) {
		return e
	}
	return nil
}
