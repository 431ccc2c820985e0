package typing

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
)

// union makes the schema of a union. What is absent stands for nothing in it, since JSON has no undefined. The values in without are
// left out.
func (c *converter) union(t *syntax.Type, s *scope, without ...any) Schema {
	var values []any
	var kinds []Schema
	for _, part := range c.flatten(t, s, 0) {
		if found, ok := c.literals(part.typ, part.scope); ok {
			for _, v := range found {
				if !slices.Contains(without, v) && !slices.Contains(values, v) {
					values = append(values, v)
				}
			}
			continue
		}
		one := c.schema(part.typ, part.scope)
		if len(one) == 0 {
			return Schema{} // one part that may be anything
		}
		kinds = append(kinds, one)
	}
	return merge(values, kinds)
}

// merge makes one schema of literals and other types.
func merge(values []any, kinds []Schema) Schema {
	null := slices.Contains(values, nil)
	rest := slices.DeleteFunc(slices.Clone(values), func(v any) bool { return v == nil })
	if len(rest) > 0 {
		kinds = append([]Schema{enumOf(rest)}, kinds...)
	}
	switch {
	case len(kinds) == 0 && null:
		return of("type", "null")
	case len(kinds) == 0:
		return Schema{}
	case len(kinds) == 1 && null:
		return orNull(kinds[0])
	case len(kinds) == 1:
		return kinds[0]
	}
	if names, ok := onlyTypes(kinds); ok {
		if null {
			names = append(names, "null")
		}
		return of("type", names)
	}
	if null {
		kinds = append(kinds, of("type", "null"))
	}
	return of("anyOf", kinds)
}

