package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The structs' own sources: their comments are the schema's descriptions.
var (
	//go:embed config.go
	configSource string
	//go:embed server.go
	serverSource string
)

// A schema is a JSON Schema, or a part of one.
type schema map[string]any

// Schema returns the JSON Schema (draft 2020-12) of mcp.yaml, made from Config. It knows what can be said of the file alone: not whether
// a variable is set, nor whether a file exists.
func Schema() []byte {
	m := &schemaMaker{docs: fieldComments(configSource, serverSource), defs: schema{}}
	root := m.object(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Sumun configuration (mcp.yaml)"
	root["type"] = []string{"object", "null"}
	root["$defs"] = m.defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(fmt.Sprintf("config: encoding the schema: %v", err)) // maps, slices and texts always encode
	}
	return out.Bytes()
}

// A schemaMaker makes schemas of types.
type schemaMaker struct {
	docs map[string]string // by "Type.Field"
	defs schema            // by type
}

// Patterns of texts that are not of a form, as far as they can be told without looking further.
const (
	withVariable    = `\$\{` // such a text is judged after expansion
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`
	sizePattern     = `^[0-9]+ *([KMG]i?B|kB|B)?$`
	listenPattern   = `^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*):[0-9]{1,5}$`
)

// rules says of whole types, by their name, and of single fields, by "Type.Field", what their tags do not say.
var rules = map[string]schema{
	"Config":        {"not": with(schema{"required": []string{"listen"}}, anyOf("port", "host"))},
	"Config.APIKey": {"minLength": 1},
	"Config.Listen": {"pattern": listenPattern},
	"Config.Store":  {"pattern": `^sqlite:.+$`},
	"TLS":           {"if": encrypts, "then": schema{"required": []string{"certFile", "keyFile"}, "properties": schema{"terminated": orVariable(schema{"const": false})}}},
	"Resource":      {"type": "object", "required": []string{"type", "root"}},
	"Server":        {"type": "object", "oneOf": []schema{stdioServer, httpServer}},
}

// encrypts is the schema of a tls that the gateway is to do itself.
var encrypts = schema{"anyOf": []schema{
	{"required": []string{"enabled"}, "properties": schema{"enabled": schema{"const": true}}},
	{"required": []string{"certFile"}, "not": schema{"required": []string{"enabled"}}},
	{"required": []string{"keyFile"}, "not": schema{"required": []string{"enabled"}}},
}}

// The two sorts of servers.
var (
	stdioServer = schema{
		"required": []string{"command"}, "not": anyOf("headers", "url"),
		"properties": schema{"type": orVariable(schema{"const": "stdio"})},
	}
	httpServer = schema{
		"required": []string{"url"}, "not": anyOf("command", "args", "env", "cwd"),
		"properties": schema{"type": orVariable(schema{"enum": []string{"http", "streamable-http"}})},
	}
)

// anyOf is the schema of an object that has one of these keys.
func anyOf(keys ...string) schema {
	var all []schema
	for _, k := range keys {
		all = append(all, schema{"required": []string{k}})
	}
	return schema{"anyOf": all}
}

// orVariable is s, or a text with a variable in it.
func orVariable(s schema) schema {
	return schema{"anyOf": []schema{s, {"type": "string", "pattern": withVariable}}}
}

// object returns the schema of a struct.
func (m *schemaMaker) object(t reflect.Type) schema {
	properties := schema{}
	attrs, _ := attributes(t)
	for _, a := range attrs {
		f := t.Field(a.index)
		s := m.value(f.Type, t.Name()+"."+f.Name, a)
		s["description"] = m.docs[t.Name()+"."+f.Name]
		for _, key := range a.keys {
			properties[key] = s
		}
	}
	out := schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	return with(out, rules[t.Name()])
}

// ref returns a reference to the schema of a struct, which is made once.
func (m *schemaMaker) ref(t reflect.Type) schema {
	if m.defs[t.Name()] == nil {
		m.defs[t.Name()] = m.object(t)
	}
	return schema{"$ref": "#/$defs/" + t.Name()}
}

// value returns the schema of a field of type t, whose rules stand under name.
func (m *schemaMaker) value(t reflect.Type, name string, a attribute) schema {
	switch t.Kind() {
	case reflect.Struct:
		return m.ref(t)
	case reflect.Map:
		return a.mapping(m.value(t.Elem(), "", a))
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return a.mapping(m.ref(t.Elem()))
		}
		return schema{"type": []string{"array", "null"}, "items": m.value(t.Elem(), "", a)}
	default:
		return a.scalar(t, rules[name])
	}
}

// mapping returns the schema of a mapping to values of that schema.
func (a attribute) mapping(value schema) schema {
	return schema{"type": []string{"object", "null"}, "propertyNames": looks(a.keyForms), "additionalProperties": value}
}

// scalar returns the schema of a scalar of type t, with the keywords of rule.
func (a attribute) scalar(t reflect.Type, rule schema) schema {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return orVariable(schema{"type": "string", "pattern": durationPattern})
	case t == reflect.TypeFor[Size]():
		return orVariable(schema{"anyOf": []schema{a.integer(), {"type": "string", "pattern": sizePattern}}})
	case t.Kind() == reflect.Int:
		return orVariable(a.integer())
	case t.Kind() == reflect.Bool && len(a.later) > 0:
		return orVariable(schema{"const": false})
	case t.Kind() == reflect.Bool:
		return orVariable(schema{"type": "boolean"})
	case len(a.enum) > 0:
		return orVariable(schema{"enum": a.enum})
	}
	return orVariable(with(with(schema{"type": "string"}, looks(a.forms)), rule))
}

// integer is the schema of a whole number within a's bounds.
func (a attribute) integer() schema {
	s := schema{"type": "integer"}
	for key, bound := range map[string]string{"minimum": a.min, "maximum": a.max} {
		if n, err := strconv.ParseInt(bound, 10, 64); err == nil {
			s[key] = n
		}
	}
	return s
}

// with returns s with the keywords of extra.
func with(s, extra schema) schema {
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
