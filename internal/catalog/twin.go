package catalog

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Twin returns the first argument name that differs only by case from a property
// of the tool's input schema, at any depth, and is none itself: a server that
// ignores case would take it for that property, and what was checked would not be
// what it reads (design/protocol.md, guarantee 1). It returns "" if there is none.
// Arguments must have been scanned. Nothing is allocated while every name is a property.
func (e *Entry) Twin(arguments []byte) string {
	if e.inputs == nil || len(arguments) == 0 {
		return ""
	}
	return e.inputs.shape().twin(arguments)
}

// inputs are the names that a tool's arguments may have, worked out from the
// input schema when first needed.
type inputs struct {
	schema []byte
	once   sync.Once
	root   *shape
}

func (in *inputs) shape() *shape {
	in.once.Do(func() {
		b := shaper{root: in.schema, made: map[string]*shape{}}
		in.root = b.shape([][]byte{in.schema})
	})
	return in.root
}

// A shape is what some schemas that hold for one value say of its names. Nil says nothing.
type shape struct {
	properties map[string]*shape
	folded     map[string]bool // the names of properties, folded
	rest       *shape          // of members that are no property
	elements   *shape          // of an array
}

func (s *shape) twin(value []byte) string {
	if s == nil {
		return ""
	}
	if value[0] == '[' {
		return s.twinInElements(value)
	}
	for m := range wire.MemberSpans(value) {
		inner, ok := s.member(value, m.Key)
		if !ok {
			name, _ := wire.Unquote(value[m.Key.Start-1 : m.Key.End+1])
			return name
		}
		if twin := inner.twin(value[m.Value.Start:m.Value.End]); twin != "" {
			return twin
		}
	}
	return ""
}

func (s *shape) twinInElements(value []byte) string {
	if s.elements == nil {
		return ""
	}
	for element := range wire.Elements(value) {
		if twin := s.elements.twin(element); twin != "" {
			return twin
		}
	}
	return ""
}

// member returns the shape of a member's value, and false if its key is the twin of a property.
func (s *shape) member(object []byte, key wire.Span) (*shape, bool) {
	raw := object[key.Start:key.End]
	if bytes.IndexByte(raw, '\\') < 0 {
		if inner, ok := s.properties[string(raw)]; ok {
			return inner, true
		}
	}
	if len(s.properties) == 0 {
		return s.rest, true
	}
	name, _ := wire.Unquote(object[key.Start-1 : key.End+1])
	if inner, ok := s.properties[name]; ok {
		return inner, true
	}
	return s.rest, !s.folded[wire.Fold(name)]
}

// maxSteps bounds the work on one tool, in schemas looked at. What a schema says
// beyond is not known, as if it did not say it.
const maxSteps = 1 << 16

// A shaper makes shapes of the schemas within root. Several schemas may hold for
// one value (allOf, anyOf, $ref …), so a shape belongs to a set of them; sets
// that were seen before have their shape already, and so a schema that refers to
// itself ends.
type shaper struct {
	root  []byte
	made  map[string]*shape
	steps int
}

// shape returns the shape of a value for which the schemas hold; nil if they say nothing of names.
func (b *shaper) shape(schemas [][]byte) *shape {
	all := group{seen: map[int]bool{}, properties: map[string][][]byte{}}
	for _, schema := range schemas {
		b.gather(&all, schema)
	}
	if len(all.properties) == 0 && len(all.rest) == 0 && len(all.elements) == 0 {
		return nil
	}
	id := all.id()
	if s, ok := b.made[id]; ok {
		return s
	}
	s := &shape{properties: map[string]*shape{}, folded: map[string]bool{}}
	b.made[id] = s
	for name, inner := range all.properties {
		s.properties[name] = b.shape(inner)
		s.folded[wire.Fold(name)] = true
	}
	s.rest = b.shape(all.rest)
	s.elements = b.shape(all.elements)
	return s
}

// A group is what a set of schemas says together.
type group struct {
	seen       map[int]bool // where the schemas begin
	properties map[string][][]byte
	rest       [][]byte
	elements   [][]byte
}

// id is equal for equal sets of schemas of one root.
func (g *group) id() string {
	var id strings.Builder
	for _, at := range slices.Sorted(maps.Keys(g.seen)) {
		id.WriteString(strconv.Itoa(at))
		id.WriteByte(' ')
	}
	return id.String()
}

// gather adds a schema to the group, and those that hold for the same value with it.
func (b *shaper) gather(g *group, schema []byte) {
	if !isObject(schema) {
		return
	}
	// All schemas are parts of root, so what is left of its capacity tells where each begins.
	at := cap(b.root) - cap(schema)
	if g.seen[at] || b.steps == maxSteps {
		return
	}
	b.steps++
	g.seen[at] = true
	for key, value := range wire.Members(schema) {
		switch string(key) {
		case "properties":
			g.addProperties(value)
		case "additionalProperties", "unevaluatedProperties":
			g.rest = append(g.rest, value)
		case "patternProperties":
			g.rest = slices.AppendSeq(g.rest, values(value))
		case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains":
			g.elements = append(g.elements, value)
			g.elements = slices.AppendSeq(g.elements, wire.Elements(value))
		case "allOf", "anyOf", "oneOf":
			for part := range wire.Elements(value) {
				b.gather(g, part)
			}
		case "if", "then", "else":
			b.gather(g, value)
		case "dependentSchemas":
			for part := range values(value) {
				b.gather(g, part)
			}
		case "$ref":
			b.gather(g, b.resolve(value))
		}
	}
}

func (g *group) addProperties(properties []byte) {
	for m := range wire.MemberSpans(properties) {
		name, _ := wire.Unquote(properties[m.Key.Start-1 : m.Key.End+1])
		g.properties[name] = append(g.properties[name], properties[m.Value.Start:m.Value.End])
	}
}

// resolve returns the schema that a reference within the document points to (RFC
// 6901), nil for any other reference. Percent signs stand for themselves.
func (b *shaper) resolve(ref []byte) []byte {
	pointer, _ := wire.Unquote(ref)
	pointer, local := strings.CutPrefix(pointer, "#")
	if !local {
		return nil
	}
	schema := b.root
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer != "" {
			schema = wire.Get(schema, unescape.Replace(token))
		}
	}
	return schema
}

// values yields the values of an object's members.
func values(object []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for _, value := range wire.Members(object) {
			if !yield(value) {
				return
			}
		}
	}
}
