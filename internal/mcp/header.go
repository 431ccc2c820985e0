package mcp

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// ParamHeader is what the header of an argument begins with (basic/transports/streamable-http, "Custom Headers from Tool Parameters").
const ParamHeader = "Mcp-Param-"

// RootHeader tells the URI of the directory that the client works in, from which its root is derived. It is ours.
const RootHeader = "Sumun-Root"

// A HeaderParam binds an argument of a tool to the HTTP header that repeats it
// ("x-mcp-header", streamable HTTP transport of the modern era).
type HeaderParam struct {
	// Path leads through "properties" to the argument.
	Path []string
	// Header is the header's name after the prefix Mcp-Param-.
	Header string
	// Type is string, integer or boolean.
	Type string
}

const headerKeyword = "x-mcp-header"

// HeaderParams returns the annotated arguments of a tool's input schema, which
// must have been scanned. An error says which annotation breaks the rules of the
// page; such a tool is left out of what a server sends over HTTP.
func HeaderParams(inputSchema []byte) ([]HeaderParam, error) {
	var w headerWalk
	if err := w.schema(inputSchema, nil, true); err != nil {
		return nil, err
	}
	return w.found, nil
}

// headerWalk goes through a schema and collects annotations.
type headerWalk struct{ found []HeaderParam }

// Keywords under which schemas stand other than "properties": one schema or a
// list of them, and schemas by name. No annotation is allowed there. Whatever
// other keywords hold is data.
var (
	headerlessKeywords = []string{
		"items", "prefixItems", "additionalItems", "contains", "additionalProperties", "propertyNames",
		"unevaluatedItems", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
	}
	headerlessMaps = []string{"$defs", "definitions", "patternProperties", "dependentSchemas"}
)

