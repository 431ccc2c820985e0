package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// The bounds of a document.
const (
	maxDocument = 16 << 20 // bytes
	maxDepth    = 100      // values within values
	maxHops     = 32       // references that lead to references
)

// A spec is an OpenAPI document, as plain values: maps, slices, texts, booleans and json.Number.
type spec struct {
	root map[string]any
	old  bool // 3.0, whose schemas are not JSON Schema
}

// parseSpec reads an OpenAPI document. name is its file or URL.
func parseSpec(name string, data []byte) (*spec, error) {
	root, err := parseValues(name, data)
	if err != nil {
		return nil, err // tells where
	}
	s := &spec{root: object(root)}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// check wants a version that is known.
func (s *spec) check() error {
	version := text(s.root["openapi"])
	switch {
	case depth(s.root) > maxDepth:
		return errors.New("the document nests deeper than values of an OpenAPI document can")
	case strings.HasPrefix(version, "3.0."):
		s.old = true
	case strings.HasPrefix(version, "3.1."), strings.HasPrefix(version, "3.2."):
	case s.root["swagger"] != nil:
		return errors.New("this is Swagger 2.0; convert it to OpenAPI 3, for example with converter.swagger.io")
	default:
		return fmt.Errorf("the document is not of OpenAPI 3: it begins with openapi: %q", version)
	}
	return nil
}

// parseValues reads YAML or JSON.
func parseValues(name string, data []byte) (any, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		var root any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&root); err != nil {
			return nil, fmt.Errorf("%s: reading JSON: %w", name, err)
		}
		return root, nil
	}
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		name = u.Host + u.Path
	}
	if ext := path.Ext(name); ext == ".json" || ext == ".jsonc" {
		name += ".yaml" // it is none
	}
	return document.LargeValues(name, data)
}

// depth returns how deep values are nested.
func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	}
	return deepest + 1
}

// object returns v if it is an object, else an empty one.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// list returns v if it is a list.
func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// text returns v if it is a text. A version without quotes is a number.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// flag returns v if it is a boolean, else otherwise.
func flag(v any, otherwise bool) bool {
	if b, ok := v.(bool); ok {
		return b
	}
	return otherwise
}

// resolve returns the object that v is, or that it refers to within the document.
func (s *spec) resolve(v any) (map[string]any, error) {
	for range maxHops {
		m := object(v)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, nil
		}
		target, err := s.at(ref)
		if err != nil {
			return nil, err
		}
		v = target
	}
	return nil, errors.New("references lead in a circle")
}

// at returns what a reference leads to: a JSON Pointer into the document (RFC 6901 section 6).
func (s *spec) at(ref string) (any, error) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("the reference %q leads to another document, which is not followed; bundle them into one", ref)
	}
	var v any = s.root
	for token := range strings.SplitSeq(pointer, "/") {
		if plain, err := url.PathUnescape(token); err == nil {
			token = plain
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch at := v.(type) {
		case map[string]any:
			v, ok = at[token]
		case []any:
			i, err := strconv.Atoi(token)
			if ok = err == nil && i >= 0 && i < len(at); ok {
				v = at[i]
			}
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("the reference %q leads nowhere", ref)
		}
	}
	return v, nil
}

// base returns the address of the service: configured, or the first of the document's servers, for which a document from the web can name
// only its own host, since credentials go there.
func (s *spec) base(configured, source string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	const hint = "; write url: https://…"
	servers := list(s.root["servers"])
	if len(servers) == 0 {
		return "", errors.New("the document names no server" + hint)
	}
	server := object(servers[0])
	raw := text(server["url"])
	for name, v := range object(server["variables"]) {
		raw = strings.ReplaceAll(raw, "{"+name+"}", text(object(v)["default"]))
	}
	u, err := url.Parse(raw)
	if err != nil || strings.ContainsAny(raw, "{}") {
		return "", fmt.Errorf("the document's first server, %q, is no URL%s", raw, hint)
	}
	if from, err := url.Parse(source); err == nil && from.Host != "" {
		if u = from.ResolveReference(u); u.Host != from.Host || u.Scheme != from.Scheme {
			return "", fmt.Errorf("the document from %s names another host, %s%s", from.Host, u.Host, hint)
		}
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("the document's first server, %q, is not an http or https URL%s", raw, hint)
	}
	return u.String(), nil
}
