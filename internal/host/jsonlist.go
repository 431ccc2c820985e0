package host

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// white is the whitespace of JSON.
const white = " \t\r\n"

// list is an object or array as it stands in a text: items between two brackets.
type list struct {
	array       bool
	open, close int // the first byte behind the opening bracket, and the closing one
	items       []item
}

// item is a member of an object, or an element of an array.
type item struct {
	name       string // of a member; of an element that is an object, its "id"
	before     int    // the first byte behind the bracket or comma in front of it
	start, end int    // its first byte, and the one behind its last
	value      hujson.Value
	comma      int // the comma behind it, or -1
}

// splice is a change of a text: what stood from at up to end becomes text.
type splice struct {
	at, end int
	text    string
}

// apply makes the changes, which must not overlap; those of the same place are made in their order.
func apply(data []byte, splices ...splice) []byte {
	slices.SortStableFunc(splices, func(a, b splice) int { return cmp.Compare(a.at, b.at) })
	var out []byte
	last := 0
	for _, s := range splices {
		out = append(append(out, data[last:s.at]...), s.text...)
		last = s.end
	}
	return append(out, data[last:]...)
}

// listOf reads v, which stands in data, as a list; ok is false if it is no object or array.
func listOf(data []byte, v hujson.Value) (l list, ok bool) {
	l = list{open: v.StartOffset + 1, close: v.EndOffset - 1}
	switch c := v.Value.(type) {
	case *hujson.Object:
		for _, m := range c.Members {
			name, _ := m.Name.Value.(hujson.Literal)
			l.items = append(l.items, item{name: name.String(), start: m.Name.StartOffset, value: m.Value})
		}
	case *hujson.Array:
		l.array = true
		for _, e := range c.Elements {
			l.items = append(l.items, item{name: elementID(e), start: e.StartOffset, value: e})
		}
	default:
		return l, false
	}
	before := l.open
	for i := range l.items {
		it := &l.items[i]
		it.before, it.end, it.comma = before, it.value.EndOffset, -1
		if at := it.end + len(it.value.AfterExtra); data[at] == ',' {
			it.comma, before = at, at+1
		}
	}
	return l, true
}

// elementID is the "id" of an element of an array, or "".
func elementID(v hujson.Value) string {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return ""
	}
	for _, m := range o.Members {
		name, _ := m.Name.Value.(hujson.Literal)
		if id, ok := m.Value.Value.(hujson.Literal); ok && name.String() == "id" {
			return id.String()
		}
	}
	return ""
}

// find returns the index of the item with that name, -1 if there is none, and an error if there are two.
func (l list) find(name string) (int, error) {
	at := -1
	for i, it := range l.items {
		if it.name != name {
			continue
		}
		if at >= 0 {
			return -1, fmt.Errorf("%q stands there twice", name)
		}
		at = i
	}
	return at, nil
}

// insert are the changes that put a new last item into the list: name, which an array does not write, and value.
func (l list) insert(data []byte, s style, name string, value any) []splice {
	item := func(indent string, lines bool) string {
		text := s.value(value, indent, lines)
		if l.array {
			return text
		}
		return string(hujson.String(name)) + ":" + s.colon + text
	}
	if len(l.items) == 0 {
		outer := lineIndent(data, l.open)
		at := l.open + len(bytes.TrimRight(data[l.open:l.close], white))
		text := s.newline + outer + s.unit + item(outer+s.unit, true)
		if !bytes.Contains(data[at:l.close], []byte("\n")) {
			return []splice{{at, l.close, text + s.newline + outer}}
		}
		return []splice{{at, at, text}}
	}

	last := l.items[len(l.items)-1]
	lead := data[last.before:last.start]
	if !bytes.Contains(lead, []byte("\n")) {
		if last.comma >= 0 {
			return []splice{{last.comma + 1, last.comma + 1, s.gap + item("", false) + ","}}
		}
		return []splice{{last.end, last.end, "," + s.gap + item("", false)}}
	}
	indent := lineIndent(data, last.start)
	tail := max(last.end, last.comma+1)
	at := tail + len(bytes.TrimRight(data[tail:l.close], white))
	text := s.newline + indent + item(indent, true)
	if last.comma >= 0 {
		return []splice{{at, at, text + ","}}
	}
	return []splice{{last.end, last.end, ","}, {at, at, text}}
}

