package typing

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
)

// A scoped member is one of an object, and where its type stands.
type scoped struct {
	*syntax.Member
	scope *scope
}

// object makes the schema of an object.
func (c *converter) object(t *syntax.Type, s *scope) Schema {
	members, index, ok := c.members(t, s)
	if !ok {
		if t.Form == syntax.Intersection {
			return c.allOf(t, s)
		}
		return c.missing(t, s, "the members of a type are not understood")
	}
	return c.objectOf(members, index)
}

// objectOf makes the schema of an object with these members; what its further members are follows from index.
func (c *converter) objectOf(members []scoped, index *bound) Schema {
	out := of("type", "object")
	var properties Schema
	var required []string
	for _, m := range members {
		if isAbsent(m.Type) {
			continue
		}
		if m.Type.Form == syntax.Callable {
			if c.output {
				continue // JSON leaves it out
			}
			m.Optional = true
		}
		one := applied(m.Doc, c.schema(m.Type, m.scope))
		if m.Valued {
			one = one.With("default", m.Default)
		}
		properties = properties.With(m.Name, one)
		if !m.Optional && !m.Valued && !c.mayBeAbsent(m.Type, m.scope, 0) {
			required = append(required, m.Name)
		}
	}
	if len(properties) > 0 {
		out = out.With("properties", properties)
	}
	if len(required) > 0 {
		out = out.With("required", required)
	}
	if index != nil && index.typ != nil {
		if rest := c.schema(index.typ, index.scope); len(rest) > 0 {
			out = out.With("additionalProperties", rest)
		}
	}
	return out
}

// allOf is the schema of an intersection whose parts are no objects with known members.
func (c *converter) allOf(t *syntax.Type, s *scope) Schema {
	var all []Schema
	for _, part := range t.Parts {
		if one := c.schema(part, s); len(one) > 0 {
			all = append(all, one)
		}
	}
	switch len(all) {
	case 0:
		return Schema{}
	case 1:
		return all[0]
	}
	return of("allOf", all)
}

// members returns the members of an object, and the type of further ones; ok is false where they are not known.
func (c *converter) members(t *syntax.Type, s *scope) (members []scoped, index *bound, ok bool) {
	defer c.end()
	if !c.begin() {
		return nil, nil, false
	}
	switch t.Form { //nolint:exhaustive // the others have no members
	case syntax.Object:
		for _, m := range t.Members {
			members = append(members, scoped{m, s})
		}
		if t.Index != nil {
			index = &bound{t.Index, s}
		}
		return members, index, true
	case syntax.Intersection:
		return c.together(t, s)
	case syntax.Mapped:
		return c.mapped(t, s)
	case syntax.TypeOf:
		if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Value != nil && d.Value.Constant != nil {
			return c.members(d.Value.Constant, &scope{m: m})
		}
	case syntax.Reference:
		return c.membersByName(t, s)
	}
	return nil, nil, false
}

// together returns the members of all parts; of two with one name the later holds.
func (c *converter) together(t *syntax.Type, s *scope) (members []scoped, index *bound, ok bool) {
	for _, part := range t.Parts {
		more, i, ok := c.members(part, s)
		if !ok {
			return nil, nil, false
		}
		for _, m := range more {
			same := func(have scoped) bool { return have.Name == m.Name }
			if at := slices.IndexFunc(members, same); at >= 0 {
				members[at] = m
			} else {
				members = append(members, m)
			}
		}
		if i != nil {
			index = i
		}
	}
	return members, index, true
}

func (c *converter) mapped(t *syntax.Type, s *scope) ([]scoped, *bound, bool) {
	keys, ok := c.literals(t.Parts[0], s)
	if !ok {
		if b := c.stringKeys(t.Parts[0], s); b {
			return nil, &bound{t.Parts[1], withVar(s, t.Name, bound{})}, true
		}
		return nil, nil, false
	}
	var members []scoped
	for _, key := range keys {
		in := withVar(s, t.Name, bound{&syntax.Type{Form: syntax.Literal, Value: key, Line: t.Line}, s})
		members = append(members, scoped{&syntax.Member{Name: keyText(key), Type: t.Parts[1], Optional: t.Optional, Line: t.Line}, in})
	}
	return members, nil, true
}

