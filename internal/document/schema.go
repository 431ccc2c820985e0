package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Schema is a JSON Schema, or a part of one.
type Schema map[string]any

// A Description is what a schema says beyond the types and tags of the struct.
type Description struct {
	// Title is the schema's own.
	Title string
	// Sources are the Go sources of the structs. The comment on each field is its description.
	Sources []string
	// Rules says of whole types, by their name, and of single texts, by "Type.Field", what their tags do not say.
	Rules map[string]Schema
}

// Schema returns the JSON Schema (draft 2020-12) of documents that are read into structs of type t. It knows what can be said of the
// document alone: not whether a variable is set, nor whether a file exists.
func (g *Grammar) Schema(t reflect.Type, about Description) []byte {
	m := &schemaMaker{grammar: g, docs: fieldComments(about.Sources...), rules: about.Rules, defs: Schema{}}
	root := m.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = about.Title
	root["type"] = []string{"object", "null"}
	root["$defs"] = m.defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(fmt.Sprintf("document: encoding the schema: %v", err)) // maps, slices and texts always encode
	}
	return out.Bytes()
}

// A schemaMaker makes schemas of types.
type schemaMaker struct {
	grammar *Grammar
	docs    map[string]string // by "Type.Field"
	rules   map[string]Schema // see Description
	defs    Schema            // by type
}

// Patterns of texts that are not of a form, as far as they can be told without looking further.
const (
	withVariable    = `\$\{` // such a text is judged after expansion
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`
	sizePattern     = `^[0-9]+ *([KMG]i?B|kB|B)?$`
)

// HasAny is the schema of an object that has one of these keys.
func HasAny(keys ...string) Schema {
	var all []Schema
	for _, k := range keys {
		all = append(all, Schema{"required": []string{k}})
	}
	return Schema{"anyOf": all}
}

// OrVariable is s, or a text with a variable in it.
func OrVariable(s Schema) Schema {
	return Schema{"anyOf": []Schema{s, {"type": "string", "pattern": withVariable}}}
}

// object returns the schema of a struct.
func (m *schemaMaker) object(t reflect.Type) Schema {
	properties := Schema{}
	attrs, _ := attributes(t)
	for _, a := range attrs {
		s := m.value(t.FieldByIndex(a.index).Type, a.doc, a)
		s["description"] = m.docs[a.doc]
		for _, key := range a.keys {
			properties[key] = s
		}
	}
	out := Schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	return out.With(m.rules[t.Name()])
}

// ref returns a reference to the schema of a struct, which is made once.
func (m *schemaMaker) ref(t reflect.Type) Schema {
	if m.defs[t.Name()] == nil {
		m.defs[t.Name()] = m.object(t)
	}
	return Schema{"$ref": "#/$defs/" + t.Name()}
}

// value returns the schema of a field of type t, whose rules stand under name.
func (m *schemaMaker) value(t reflect.Type, name string, a attribute) Schema {
	switch t.Kind() {
	case reflect.Pointer:
		return m.value(t.Elem(), name, a)
	case reflect.Struct:
		if short, ok := shortForm(t); ok {
			f := t.FieldByIndex(short.index)
			return Schema{"anyOf": []Schema{m.value(f.Type, t.Name()+"."+f.Name, short), m.ref(t)}}
		}
		return m.ref(t)
	case reflect.Map:
		return m.mapping(m.value(t.Elem(), "", a), a)
	case reflect.Slice:
		return m.slice(t, a)
	default:
		return m.scalar(t, m.rules[name], a)
	}
}

// slice returns the schema of a slice of type t, which a describes.
func (m *schemaMaker) slice(t reflect.Type, a attribute) Schema {
	switch {
	case t == anything:
		return Schema{}
	case t.Elem().Kind() == reflect.Struct && !a.list:
		return m.mapping(m.ref(t.Elem()), a)
	}
	items := m.value(t.Elem(), "", a)
	all := Schema{"type": []string{"array", "null"}, "items": items}
	if a.lone {
		return Schema{"anyOf": []Schema{all, items}}
	}
	return all
}

// mapping returns the schema of a mapping, which a describes, to values of that schema.
func (m *schemaMaker) mapping(value Schema, a attribute) Schema {
	return Schema{"type": []string{"object", "null"}, "propertyNames": m.grammar.looks(a.keyForms), "additionalProperties": value}
}

// scalar returns the schema of a scalar of type t, which a describes, with the keywords of rule.
func (m *schemaMaker) scalar(t reflect.Type, rule Schema, a attribute) Schema {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return OrVariable(Schema{"type": "string", "pattern": durationPattern})
	case t == reflect.TypeFor[Size]():
		return OrVariable(Schema{"anyOf": []Schema{a.integer(), {"type": "string", "pattern": sizePattern}}})
	case t.Kind() == reflect.Int:
		return OrVariable(a.integer())
	case t.Kind() == reflect.Float64:
		return OrVariable(a.number())
	case t.Kind() == reflect.Bool && len(a.later) > 0:
		return OrVariable(Schema{"const": false})
	case t.Kind() == reflect.Bool:
		return OrVariable(Schema{"type": "boolean"})
	case len(a.enum) > 0:
		return OrVariable(Schema{"enum": a.enum})
	}
	return OrVariable(Schema{"type": "string"}.With(m.grammar.looks(a.forms)).With(rule))
}

// integer is the schema of a whole number within a's bounds.
func (a attribute) integer() Schema {
	s := Schema{"type": "integer"}
	for key, bound := range map[string]string{"minimum": a.min, "maximum": a.max} {
		if n, err := strconv.ParseInt(bound, 10, 64); err == nil {
			s[key] = n
		}
	}
	return s
}

// number is the schema of a number within a's bounds.
func (a attribute) number() Schema {
	s := Schema{"type": "number"}
	for key, bound := range map[string]string{"minimum": a.min, "maximum": a.max} {
		if f, err := strconv.ParseFloat(bound, 64); err == nil {
			s[key] = f
		}
	}
	return s
}

// With adds the keywords of extra to s, and returns s.
func (s Schema) With(extra Schema) Schema {
	maps.Copy(s, extra)
	return s
}

// commented matches, in the source of a struct, a field with its comment, or the struct's own head.
var commented = regexp.MustCompile(`(?m)^type (\w+) struct|((?:^\t// .*\n)+)\t(\w+)`)

// fieldComments returns the comments of all fields of structs in Go sources, by "Type.Field".
func fieldComments(sources ...string) map[string]string {
	docs, name := map[string]string{}, ""
	for _, m := range commented.FindAllStringSubmatch(strings.Join(sources, "\n"), -1) {
		if m[1] != "" {
			name = m[1]
			continue
		}
		words := strings.Fields(strings.ReplaceAll(m[2], "\t// ", " "))
		docs[name+"."+m[3]] = strings.Join(words, " ")
	}
	return docs
}
