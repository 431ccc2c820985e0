package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
)

// declare returns the endpoint of a declared tool, without its dialer, and the names of its placeholders.
func declare(t *offer.Tool) (*endpoint, []string, error) {
	h := t.HTTP
	e := &endpoint{method: h.Method, inPath: textInPath, result: h.Result, timeout: t.Timeout, maxBytes: int64(t.MaxBytes)}
	names, err := e.takeURL(h.URL)
	if err != nil {
		return nil, nil, err
	}
	inQuery, err := takeFields(&e.query, h.Query)
	if err != nil {
		return nil, nil, err
	}
	inHeaders, err := takeFields(&e.headers, h.Headers)
	if err != nil {
		return nil, nil, err
	}
	for i, f := range e.headers {
		e.headers[i] = single(f)
	}
	inBody, err := e.takeBody(h.Body)
	if err != nil {
		return nil, nil, err
	}
	if e.method == "" {
		e.method = http.MethodGet
		if e.body != nil {
			e.method = http.MethodPost
		}
	}
	return e, unique(slices.Concat(names, inQuery, inHeaders, inBody)), nil
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// takeURL reads the URL of a tool: a fixed host, a path that is a template, and a query whose values are.
func (e *endpoint) takeURL(raw string) ([]string, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	base, err := url.Parse(scheme + "://" + rest[:end])
	if err != nil || base.Hostname() == "" || base.User != nil || strings.ContainsAny(rest[:end], `{}\`) {
		return nil, errors.New("url is not an http or https URL with a fixed host; write it like https://api.example.com/customers/{id}")
	}
	e.base = base
	path, query, _ := strings.Cut(rest[end:], "?")
	if path == "" {
		path = "/"
	}
	if e.path, err = declared.Parse(path); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	names := e.path.Names()
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, errors.New("the query of url is not percent-encoded; write it under query")
		}
		f, more, err := templated(name, value)
		if err != nil {
			return nil, fmt.Errorf("the query of url: %w", err)
		}
		e.query = append(e.query, f)
		names = append(names, more...)
	}
	return names, nil
}

// takeFields reads templates by their names, in the order of these.
func takeFields(into *[]field, templates map[string]string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		f, more, err := templated(name, templates[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		*into = append(*into, f)
		names = append(names, more...)
	}
	return names, nil
}

// takeBody reads the template of a body.
func (e *endpoint) takeBody(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	v, names, err := parseValue(raw)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	e.body = func(args declared.Arguments) ([]byte, string, error) {
		data, _, err := v(args)
		return data, "application/json", err
	}
	return names, nil
}

// A value makes JSON of a call's arguments; ok is false where there is none because an argument was not given.
type value func(declared.Arguments) (out json.RawMessage, ok bool, err error)

// parseValue reads a template of JSON. Arguments take the places of whole values, or are parts of a text before it is encoded.
func parseValue(raw json.RawMessage) (value, []string, error) {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '"':
		return parseText(raw)
	case '[':
		return parseList(raw)
	case '{':
		return parseObject(raw)
	}
	return func(declared.Arguments) (json.RawMessage, bool, error) { return raw, true, nil }, nil, nil
}

func parseText(raw json.RawMessage) (value, []string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, nil, err
	}
	t, err := declared.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	if whole, ok := t.Whole(); ok {
		return func(args declared.Arguments) (json.RawMessage, bool, error) {
			arg, ok := args.Value(whole)
			return arg, ok, nil
		}, t.Names(), nil
	}
	return func(args declared.Arguments) (json.RawMessage, bool, error) {
		text, ok, err := t.Fill(func(p declared.Placeholder) (string, bool, error) { return args.Text(p.Name) })
		if err != nil || !ok {
			return nil, false, err
		}
		out, err := json.Marshal(text)
		return out, err == nil, err
	}, t.Names(), nil
}

func parseList(raw json.RawMessage) (value, []string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, nil, err
	}
	values := make([]value, len(items))
	var names []string
	for i, item := range items {
		v, more, err := parseValue(item)
		if err != nil {
			return nil, nil, err
		}
		values[i] = v
		names = append(names, more...)
	}
	return func(args declared.Arguments) (json.RawMessage, bool, error) {
		out := []json.RawMessage{}
		for _, v := range values {
			item, ok, err := v(args)
			if err != nil {
				return nil, false, err
			}
			if ok {
				out = append(out, item)
			}
		}
		data, err := json.Marshal(out)
		return data, err == nil, err
	}, names, nil
}

func parseObject(raw json.RawMessage) (value, []string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, nil, err
	}
	values := map[string]value{}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		v, more, err := parseValue(members[name])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		values[name] = v
		names = append(names, more...)
	}
	return func(args declared.Arguments) (json.RawMessage, bool, error) {
		out := map[string]json.RawMessage{}
		for name, v := range values {
			member, ok, err := v(args)
			if err != nil {
				return nil, false, err
			}
			if ok {
				out[name] = member
			}
		}
		data, err := json.Marshal(out)
		return data, err == nil, err
	}, names, nil
}