// schema looks at one schema. Reachable says that only "properties" lead to it.
func (w *headerWalk) schema(raw []byte, path []string, reachable bool) error {
	for key, value := range wire.Members(raw) {
		var err error
		switch name := keyName(key); {
		case name == headerKeyword:
			err = w.annotation(raw, value, path, reachable)
		case name == "properties":
			for property, inner := range wire.Members(value) {
				if err = w.schema(inner, append(slices.Clip(path), keyName(property)), reachable); err != nil {
					return err
				}
			}
		case slices.Contains(headerlessMaps, name):
			err = w.each(wire.Members(value), path)
		case slices.Contains(headerlessKeywords, name):
			err = w.headerless(value, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *headerWalk) each(members func(func(_, _ []byte) bool), path []string) error {
	for _, value := range members {
		if err := w.schema(value, path, false); err != nil {
			return err
		}
	}
	return nil
}

func (w *headerWalk) headerless(value []byte, path []string) error {
	for element := range wire.Elements(value) {
		if err := w.schema(element, path, false); err != nil {
			return err
		}
	}
	return w.schema(value, path, false)
}

// annotation takes up one annotation of the schema that stands in raw.
func (w *headerWalk) annotation(raw, value []byte, path []string, reachable bool) error {
	where := strings.Join(path, ".")
	name, ok := wire.Unquote(value)
	kind, _ := wire.Unquote(wire.Get(raw, "type"))
	switch {
	case !reachable || len(path) == 0:
		return fmt.Errorf("%s at %q: only arguments that properties lead to may have one", headerKeyword, where)
	case !ok || !isToken(name):
		return fmt.Errorf("%s of %q: %s is not a header name", headerKeyword, where, value)
	case kind != "string" && kind != "integer" && kind != "boolean":
		return fmt.Errorf("%s of %q: its type must be string, integer or boolean", headerKeyword, where)
	}
	for _, other := range w.found {
		if strings.EqualFold(other.Header, name) {
			return fmt.Errorf("%s of %q: %s is also that of %q", headerKeyword, where, name, strings.Join(other.Path, "."))
		}
	}
	w.found = append(w.found, HeaderParam{Path: path, Header: name, Type: kind})
	return nil
}

// keyName returns a member's name as it is meant.
func keyName(key []byte) string {
	quoted := append(append([]byte{'"'}, key...), '"')
	name, _ := wire.Unquote(quoted)
	return name
}

// isToken reports whether s is a field name (RFC 9110 section 5.1: 1*tchar).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// Value returns the text of the argument as its header carries it, before
// EncodeHeader. It reports false for an argument that is absent or null, and for
// one that no header can carry: an object, an array, a fraction, or an integer
// beyond ±(2^53−1).
func (p HeaderParam) Value(arguments []byte) (string, bool) {
	value := arguments
	for _, name := range p.Path {
		if value = wire.Get(value, name); value == nil {
			return "", false
		}
	}
	if len(value) == 0 {
		return "", false
	}
	switch value[0] {
	case '"':
		return wire.Unquote(value)
	case 't', 'f':
		return string(value), true
	case 'n', '{', '[':
		return "", false
	default:
		n, ok := integer(string(value))
		return strconv.FormatInt(n, 10), ok
	}
}

// integer reads a number without fraction, however it is spelled, within the
// range that every JSON decoder keeps exactly.
func integer(s string) (int64, bool) {
	const most = 1<<53 - 1
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false // ParseFloat reads more than JSON knows
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || f < -most || f > most {
		return 0, false
	}
	return int64(f), true
}

// The marks around a header value that is Base64 of UTF-8 ("Value Encoding").
const (
	sentinelStart = "=?base64?"
	sentinelEnd   = "?="
)

// EncodeHeader returns s as the value of an Mcp-Name or Mcp-Param header: as it
// is where that is safe, else as Base64 between its marks. The empty string is
// marked too, since some proxies drop empty headers.
func EncodeHeader(s string) string {
	if s != "" && isPlain(s) && s[0] != ' ' && s[len(s)-1] != ' ' && !isSentinel(s) {
		return s
	}
	return sentinelStart + base64.StdEncoding.EncodeToString([]byte(s)) + sentinelEnd
}

// DecodeHeader is the reverse of EncodeHeader. It reports false for bad Base64
// and for characters that no such header may contain.
func DecodeHeader(s string) (string, bool) {
	s = strings.Trim(s, " \t")
	if !isSentinel(s) {
		return s, isPlain(strings.ReplaceAll(s, "\t", " "))
	}
	text, err := base64.StdEncoding.Strict().DecodeString(s[len(sentinelStart) : len(s)-len(sentinelEnd)])
	return string(text), err == nil
}

// isPlain reports whether s has visible ASCII characters and spaces only.
func isPlain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

func isSentinel(s string) bool {
	return len(s) >= len(sentinelStart)+len(sentinelEnd) &&
		strings.HasPrefix(s, sentinelStart) && strings.HasSuffix(s, sentinelEnd)
}

// CheckHeaders returns nil if the headers repeat the annotated arguments of a
// tools/call as the page demands, else the error -32020: a header is missing,
// differs, or stands there although its argument does not. Integers are compared
// as numbers. Headers that no annotation names are not looked at.
func CheckHeaders(h http.Header, params []HeaderParam, arguments []byte) *Error {
	for _, p := range params {
		if fault := p.check(h.Values(ParamHeader+p.Header), arguments); fault != "" {
			return Errorf(CodeHeaderMismatch, Malformed, "header %s%s %s the argument %q; list the tools again and repeat the call",
				ParamHeader, p.Header, fault, strings.Join(p.Path, "."))
		}
	}
	return nil
}

// check returns what is wrong with the header's values, "" if nothing.
func (p HeaderParam) check(values []string, arguments []byte) string {
	want, ok := p.Value(arguments)
	switch {
	case len(values) > 1:
		return "stands more than once for"
	case !ok && len(values) == 1:
		return "cannot repeat"
	case !ok:
		return ""
	case len(values) == 0:
		return "is missing for"
	}
	got, ok := DecodeHeader(values[0])
	switch {
	case !ok:
		return "is badly encoded for"
	case got == want, p.Type == "integer" && sameInteger(got, want):
		return ""
	}
	return "does not agree with"
}

func sameInteger(a, b string) bool {
	x, ok := integer(a)
	y, fine := integer(b)
	return ok && fine && x == y
}
