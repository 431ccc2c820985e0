package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// readJSON parses a JSON document as hosts write it: comments and a comma after the last element are allowed.
func readJSON(src *source, data []byte) (*node, Faults) {
	if len(bytes.TrimSpace(data)) == 0 {
		return &node{kind: object, at: position{1, 1}}, nil
	}
	root, err := hujson.Parse(data)
	if err != nil {
		return nil, Faults{src.badJSON(err)}
	}
	r := &jsonReader{src: src, data: data, line: 1}
	return r.node(&root), r.faults
}

// placed takes the place out of the parser's message, which begins with it.
var placed = regexp.MustCompile(`^(?:hujson: )?line (\d+), column (\d+): (.*)$`)

// badJSON turns the parser's error into a fault.
func (s *source) badJSON(err error) Fault {
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return s.at(position{1, 1}, "", "this is not JSON: "+err.Error(), "")
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	return s.at(position{line, column}, "", "this is not JSON: "+m[3], "")
}

// A jsonReader turns the syntax tree of a JSON document into nodes.
type jsonReader struct {
	src    *source
	faults Faults
	data   []byte

	offset, line, start int // how far lines have been counted: the offset, its line, and where that line starts
}

// place returns the position of a byte offset. Offsets are asked for in rising order.
func (r *jsonReader) place(offset int) position {
	for ; r.offset < offset; r.offset++ {
		if r.data[r.offset] == '\n' {
			r.line, r.start = r.line+1, r.offset+1
		}
	}
	return position{r.line, utf8.RuneCount(r.data[r.start:offset]) + 1}
}

// node returns v and all below it.
func (r *jsonReader) node(v *hujson.Value) *node {
	out := &node{at: r.place(v.StartOffset)}
	switch x := v.Value.(type) {
	case *hujson.Object:
		out.kind = object
		r.fields(x, out)
	case *hujson.Array:
		out.kind = list
		for i := range x.Elements {
			out.items = append(out.items, r.node(&x.Elements[i]))
		}
	case hujson.Literal:
		out.literal(x)
	}
	return out
}

// fields reads the members of an object into out.
func (r *jsonReader) fields(x *hujson.Object, out *node) {
	seen := map[string]position{}
	for i := range x.Members {
		m := &x.Members[i]
		at := r.place(m.Name.StartOffset)
		name, _ := m.Name.Value.(hujson.Literal)
		key := name.String()
		value := r.node(&m.Value)
		if first, twice := seen[key]; twice {
			r.faults = append(r.faults, r.src.at(at, "", fmt.Sprintf("%s is already set on line %d", key, first.line), "remove one of the two"))
			continue
		}
		seen[key] = at
		out.fields = append(out.fields, field{key: key, at: at, value: value})
	}
}

// literal makes n the scalar x.
func (n *node) literal(x hujson.Literal) {
	switch s := string(x); {
	case s == "null":
		n.kind = null
	case s == "true", s == "false":
		n.kind, n.text = boolean, s
	case strings.HasPrefix(s, `"`):
		n.kind, n.text = text, x.String()
	default:
		n.kind, n.text = number, s
	}
	n.raw = n.text
}
