package typing

import (
	"fmt"
	"slices"
	"strings"
)

// A converter makes the schema of one tool's input or output.
type converter struct {
	p *Program
	// what is it of: it stands in notices.
	what string
	// output tells that values go out, so that dates are texts by then.
	output bool
	defs   Schema
	open   []*decl          // being made, from the outermost
	loops  map[*decl]string // those that have met themselves, and what they are called
	depth  int
}

// A scope is where a type stands: in which module, and what its type parameters are.
type scope struct {
	m    *module
	vars map[string]bound
}

// A bound is what stands for a type parameter; a nil type is anything.
type bound struct {
	typ   *Type
	scope *scope
}

// missing gives a notice and returns the schema that all values fit.
func (c *converter) missing(t *Type, s *scope, format string, args ...any) Schema {
	c.p.notice(s.m, t.Line, "%s: %s, so anything is accepted there", c.what, fmt.Sprintf(format, args...))
	return Schema{}
}

// schema returns the schema of the values of a type.
func (c *converter) schema(t *Type, s *scope) Schema {
	if c.depth++; c.depth > maxDepth {
		c.depth--
		return c.missing(t, s, "the types are nested too deeply")
	}
	defer func() { c.depth-- }()
	switch t.Form {
	case reference:
		return c.reference(t, s)
	case literal:
		return enumOf([]any{t.Value})
	case array:
		return arrayOf(c.schema(t.Parts[0], s))
	case tuple:
		return c.tuple(t, s)
	case union:
		return c.union(t, s)
	case characters:
		return Schema{{"type", "string"}}
	case object, mapped, intersection:
		return c.object(t, s)
	case keyOf, indexed:
		if values, ok := c.literals(t, s); ok {
			return enumOf(values)
		}
		if inner, at := c.index(t, s); inner != nil {
			return c.schema(inner, at)
		}
		return c.missing(t, s, "a type by its key is not understood")
	case typeOf:
		if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.value != nil && d.value.constant != nil {
			return c.schema(d.value.constant, &scope{m: m})
		}
		return c.missing(t, s, "typeof %s is not understood", t.Name)
	case function:
		return c.missing(t, s, "a function is no JSON")
	}
	return c.missing(t, s, "the type is not understood")
}

func arrayOf(items Schema) Schema {
	if len(items) == 0 {
		return Schema{{"type", "array"}}
	}
	return Schema{{"type", "array"}, {"items", items}}
}

// enumOf is the schema of some values.
func enumOf(values []any) Schema {
	kinds := map[string]bool{}
	for _, v := range values {
		kinds[kindOf(v)] = true
	}
	var out Schema
	if len(kinds) == 1 && kindOf(values[0]) != "" {
		out = Schema{{"type", kindOf(values[0])}}
	}
	switch {
	case len(values) == 1 && values[0] == nil:
		return out
	case len(values) == 1:
		return append(out, Keyword{"const", values[0]})
	case len(values) == 2 && kinds["boolean"] && len(kinds) == 1:
		return out
	}
	return append(out, Keyword{"enum", values})
}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case nil:
		return "null"
	}
	return ""
}

// plainTypes are those whose schema says all.
var plainTypes = map[string]Schema{
	"string": {{"type", "string"}}, "number": {{"type", "number"}}, "boolean": {{"type", "boolean"}}, "null": {{"type", "null"}},
	"object": {{"type", "object"}}, "any": {}, "unknown": {}, "void": {}, "undefined": {},
	"String": {{"type", "string"}}, "Number": {{"type", "number"}}, "Boolean": {{"type", "boolean"}}, "bool": {{"type", "boolean"}},
	"integer": {{"type", "integer"}}, "int": {{"type", "integer"}}, "Object": {{"type", "object"}},
	"Array": {{"type", "array"}}, "ReadonlyArray": {{"type", "array"}}, "array": {{"type", "array"}}, "never": {},
}

// sentTypes are those that become texts on their way out.
var sentTypes = map[string]Schema{
	"Date": {{"type", "string"}, {"format", "date-time"}}, "URL": {{"type", "string"}, {"format", "uri"}}, "bigint": {{"type", "string"}},
}