// cut are the changes that take item i, its comma and the whitespace in front of it out of the list.
// Comments around it stay.
func (l list) cut(data []byte, i int) []splice {
	it := l.items[i]
	from := it.before + len(bytes.TrimRight(data[it.before:it.start], white))
	rest := data[max(it.end, it.comma+1):l.close]
	if only := bytes.TrimSpace(data[l.open:from]); len(l.items) == 1 && len(only) == 0 && len(bytes.TrimSpace(rest)) == 0 {
		return []splice{{l.open, l.close, ""}}
	}
	// A line comment in front of it must keep the end of its line.
	if next := bytes.TrimLeft(rest, " \t\r"); !bytes.HasPrefix(next, []byte("\n")) {
		if nl := bytes.IndexByte(data[from:it.start], '\n'); nl >= 0 && bytes.Contains(data[it.before:from], []byte("//")) {
			from += nl + 1
		}
	}
	out := []splice{{from, it.end, ""}}
	switch {
	case it.comma >= 0:
		out = append(out, splice{it.comma, it.comma + 1, ""})
	case i > 0:
		before := l.items[i-1].comma
		out = append(out, splice{before, before + 1, ""})
	}
	return out
}

// lineIndent is the whitespace at the beginning of the line in which at stands.
func lineIndent(data []byte, at int) string {
	line := data[bytes.LastIndexByte(data[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// style is how a file is laid out.
type style struct {
	newline string // "\n" or "\r\n"
	unit    string // one step of indentation
	colon   string // behind a colon
	gap     string // behind a comma, in a line
}

// styleOf looks how data is laid out; root is its outermost list.
func styleOf(data []byte, root list) style {
	s := style{newline: newlineOf(data), unit: "  ", colon: " ", gap: " "}
	if len(root.items) == 0 {
		return s
	}
	first := root.items[0]
	if bytes.Contains(data[first.before:first.start], []byte("\n")) {
		s.unit = cmp.Or(lineIndent(data, first.start), s.unit)
	}
	if len(first.value.BeforeExtra) == 0 {
		s.colon, s.gap = "", ""
	}
	return s
}

// newlineOf is how the lines of data end.
func newlineOf(data []byte) string {
	if at := bytes.IndexByte(data, '\n'); at > 0 && data[at-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// value writes v as JSON: over several lines, the first of which begins at indent, or in one.
func (s style) value(v any, indent string, lines bool) string {
	switch v := v.(type) {
	case raw:
		return string(v)
	case string:
		return string(hujson.String(v))
	case bool:
		return string(hujson.Bool(v))
	case []string:
		quoted := make([]string, len(v))
		for i, e := range v {
			quoted[i] = string(hujson.String(e))
		}
		return "[" + strings.Join(quoted, ","+s.gap) + "]"
	case []any:
		return s.bracket("[]", indent, lines, len(v), func(i int, indent string) string {
			return s.value(v[i], indent, lines)
		})
	case object:
		return s.bracket("{}", indent, lines, len(v), func(i int, indent string) string {
			return string(hujson.String(v[i].name)) + ":" + s.colon + s.value(v[i].value, indent, lines)
		})
	}
	panic(fmt.Sprintf("host: %T is no value of a configuration", v))
}

// bracket writes n items between brackets.
func (s style) bracket(brackets, indent string, lines bool, n int, item func(i int, indent string) string) string {
	inner, between := indent+s.unit, ","+s.gap
	before, after := "", ""
	if lines {
		before, between, after = s.newline+inner, ","+s.newline+inner, s.newline+indent
	}
	texts := make([]string, n)
	for i := range n {
		texts[i] = item(i, inner)
	}
	return brackets[:1] + before + strings.Join(texts, between) + after + brackets[1:]
}