// stringKeys reports whether a type of keys is all strings, or numbers.
func (c *converter) stringKeys(t *syntax.Type, s *scope) bool {
	if b, ok := s.vars[t.Name]; ok && t.Form == syntax.Reference && b.typ != nil {
		return c.stringKeys(b.typ, b.scope)
	}
	return t.Form == syntax.Characters || t.Form == syntax.Reference && (t.Name == "string" || t.Name == "number" || t.Name == "String" || t.Name == "PropertyKey" || t.Name == "any")
}

func withVar(s *scope, name string, b bound) *scope {
	in := &scope{m: s.m, vars: map[string]bound{name: b}}
	for other, of := range s.vars {
		if other != name {
			in.vars[other] = of
		}
	}
	return in
}

func keyText(key any) string {
	switch key := key.(type) {
	case string:
		return key
	case float64:
		return strconv.FormatFloat(key, 'f', -1, 64)
	}
	return ""
}

func (c *converter) membersByName(t *syntax.Type, s *scope) ([]scoped, *bound, bool) {
	if b, ok := s.vars[t.Name]; ok {
		if b.typ == nil {
			return nil, nil, false
		}
		return c.members(b.typ, b.scope)
	}
	if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Typ != nil {
		if d.Typ.Form == syntax.Unknown {
			return nil, nil, false
		}
		return c.members(d.Typ, arguments(d, t.Parts, s, m))
	}
	switch t.Name {
	case "Readonly", "NoInfer", "Promise", "Awaited":
		if len(t.Parts) == 1 {
			return c.members(t.Parts[0], s)
		}
	case "Record", "Object", "object":
		if len(t.Parts) == 2 {
			return c.mapped(&syntax.Type{Form: syntax.Mapped, Name: "#key", Parts: t.Parts, Line: t.Line}, s)
		}
	case "Partial", "Required":
		return c.changed(t, s)
	case "Pick", "Omit":
		return c.picked(t, s)
	}
	return nil, nil, false
}

// changed returns the members of Partial and Required.
func (c *converter) changed(t *syntax.Type, s *scope) ([]scoped, *bound, bool) {
	if len(t.Parts) != 1 {
		return nil, nil, false
	}
	members, index, ok := c.members(t.Parts[0], s)
	for i, m := range members {
		copied := *m.Member
		copied.Optional = t.Name == "Partial"
		members[i].Member = &copied
	}
	return members, index, ok
}

// picked returns the members of Pick and Omit.
func (c *converter) picked(t *syntax.Type, s *scope) ([]scoped, *bound, bool) {
	if len(t.Parts) != 2 {
		return nil, nil, false
	}
	members, index, ok := c.members(t.Parts[0], s)
	keys, known := c.literals(t.Parts[1], s)
	if !ok || !known {
		return nil, nil, false
	}
	members = slices.DeleteFunc(members, func(m scoped) bool {
		return slices.ContainsFunc(keys, func(key any) bool { return keyText(key) == m.Name }) == (t.Name == "Omit")
	})
	return members, index, true
}

// texts and numbers are the tags that become keywords.
var (
	texts   = map[string]string{"format": "format", "pattern": "pattern", "title": "title"}
	numbers = map[string]string{
		"minimum": "minimum", "maximum": "maximum", "exclusiveminimum": "exclusiveMinimum", "exclusivemaximum": "exclusiveMaximum",
		"multipleof": "multipleOf", "minlength": "minLength", "maxlength": "maxLength", "minitems": "minItems", "maxitems": "maxItems",
		"min": "minimum", "max": "maximum",
	}
)

// apply adds to a schema what a comment says of it.
func applied(d syntax.Doc, s Schema) Schema {
	if d.Text != "" {
		s = s.With("description", d.Text)
	}
	for _, tag := range sortedKeys(d.Tags) {
		rest := strings.TrimSpace(d.Tags[tag])
		switch {
		case texts[tag] != "" && rest != "":
			s = s.With(texts[tag], rest)
		case numbers[tag] != "":
			if n, err := strconv.ParseFloat(rest, 64); err == nil {
				s = s.With(numbers[tag], n)
			}
		case tag == "default":
			if value, ok := syntax.ReadDefault(rest); ok {
				s = s.With("default", value)
			}
		case (tag == "integer" || tag == "int" || tag == "astype" && rest == "integer") && s.Get("type") == "number":
			s = s.With("type", "integer")
		case tag == "deprecated":
			s = s.With("deprecated", true)
		}
	}
	return s
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
