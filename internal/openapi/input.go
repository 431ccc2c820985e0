package openapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// inputs gathers the arguments of a tool that an operation becomes: its schema, and where in the request each goes.
type inputs struct {
	spec       *spec
	schemas    *converter
	endpoint   *endpoint
	properties map[string]any
	required   []any
}

// schema returns the schema of the arguments.
func (in *inputs) schema() (json.RawMessage, error) {
	root := map[string]any{"type": "object", "properties": in.properties, "additionalProperties": false}
	if len(in.required) > 0 {
		root["required"] = in.required
	}
	return in.schemas.finish(root)
}

// longestArgument is how long the name of an argument may be for all models.
const longestArgument = 64

// add adds an argument for what the document calls name, and returns what it is called.
func (in *inputs) add(name, place string, schema map[string]any, required bool) string {
	arg := legal(name)
	arg = arg[:min(len(arg), longestArgument)]
	if _, taken := in.properties[arg]; taken {
		arg = arg[:min(len(arg), longestArgument-len(place)-1)] + "_" + place
	}
	for i := 2; in.properties[arg] != nil; i++ {
		arg = fmt.Sprintf("%s%d", arg, i)
	}
	in.properties[arg] = schema
	if required {
		in.required = append(in.required, arg)
	}
	return arg
}

// The places of parameters, in the order in which they get their names.
var parameterPlaces = []string{"path", "query", "header", "cookie"}

// parameters adds the parameters of an operation. places are the placeholders of its path, each of which must be one.
func (in *inputs) parameters(o *operation, places []string) error {
	found, err := in.gather(o)
	if err != nil {
		return err
	}
	inPath := map[string]parameter{}
	for _, place := range parameterPlaces {
		for _, about := range found[place] {
			p, err := in.parameter(about, place)
			if err != nil {
				return fmt.Errorf("the parameter %s: %w", text(about["name"]), err)
			}
			switch place {
			case "path":
				inPath[p.name] = p
			case "query":
				in.endpoint.query = append(in.endpoint.query, p.pairs)
			case "header":
				in.endpoint.headers = append(in.endpoint.headers, p.pairs)
			case "cookie":
				in.endpoint.cookies = append(in.endpoint.cookies, p.pairs)
			}
		}
	}
	for _, name := range places {
		if _, ok := inPath[name]; !ok {
			return fmt.Errorf("no parameter describes {%s} in the path", name)
		}
	}
	in.endpoint.inPath = func(args declared.Arguments, place declared.Placeholder) (string, bool, error) {
		return inPath[place.Name].inPath(args)
	}
	return nil
}

// gather returns the parameters of an operation by their places, those of its path first where it does not have them itself.
func (in *inputs) gather(o *operation) (map[string][]map[string]any, error) {
	found := map[string][]map[string]any{}
	for _, v := range slices.Concat(list(o.about["parameters"]), list(o.item["parameters"])) {
		about, err := in.spec.resolve(v)
		if err != nil {
			return nil, err
		}
		place, name := text(about["in"]), text(about["name"])
		same := func(p map[string]any) bool { return text(p["name"]) == name }
		if slices.ContainsFunc(found[place], same) || place == "header" && slices.Contains(notParameters, strings.ToLower(name)) {
			continue
		}
		found[place] = append(found[place], about)
	}
	return found, nil
}

// notParameters are headers that OpenAPI does not describe as parameters, and those that say where a request ends and for whom it is.
var notParameters = []string{
	"accept", "content-type", "authorization", "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "cookie", "expect",
}

// parameter adds one parameter.
func (in *inputs) parameter(about map[string]any, place string) (parameter, error) {
	p := parameter{name: text(about["name"]), style: cmp.Or(text(about["style"]), map[string]string{"query": "form", "cookie": "form"}[place], "simple")}
	p.explode = flag(about["explode"], p.style == "form")
	known := map[string][]string{"path": {"simple"}, "header": {"simple"}, "cookie": {"form"}, "query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"}}
	if !slices.Contains(known[place], p.style) {
		return p, fmt.Errorf("its style %s is not known for a %s", p.style, place)
	}
	if place == "header" && !isToken(p.name) || p.name == "" {
		return p, errors.New("it has a name that cannot be sent")
	}
	schema := about["schema"]
	if content := object(about["content"]); schema == nil && len(content) > 0 {
		_, media := jsonOf(content)
		schema, p.json = object(media)["schema"], true
	}
	described := object(in.schemas.schema(schema))
	if described == nil {
		described = map[string]any{}
	}
	if said := text(about["description"]); said != "" && described["description"] == nil {
		described["description"] = said
	}
	p.arg = in.add(p.name, place, described, place == "path" || flag(about["required"], false))
	return p, nil
}

