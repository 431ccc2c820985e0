package document

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// anything is the type of values of which the struct does not say what they are.
var anything = reflect.TypeFor[json.RawMessage]()

// free lays n, which may be any value, over v as JSON, with the keys in their order.
func (d *Document) free(n *node, path string, v reflect.Value) {
	v.SetBytes(d.json(nil, n, path))
}

// json appends n, which stands at path, as JSON to out.
func (d *Document) json(out []byte, n *node, path string) []byte {
	switch n.kind {
	case boolean:
		return append(out, strings.ToLower(n.text)...)
	case number:
		text, ok := jsonNumber(n.text)
		if !ok && !n.broken {
			d.fault(n, path, n.text+" is not a number that JSON has", "put it in quotes to have a text")
		}
		return append(out, text...)
	case text:
		return appendText(out, n.text)
	case list:
		out = append(out, '[')
		for i, item := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = d.json(out, item, index(path, i))
		}
		return append(out, ']')
	case object:
		out = append(out, '{')
		for i, f := range n.fields {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, f.key), ':')
			out = d.json(out, f.value, Join(path, f.key))
		}
		return append(out, '}')
	case null:
	}
	return append(out, "null"...)
}

func appendText(out []byte, s string) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return append(out, `""`...) // a text always encodes
	}
	return append(out, data...)
}

// numeral matches the numbers of JSON.
var numeral = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// jsonNumber returns a number of YAML as JSON has it: those of other bases and with underlines too, but no infinity.
func jsonNumber(text string) (string, bool) {
	if numeral.MatchString(text) {
		return text, true
	}
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		return strconv.FormatInt(i, 10), true
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "null", false
	}
	out, err := json.Marshal(f)
	return string(out), err == nil
}
