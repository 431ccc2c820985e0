package dialect

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/yosida95/uritemplate/v3"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what makes the URI of a named resource, in bytes: a template may repeat what
// it is given.
const (
	mostTemplate = 2 << 10
	mostValues   = 64 << 10
)

// URI returns the URI that a template (RFC 6570) gives with those values, a JSON object
// or nil.
func URI(template string, values []byte) (string, error) {
	if len(template) > mostTemplate || len(values) > mostValues {
		return "", mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.params are more than %d bytes, or the template more than %d", mostValues, mostTemplate)
	}
	t, err := uritemplate.New(template)
	if err != nil {
		return "", fmt.Errorf("reading the template %q: %w", template, err)
	}
	known := t.Varnames()
	given := uritemplate.Values{}
	for key, value := range wire.Members(values) {
		name, _ := wire.Unquote(append(append([]byte{'"'}, key...), '"'))
		if !slices.Contains(known, name) {
			return "", mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.params.%s is not known; there are %q", name, known)
		}
		if bytes.Contains(value, []byte(`\u0000`)) { // the library leaves it out
			return "", mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.params.%s has a zero byte, which no URI has", name)
		}
		given.Set(name, valueOf(value))
	}
	uri, err := t.Expand(given)
	if err != nil {
		return "", mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "the parameters make no URI: %v", err)
	}
	return uri, nil
}

// valueOf is a JSON value as a template takes it: an array is a list, and what is no
// string is its JSON text.
func valueOf(raw []byte) uritemplate.Value {
	if raw[0] != '[' {
		return uritemplate.String(plain(raw))
	}
	var list []string
	for element := range wire.Elements(raw) {
		list = append(list, plain(element))
	}
	return uritemplate.List(list...)
}

// plain is the text of a JSON value, each byte as a character: the library percent-encodes
// the numbers of characters, where RFC 6570 section 3.2.1 wants the bytes of UTF-8.
func plain(raw []byte) string {
	s, ok := wire.Unquote(raw)
	if !ok {
		s = string(raw)
	}
	chars := make([]rune, len(s))
	for i := range len(s) {
		chars[i] = rune(s[i])
	}
	return string(chars)
}