// onlyTypes returns the types of schemas that say nothing else.
func onlyTypes(all []Schema) ([]string, bool) {
	var names []string
	for _, s := range all {
		name, ok := s.Get("type").(string)
		if !ok || len(s) > 1 {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// orNull also allows null.
func orNull(s Schema) Schema {
	name, ok := s.Get("type").(string)
	switch {
	case !ok && s.Get("enum") == nil:
		return of("anyOf", []Schema{s, of("type", "null")})
	case s.Get("const") != nil:
		return of("enum", []any{s.Get("const"), nil})
	case s.Get("enum") != nil:
		values, _ := s.Get("enum").([]any)
		return of("enum", append(slices.Clone(values), nil))
	}
	return s.With("type", []string{name, "null"})
}

// flatten returns the parts of a union, those of unions in it too, without undefined and its like.
func (c *converter) flatten(t *syntax.Type, s *scope, depth int) []bound {
	if c.work++; depth > maxDepth || c.work > maxWork {
		return []bound{{t, s}}
	}
	switch {
	case t.Form == syntax.Union:
		var all []bound
		for _, part := range t.Parts {
			all = append(all, c.flatten(part, s, depth+1)...)
		}
		return all
	case isAbsent(t):
		return nil
	case t.Form == syntax.Reference:
		if b, ok := s.vars[t.Name]; ok && b.typ != nil {
			return c.flatten(b.typ, b.scope, depth+1)
		}
		if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Typ != nil && d.Typ.Form == syntax.Union && !slices.Contains(c.open, d) {
			return c.flatten(d.Typ, arguments(d, t.Parts, s, m), depth+1)
		}
	}
	return []bound{{t, s}}
}

func isAbsent(t *syntax.Type) bool {
	return t.Form == syntax.Reference && (t.Name == "undefined" || t.Name == "void" || t.Name == "never") && len(t.Parts) == 0
}

// mayBeAbsent reports whether undefined is a value of the type.
func (c *converter) mayBeAbsent(t *syntax.Type, s *scope, depth int) bool {
	switch c.work++; {
	case depth > maxDepth, c.work > maxWork:
		return false
	case t.Form == syntax.Union:
		return slices.ContainsFunc(t.Parts, func(part *syntax.Type) bool { return c.mayBeAbsent(part, s, depth+1) })
	case t.Form != syntax.Reference:
		return false
	case isAbsent(t):
		return true
	}
	if b, ok := s.vars[t.Name]; ok && b.typ != nil {
		return c.mayBeAbsent(b.typ, b.scope, depth+1)
	}
	if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Typ != nil {
		return c.mayBeAbsent(d.Typ, arguments(d, t.Parts, s, m), depth+1)
	}
	return false
}

// literals returns the values of a type that has only certain ones.
func (c *converter) literals(t *syntax.Type, s *scope) ([]any, bool) {
	defer c.end()
	if !c.begin() {
		return nil, false
	}
	switch t.Form { //nolint:exhaustive // the others are not of certain values only
	case syntax.Literal:
		return []any{t.Value}, isScalar(t.Value)
	case syntax.Union:
		return c.literalsOf(t.Parts, s)
	case syntax.KeyOf:
		members, index, ok := c.members(t.Parts[0], s)
		if !ok || index != nil {
			return nil, false
		}
		var names []any
		for _, m := range members {
			names = append(names, m.Name)
		}
		return names, true
	case syntax.Indexed:
		if t.Parts[0].Form == syntax.TypeOf && isNumber(t.Parts[1]) { // (typeof NAMES)[number]
			return c.elements(t.Parts[0], s)
		}
		if inner, at := c.index(t, s); inner != nil {
			return c.literals(inner, at)
		}
	case syntax.Reference:
		return c.literalsByName(t, s)
	}
	return nil, false
}

func isScalar(value any) bool { return kindOf(value) != "" }

func isNumber(t *syntax.Type) bool { return t.Form == syntax.Reference && t.Name == "number" }

func (c *converter) literalsOf(parts []*syntax.Type, s *scope) ([]any, bool) {
	var all []any
	for _, part := range parts {
		if isAbsent(part) {
			continue
		}
		values, ok := c.literals(part, s)
		if !ok {
			return nil, false
		}
		for _, v := range values {
			if !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all, len(all) > 0
}

// elements returns the values of the elements of a constant array.
func (c *converter) elements(t *syntax.Type, s *scope) ([]any, bool) {
	d, m := c.p.lookup(s.m, t.Name, 0)
	if d == nil || d.Value == nil || d.Value.Constant == nil || d.Value.Constant.Form != syntax.Tuple {
		return nil, false
	}
	return c.literalsOf(d.Value.Constant.Parts, &scope{m: m})
}

func (c *converter) literalsByName(t *syntax.Type, s *scope) ([]any, bool) {
	if b, ok := s.vars[t.Name]; ok {
		if b.typ == nil {
			return nil, false
		}
		return c.literals(b.typ, b.scope)
	}
	if (t.Name == "Exclude" || t.Name == "Extract") && len(t.Parts) == 2 {
		of, ok := c.literals(t.Parts[0], s)
		by, known := c.literals(t.Parts[1], s)
		if !ok || !known {
			return nil, false
		}
		return slices.DeleteFunc(slices.Clone(of), func(v any) bool { return slices.Contains(by, v) == (t.Name == "Exclude") }), true
	}
	if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Typ != nil && !slices.Contains(c.open, d) {
		return c.literals(d.Typ, arguments(d, t.Parts, s, m))
	}
	return nil, false
}

// index returns the type of a member of an object, or of the elements of an array: T["name"], T[number].
func (c *converter) index(t *syntax.Type, s *scope) (*syntax.Type, *scope) {
	if t.Form != syntax.Indexed {
		return nil, nil
	}
	of, key := t.Parts[0], t.Parts[1]
	if of.Form == syntax.Array && isNumber(key) {
		return of.Parts[0], s
	}
	if key.Form != syntax.Literal {
		return nil, nil
	}
	members, _, ok := c.members(of, s)
	if !ok {
		return nil, nil
	}
	for _, m := range members {
		if m.Name == key.Value {
			return m.Type, m.scope
		}
	}
	return nil, nil
}