func (c *converter) reference(t *Type, s *scope) Schema {
	if b, ok := s.vars[t.Name]; ok {
		if b.typ == nil {
			return Schema{}
		}
		return c.schema(b.typ, b.scope)
	}
	if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.typ != nil {
		return c.expand(t, d, s, m)
	}
	if out, ok := c.generic(t, s); ok {
		return out
	}
	if out, ok := plainTypes[t.Name]; ok {
		return slices.Clone(out)
	}
	if out, ok := sentTypes[t.Name]; ok && c.output {
		return slices.Clone(out)
	}
	if strings.HasSuffix(t.Name, "[]") {
		return Schema{{"type", "array"}}
	}
	return c.missing(t, s, "the type %s is not known here", t.Name)
}

// arguments are the scope of a declaration that is given type arguments.
func arguments(d *decl, args []*Type, s *scope, m *module) *scope {
	in := &scope{m: m, vars: map[string]bound{}}
	for i, p := range d.parameters {
		switch {
		case i < len(args):
			in.vars[p.name] = bound{args[i], s}
		default:
			in.vars[p.name] = bound{p.fallback, in}
		}
	}
	return in
}

// expand makes the schema of a declared type. One that contains itself becomes a definition.
func (c *converter) expand(t *Type, d *decl, s *scope, m *module) Schema {
	if slices.Contains(c.open, d) {
		if len(d.parameters) > 0 {
			return c.missing(t, s, "the type %s contains itself with other arguments", t.Name)
		}
		if c.loops == nil {
			c.loops = map[*decl]string{}
		}
		if c.loops[d] == "" {
			c.loops[d] = c.freeName(d.name)
		}
		return Schema{{"$ref", "#/$defs/" + c.loops[d]}}
	}
	c.open = append(c.open, d)
	out := c.schema(d.typ, arguments(d, t.Parts, s, m))
	c.open = c.open[:len(c.open)-1]
	if name := c.loops[d]; name != "" {
		c.defs = c.defs.With(name, out)
		return Schema{{"$ref", "#/$defs/" + name}}
	}
	return out
}

// freeName returns a name for a definition that no other has.
func (c *converter) freeName(name string) string {
	name = strings.ReplaceAll(name, ".", "_")
	taken := func(candidate string) bool {
		for _, n := range c.loops {
			if n == candidate {
				return true
			}
		}
		return false
	}
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s%d", strings.TrimRight(name, "0123456789"), n)
	}
	return name
}

// generic makes the schema of the types with arguments that are part of the language.
func (c *converter) generic(t *Type, s *scope) (Schema, bool) {
	if len(t.Parts) == 0 {
		return nil, false
	}
	first := t.Parts[0]
	switch t.Name {
	case "Array", "ReadonlyArray", "array":
		return arrayOf(c.schema(first, s)), true
	case "Iterable", "AsyncIterable", "Generator", "AsyncGenerator", "IterableIterator", "AsyncIterableIterator", "Set", "ReadonlySet":
		if c.output {
			return arrayOf(c.schema(first, s)), true
		}
	case "Promise", "PromiseLike", "Awaited", "Readonly", "NoInfer":
		return c.schema(first, s), true
	case "NonNullable":
		return c.union(&Type{Form: union, Parts: []*Type{first}, Line: t.Line}, s, nil), true
	case "Record", "Object", "object", "Partial", "Required", "Pick", "Omit":
		return c.object(t, s), true
	case "Map", "ReadonlyMap":
		if c.output && len(t.Parts) == 2 {
			return c.object(&Type{Form: reference, Name: "Record", Parts: t.Parts, Line: t.Line}, s), true
		}
	case "Exclude", "Extract":
		if values, ok := c.literals(t, s); ok && len(values) > 0 {
			return enumOf(values), true
		}
	}
	return nil, false
}

func (c *converter) tuple(t *Type, s *scope) Schema {
	out := Schema{{"type", "array"}}
	fixed := t.Parts
	if t.Rest {
		fixed = fixed[:len(fixed)-1]
	}
	if len(fixed) > 0 {
		var items []Schema
		for _, part := range fixed {
			items = append(items, c.schema(part, s))
		}
		out = append(out, Keyword{"prefixItems", items})
	}
	if !t.Rest {
		out = append(out, Keyword{"items", false})
	} else if rest := c.schema(t.Parts[len(t.Parts)-1], s); rest.Get("items") != nil {
		out = append(out, Keyword{"items", rest.Get("items")})
	}
	if t.Fewest > 0 {
		out = append(out, Keyword{"minItems", t.Fewest})
	}
	return out
}
