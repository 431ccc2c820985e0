package openapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// escape percent-encodes all of s but what means itself everywhere in a URL (RFC 3986 section 2.3).
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return out.String()
}

// segment returns an argument as part of a path: one segment, or with slashes several.
func segment(text string, p declared.Placeholder) (string, error) {
	if text == "" {
		return "", fmt.Errorf("the argument %q is empty", p.Name)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("the argument %q has a line break or another control character", p.Name)
	}
	if !p.Path {
		return escape(text), nil
	}
	parts := strings.Split(text, "/")
	for i, part := range parts {
		if part == "" {
			return "", fmt.Errorf("the argument %q has an empty part between slashes", p.Name)
		}
		parts[i] = escape(part)
	}
	return strings.Join(parts, "/"), nil
}

// textInPath yields an argument of a declared tool for its path.
func textInPath(args declared.Arguments, p declared.Placeholder) (string, bool, error) {
	text, ok, err := args.Text(p.Name)
	if err != nil || !ok {
		return "", false, err
	}
	text, err = segment(text, p)
	return text, err == nil, err
}

// wanders reports whether somebody on the way may take a part of a path for a step to where it is, or above: . or .., also encoded, and
// encoded more than once, with backslashes, or followed by parameters (..;a=b).
func wanders(path string) bool {
	for range 4 {
		for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			part, _, _ = strings.Cut(part, ";")
			if part == "." || part == ".." {
				return true
			}
		}
		decoded := unescape(path)
		if decoded == path {
			return false
		}
		path = decoded
	}
	return true // nobody encodes so often with good intent
}

// unescape decodes what is percent-encoded, and leaves a % that begins nothing as it is: somebody on the way may do the same.
func unescape(path string) string {
	var out strings.Builder
	for path != "" {
		n := min(len(path), 3)
		if decoded, err := url.PathUnescape(path[:n]); path[0] == '%' && err == nil {
			out.WriteString(decoded)
			path = path[n:]
			continue
		}
		out.WriteByte(path[0])
		path = path[1:]
	}
	return out.String()
}

// templated returns the field of that name whose value is a template. Where that is nothing but a placeholder, a list is as many fields.
func templated(name, value string) (field, []string, error) {
	t, err := declared.Parse(value)
	if err != nil {
		return nil, nil, err
	}
	if whole, ok := t.Whole(); ok {
		return func(args declared.Arguments) ([]pair, error) {
			texts, _, err := args.Texts(whole)
			var pairs []pair
			for _, text := range texts {
				pairs = append(pairs, one(name, text))
			}
			return pairs, err
		}, t.Names(), nil
	}
	return func(args declared.Arguments) ([]pair, error) {
		text, ok, err := t.Fill(func(p declared.Placeholder) (string, bool, error) { return args.Text(p.Name) })
		if err != nil || !ok {
			return nil, err
		}
		return []pair{one(name, text)}, nil
	}, t.Names(), nil
}

// errManyHeaders is the error of a header whose argument is a list.
var errManyHeaders = errors.New("a header takes one value, not a list")

// single wants at most one value of a field.
func single(f field) field {
	return func(args declared.Arguments) ([]pair, error) {
		pairs, err := f(args)
		if err == nil && len(pairs) > 1 {
			err = errManyHeaders
		}
		return pairs, err
	}
}
