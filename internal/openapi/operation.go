package openapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
)

// An operation is a method of a path in a document.
type operation struct {
	name   string // of its operationId, or of method and path
	method string
	path   string
	item   map[string]any // what holds for all methods of the path
	about  map[string]any
}

// methods are those that can be tools.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// operations returns the operations of a document in the order of their paths.
func (s *spec) operations() ([]operation, error) {
	var all []operation
	paths := object(s.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, err := s.resolve(paths[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, method := range methods {
			about, ok := item[strings.ToLower(method)].(map[string]any)
			if !ok {
				continue
			}
			name := cmp.Or(text(about["operationId"]), strings.ToLower(method)+path)
			all = append(all, operation{name: legal(name), method: method, path: path, item: item, about: about})
		}
	}
	return all, nil
}

// legal returns s so that it can be part of the name of a tool: letters, digits, _, - and dots.
func legal(s string) string {
	var out strings.Builder
	gap := false
	for _, r := range s {
		if !isWord(r) {
			gap = true
			continue
		}
		if gap && out.Len() > 0 {
			out.WriteByte('_')
		}
		gap = false
		out.WriteRune(r)
	}
	return cmp.Or(out.String(), "operation")
}

func isWord(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_-.", c)
}

// wanted reports whether an operation is offered.
func (o *operation) wanted(rules offer.Operations) bool {
	named := func(pattern string) bool { return matches(pattern, o.name) || matches(pattern, o.method+" "+o.path) }
	return (len(rules.Allow) == 0 || slices.ContainsFunc(rules.Allow, named)) && !slices.ContainsFunc(rules.Deny, named)
}

// matches reports whether s is what a pattern says, in which * stands for any characters.
func matches(pattern, s string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}

// longestName is the length of the longest name a tool may have.
const longestName = 128

// called returns the name of the tool for an operation. One that would be too long is cut, and told from others by a digest.
func (o *operation) called(a *offer.API) string {
	name := cmp.Or(a.Operations.Rename[text(o.about["operationId"])], a.Operations.Rename[o.name], o.name)
	if a.Prefix != "" {
		name = a.Prefix + "." + name
	}
	if len(name) <= longestName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	digest := hex.EncodeToString(sum[:4])
	return name[:longestName-len(digest)-1] + "_" + digest
}

// tool makes a tool of an operation, whose service is at base.
func (s *spec) tool(o *operation, a *offer.API, base string) (*declared.Tool, *endpoint, error) {
	e := &endpoint{method: o.method, timeout: a.Timeout, maxBytes: int64(a.MaxBytes)}
	prefix, query, _ := strings.Cut(base, "?")
	if !strings.HasPrefix(o.path, "/") || strings.ContainsAny(o.path, "?#") {
		return nil, nil, fmt.Errorf("the path %q does not begin with a slash, or has a query", o.path)
	}
	if a.URL == "" && (o.about["servers"] != nil || o.item["servers"] != nil) {
		return nil, nil, errors.New("it has servers of its own; write url: https://… for all")
	}
	places, err := e.takeURL(strings.TrimSuffix(prefix, "/") + o.path + "?" + query)
	if err != nil {
		return nil, nil, err
	}
	in := &inputs{spec: s, schemas: s.converter(true), properties: map[string]any{}, endpoint: e}
	if err := in.parameters(o, places); err != nil {
		return nil, nil, err
	}
	if err := in.body(o.about["requestBody"]); err != nil {
		return nil, nil, err
	}
	e.takeConfigured(a.Headers)
	schema, err := in.schema()
	if err != nil {
		return nil, nil, err
	}
	input, err := declared.Compile(schema)
	if err != nil {
		return nil, nil, err
	}
	hint := hints(o.method)
	about := &mcp.Tool{Name: o.called(a), Title: text(o.about["summary"]), Description: o.description(), Annotations: &hint}
	output, err := s.output(o)
	if err != nil {
		return nil, nil, err
	}
	if output != nil {
		about.OutputSchema = output
	}
	return &declared.Tool{About: about, Input: input, Do: e.call}, e, nil
}

// takeConfigured adds headers of the configuration, which win over those of the document.
func (e *endpoint) takeConfigured(headers map[string]string) {
	for name, value := range headers {
		e.headers = append(e.headers, func(declared.Arguments) ([]pair, error) { return []pair{one(name, value)}, nil })
	}
}

// description returns what the document says of an operation.
func (o *operation) description() string {
	said := cmp.Or(text(o.about["description"]), text(o.about["summary"]), o.method+" "+o.path)
	if flag(o.about["deprecated"], false) {
		said = "Deprecated. " + said
	}
	return said
}

// output returns the schema of what an operation answers, if that is always an object of one schema.
func (s *spec) output(o *operation) (any, error) {
	var good []any
	for status, response := range object(o.about["responses"]) {
		if strings.HasPrefix(status, "2") || status == "default" && len(good) == 0 && len(object(o.about["responses"])) == 1 {
			good = append(good, response)
		}
	}
	if len(good) != 1 {
		return nil, nil
	}
	response, err := s.resolve(good[0])
	if err != nil {
		return nil, err
	}
	_, media := jsonOf(object(response["content"]))
	schema, err := s.resolve(object(media)["schema"])
	if err != nil || !isObject(schema) {
		return nil, err
	}
	c := s.converter(false)
	root := object(c.schema(schema))
	root["type"] = "object"
	return c.finish(root)
}

// isObject reports whether a schema is surely that of an object.
func isObject(schema map[string]any) bool {
	kind, hasType := schema["type"].(string)
	return kind == "object" && !flag(schema["nullable"], false) || !hasType && schema["type"] == nil && schema["properties"] != nil
}

// jsonOf returns the member of content that is JSON.
func jsonOf(content map[string]any) (kind string, media any) {
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		plain, _, _ := strings.Cut(kind, ";")
		if isJSON(strings.TrimSpace(strings.ToLower(plain))) {
			return kind, content[kind]
		}
	}
	return "", nil
}