// isToken reports whether a header may have that name (RFC 9110 section 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !isWord(r) && !strings.ContainsRune("!#$%&'*+^`|~", r)
	})
}

// body adds what an operation is sent. The members of an object become arguments of their own where that says the same.
func (in *inputs) body(v any) error {
	if v == nil {
		return nil
	}
	about, err := in.spec.resolve(v)
	if err != nil {
		return err
	}
	required := flag(about["required"], false)
	content := object(about["content"])
	kind, media := jsonOf(content)
	for _, other := range []string{"application/x-www-form-urlencoded", "text/plain", "*/*"} {
		if kind == "" && content[other] != nil {
			kind, media = other, content[other]
		}
	}
	encoding := map[string]encoding{"application/x-www-form-urlencoded": encodeForm, "text/plain": encodeText}[kind]
	switch {
	case kind == "" && !required:
		return nil
	case kind == "":
		return fmt.Errorf("it is sent %s, which is not built", strings.Join(slices.Sorted(maps.Keys(content)), ", "))
	case kind == "*/*":
		kind = "application/json"
	}
	if encoding == nil {
		encoding = encodeJSON
	}
	schema, err := in.spec.resolve(object(media)["schema"])
	if err != nil {
		return err
	}
	if members, ok := in.members(schema, required); ok && kind != "text/plain" {
		return in.flat(schema, members, kind, encoding)
	}
	described := object(in.schemas.schema(object(media)["schema"]))
	if described == nil {
		described = map[string]any{}
	}
	if said := text(about["description"]); said != "" && described["description"] == nil {
		described["description"] = said
	}
	arg := in.add("body", "content", described, required)
	in.endpoint.body = func(args declared.Arguments) ([]byte, string, error) {
		value, ok := args[arg] // a null, too, can be a body
		if !ok {
			return nil, "", nil
		}
		data, err := encoding(value)
		return data, kind, err
	}
	return nil
}

// members returns the names of an object's members if its schema says nothing but what these are, and none is an argument already.
func (in *inputs) members(schema map[string]any, required bool) ([]string, bool) {
	properties := object(schema["properties"])
	if !isObject(schema) || len(properties) == 0 || !required && len(list(schema["required"])) > 0 {
		return nil, false
	}
	for key := range schema {
		if !slices.Contains([]string{"type", "properties", "required", "description", "title", "example", "examples", "additionalProperties", "xml", "externalDocs"}, key) && !strings.HasPrefix(key, "x-") {
			return nil, false
		}
	}
	if extra := schema["additionalProperties"]; extra != nil && extra != false {
		return nil, false
	}
	for name := range properties {
		if in.properties[name] != nil || legal(name) != name || len(name) > longestArgument {
			return nil, false
		}
	}
	return slices.Sorted(maps.Keys(properties)), true
}

// flat adds the members of a body as arguments.
func (in *inputs) flat(schema map[string]any, members []string, kind string, encoding encoding) error {
	converted := object(in.schemas.schema(schema))
	properties, required := object(converted["properties"]), list(converted["required"])
	var sent []string
	for _, name := range members {
		property, ok := properties[name].(map[string]any)
		if !ok {
			continue // it is only read
		}
		sent = append(sent, in.add(name, "body", property, slices.Contains(required, any(name))))
	}
	in.endpoint.body = func(args declared.Arguments) ([]byte, string, error) {
		object := map[string]json.RawMessage{}
		for _, name := range sent {
			if value, ok := args[name]; ok {
				object[name] = value
			}
		}
		value, err := json.Marshal(object)
		if err != nil {
			return nil, "", err
		}
		data, err := encoding(value)
		return data, kind, err
	}
	if in.endpoint.method == http.MethodGet || in.endpoint.method == http.MethodHead {
		return fmt.Errorf("a %s with a body is not sent", in.endpoint.method)
	}
	return nil
}
