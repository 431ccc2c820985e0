package typing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
)

// A converter makes the schema of one tool's input or output.
type converter struct {
	p *Program
	// what is it of: it stands in notices.
	what string
	// output tells that values go out, so that dates are texts by then.
	output bool
	defs   Schema
	open   []*syntax.Decl          // being made, from the outermost
	loops  map[*syntax.Decl]string // those that have met themselves, and what they are called
	depth  int
	work   int // types that were looked at
}

// maxWork bounds the types that are looked at for one schema: types may refer to each other so that they never end, or take for ever.
const maxWork = 20_000

// begin reports whether another type may be looked at; end is its other half.
func (c *converter) begin() bool {
	c.depth++
	c.work++
	return c.depth <= maxDepth && c.work <= maxWork
}

func (c *converter) end() { c.depth-- }

// A scope is where a type stands: in which module, and what its type parameters are.
type scope struct {
	m    *syntax.Module
	vars map[string]bound
}

// A bound is what stands for a type parameter; a nil type is anything.
type bound struct {
	typ   *syntax.Type
	scope *scope
}

// missing gives a notice and returns the schema that all values fit.
func (c *converter) missing(t *syntax.Type, s *scope, format string, args ...any) Schema {
	c.p.notice(s.m, t.Line, "%s: %s, so anything is accepted there", c.what, fmt.Sprintf(format, args...))
	return Schema{}
}

// schema returns the schema of the values of a type.
func (c *converter) schema(t *syntax.Type, s *scope) Schema {
	defer c.end()
	if !c.begin() {
		return c.missing(t, s, "the types are nested too deeply")
	}
	switch t.Form {
	case syntax.Unknown:
	case syntax.Reference:
		return c.reference(t, s)
	case syntax.Literal:
		return enumOf([]any{t.Value})
	case syntax.Array:
		return arrayOf(c.schema(t.Parts[0], s))
	case syntax.Tuple:
		return c.tuple(t, s)
	case syntax.Union:
		return c.union(t, s)
	case syntax.Characters:
		return of("type", "string")
	case syntax.Object, syntax.Mapped, syntax.Intersection:
		return c.object(t, s)
	case syntax.KeyOf, syntax.Indexed:
		if values, ok := c.literals(t, s); ok {
			return enumOf(values)
		}
		if inner, at := c.index(t, s); inner != nil {
			return c.schema(inner, at)
		}
		return c.missing(t, s, "a type by its key is not understood")
	case syntax.TypeOf:
		if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Value != nil && d.Value.Constant != nil {
			return c.schema(d.Value.Constant, &scope{m: m})
		}
		return c.missing(t, s, "typeof %s is not understood", t.Name)
	case syntax.Callable:
		return c.missing(t, s, "a function is no JSON")
	}
	return c.missing(t, s, "the type is not understood")
}

func arrayOf(items Schema) Schema {
	if len(items) == 0 {
		return of("type", "array")
	}
	return of("type", "array", "items", items)
}

// enumOf is the schema of some values.
func enumOf(values []any) Schema {
	kinds := map[string]bool{}
	for _, v := range values {
		kinds[kindOf(v)] = true
	}
	var out Schema
	if len(kinds) == 1 && kindOf(values[0]) != "" {
		out = of("type", kindOf(values[0]))
	}
	switch {
	case len(values) == 1 && values[0] == nil:
		return out
	case len(values) == 1:
		return out.With("const", values[0])
	case len(values) == 2 && kinds["boolean"] && len(kinds) == 1:
		return out
	}
	return out.With("enum", values)
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
	"string": of("type", "string"), "number": of("type", "number"), "boolean": of("type", "boolean"), "null": of("type", "null"),
	"object": of("type", "object"), "any": {}, "unknown": {}, "void": {}, "undefined": {},
	"String": of("type", "string"), "Number": of("type", "number"), "Boolean": of("type", "boolean"), "bool": of("type", "boolean"),
	"integer": of("type", "integer"), "int": of("type", "integer"), "Object": of("type", "object"),
	"Array": of("type", "array"), "ReadonlyArray": of("type", "array"), "array": of("type", "array"), "never": {},
}

// sentTypes are those that become texts on their way out.
var sentTypes = map[string]Schema{
	"Date": of("type", "string", "format", "date-time"), "URL": of("type", "string", "format", "uri"), "bigint": of("type", "string"),
}

func (c *converter) reference(t *syntax.Type, s *scope) Schema {
	if b, ok := s.vars[t.Name]; ok {
		if b.typ == nil {
			return Schema{}
		}
		return c.schema(b.typ, b.scope)
	}
	if d, m := c.p.lookup(s.m, t.Name, 0); d != nil && d.Typ != nil {
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
		return of("type", "array")
	}
	return c.missing(t, s, "the type %s is not known here", t.Name)
}

// arguments are the scope of a declaration that is given type arguments.
func arguments(d *syntax.Decl, args []*syntax.Type, s *scope, m *syntax.Module) *scope {
	in := &scope{m: m, vars: map[string]bound{}}
	for i, p := range d.Parameters {
		switch {
		case i < len(args):
			in.vars[p.Name] = bound{args[i], s}
		default:
			in.vars[p.Name] = bound{p.Fallback, in}
		}
	}
	return in
}

// expand makes the schema of a declared type. One that contains itself becomes a definition.
func (c *converter) expand(t *syntax.Type, d *syntax.Decl, s *scope, m *syntax.Module) Schema {
	if slices.Contains(c.open, d) {
		if len(d.Parameters) > 0 {
			return c.missing(t, s, "the type %s contains itself with other arguments", t.Name)
		}
		if c.loops == nil {
			c.loops = map[*syntax.Decl]string{}
		}
		if c.loops[d] == "" {
			c.loops[d] = c.freeName(d.Name)
		}
		return of("$ref", "#/$defs/"+c.loops[d])
	}
	c.open = append(c.open, d)
	out := c.schema(d.Typ, arguments(d, t.Parts, s, m))
	c.open = c.open[:len(c.open)-1]
	if name := c.loops[d]; name != "" {
		c.defs = c.defs.With(name, out)
		return of("$ref", "#/$defs/"+name)
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
func (c *converter) generic(t *syntax.Type, s *scope) (Schema, bool) {
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
		return c.union(&syntax.Type{Form: syntax.Union, Parts: []*syntax.Type{first}, Line: t.Line}, s, []any{nil}...), true
	case "Record", "Object", "object", "Partial", "Required", "Pick", "Omit":
		return c.object(t, s), true
	case "Map", "ReadonlyMap":
		if c.output && len(t.Parts) == 2 {
			return c.object(&syntax.Type{Form: syntax.Reference, Name: "Record", Parts: t.Parts, Line: t.Line}, s), true
		}
	case "Exclude", "Extract":
		if values, ok := c.literals(t, s); ok && len(values) > 0 {
			return enumOf(values), true
		}
	}
	return nil, false
}

func (c *converter) tuple(t *syntax.Type, s *scope) Schema {
	out := of("type", "array")
	fixed := t.Parts
	if t.Rest {
		fixed = fixed[:len(fixed)-1]
	}
	if len(fixed) > 0 {
		var items []Schema
		for _, part := range fixed {
			items = append(items, c.schema(part, s))
		}
		out = out.With("prefixItems", items)
	}
	if !t.Rest {
		out = out.With("items", false)
	} else if rest := c.schema(t.Parts[len(t.Parts)-1], s); rest.Get("items") != nil {
		out = out.With("items", rest.Get("items"))
	}
	if t.Fewest > 0 {
		out = out.With("minItems", t.Fewest)
	}
	return out
}
