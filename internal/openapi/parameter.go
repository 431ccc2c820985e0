package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// A parameter is one of an OpenAPI operation, and how it is written (OpenAPI 3.1 section 4.8.12, "Style Values").
type parameter struct {
	name    string // in the request
	arg     string // of the call
	style   string
	explode bool
	json    bool // written as JSON
}

// A pair is a parameter, a header or a cookie of a request. It has several values where they are one list, with sep between.
type pair struct {
	name   string
	values []string
	sep    string
}

// one returns the pair of one value.
func one(name, value string) pair { return pair{name: name, values: []string{value}} }

// written returns the values in one, each encoded by encode.
func (p pair) written(encode func(string) string) string {
	values := make([]string, len(p.values))
	for i, v := range p.values {
		values[i] = encode(v)
	}
	return strings.Join(values, p.sep)
}

// separators of lists by the style, as they stand in a URL.
var separators = map[string]string{"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}

// pairs yields the parameter in a query, a header or a cookie.
func (p parameter) pairs(args declared.Arguments) ([]pair, error) {
	value, ok := args.Value(p.arg)
	switch {
	case !ok:
		return nil, nil
	case p.json:
		return []pair{one(p.name, string(value))}, nil
	case value[0] == '{':
		return p.members(value)
	}
	texts, _, err := args.Texts(p.arg)
	if err != nil {
		return nil, err
	}
	if value[0] == '[' && p.style == "form" && p.explode {
		var all []pair
		for _, text := range texts {
			all = append(all, one(p.name, text))
		}
		return all, nil
	}
	return []pair{{p.name, texts, separators[p.style]}}, nil
}

// members yields an object.
func (p parameter) members(value json.RawMessage) ([]pair, error) {
	var object declared.Arguments
	if err := json.Unmarshal(value, &object); err != nil {
		return nil, fmt.Errorf("the argument %q: %w", p.arg, err)
	}
	var all []pair
	joined := pair{name: p.name, sep: separators[p.style]}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, ok, err := object.Text(name)
		if err != nil {
			return nil, fmt.Errorf("in the argument %q %w", p.arg, err)
		}
		switch {
		case !ok:
		case p.style == "deepObject":
			all = append(all, one(p.name+"["+name+"]", text))
		case p.style == "form" && p.explode:
			all = append(all, one(name, text))
		case p.explode:
			joined.values = append(joined.values, name+"="+text)
		default:
			joined.values = append(joined.values, name, text)
		}
	}
	if len(joined.values) > 0 {
		all = append(all, joined)
	}
	return all, nil
}

// inPath yields the parameter as a segment of a path.
func (p parameter) inPath(args declared.Arguments) (string, bool, error) {
	pairs, err := p.pairs(args)
	if err != nil || len(pairs) == 0 {
		return "", false, err
	}
	for _, value := range pairs[0].values {
		if _, err := segment(value, declared.Placeholder{Name: p.arg}); err != nil {
			return "", false, err
		}
	}
	return pairs[0].written(escape), true, nil
}

// An encoding writes a body.
type encoding func(value json.RawMessage) ([]byte, error)

func encodeJSON(value json.RawMessage) ([]byte, error) { return value, nil }

// encodeText writes a text as it is.
func encodeText(value json.RawMessage) ([]byte, error) {
	text, _, err := declared.Arguments{"body": value}.Text("body")
	return []byte(text), err
}

// encodeForm writes an object as a form: a list as several fields, an object within as JSON.
func encodeForm(value json.RawMessage) ([]byte, error) {
	var object declared.Arguments
	if err := json.Unmarshal(value, &object); err != nil {
		return nil, fmt.Errorf("a form is an object: %w", err)
	}
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		texts, ok, err := object.Texts(name)
		if ok && object[name][0] == '{' {
			texts, err = []string{string(object[name])}, nil
		}
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			fields = append(fields, escape(name)+"="+escape(text))
		}
	}
	return []byte(strings.Join(fields, "&")), nil
}
