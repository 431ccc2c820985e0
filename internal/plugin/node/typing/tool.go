package typing

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
)

// Facts are what is known of the things that a plugin offers, by the names under which its shim meets them.
type Facts struct {
	// Exports are those of the plugin's file; Tools and Resources those that it registers by a name that is written out.
	Exports   map[string]*Thing `json:"exports"`
	Tools     map[string]*Thing `json:"tools"`
	Resources map[string]*Thing `json:"resources"`
}

// A Thing is a tool or resource.
type Thing struct {
	// Name is what a comment calls it.
	Name        string          `json:"name,omitempty"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Annotations map[string]bool `json:"annotations,omitempty"`
	// InputSchema is of the arguments, for a resource of its parameters. OutputSchema is of a tool's answer; Wrap says that the latter is of an object whose member result is what the function
	// returns.
	InputSchema  Schema `json:"inputSchema,omitempty"`
	OutputSchema Schema `json:"outputSchema,omitempty"`
	Wrap         bool   `json:"wrap,omitempty"`
	// Call is what the function takes: @args for all arguments as one object, @context, or names of arguments.
	Call []string `json:"call"`
	// Open says that it may read arguments of other names too.
	Open bool `json:"open,omitempty"`
}

// Facts returns what is known of the plugin whose file is that.
func (p *Program) Facts(file string) Facts {
	f := Facts{Exports: map[string]*Thing{}, Tools: map[string]*Thing{}, Resources: map[string]*Thing{}}
	main := p.module(file)
	if main == nil {
		p.notices = append(p.notices, file+": the types could not be read, so all arguments are accepted")
		return f
	}
	for name := range p.exportNames(main, 0) {
		d, m := p.exportOf(main, name)
		if d == nil || d.Value == nil {
			continue
		}
		p.things(f.Exports, name, d.Value, m)
	}
	for _, m := range p.modules {
		if m == nil {
			continue
		}
		for _, call := range m.Calls {
			if call.Resource {
				f.Resources[call.Name] = p.thing(call.Name, call.Value, m)
			} else {
				f.Tools[call.Name] = p.thing(call.Name, call.Value, m)
			}
		}
	}
	slices.Sort(p.notices)
	return f
}

// exportNames returns the names that a module exports.
func (p *Program) exportNames(m *syntax.Module, depth int) map[string]bool {
	names := map[string]bool{}
	for name := range m.Exports {
		names[name] = true
	}
	for _, star := range m.Stars {
		if file := p.file(m.File, star); file != "" && depth < maxDepth {
			for name := range p.exportNames(p.module(file), depth+1) {
				if name != "default" {
					names[name] = true
				}
			}
		}
	}
	return names
}

func (p *Program) exportOf(m *syntax.Module, name string) (*syntax.Decl, *syntax.Module) {
	return p.exported(&syntax.Module{File: m.File}, syntax.Far{From: "./" + path.Base(m.File), Name: name}, 0)
}

// things takes what is exported under a name. The members of a default export, which is what CommonJS exports, are things too.
func (p *Program) things(into map[string]*Thing, name string, v *syntax.Value, m *syntax.Module) {
	v, m = p.follow(v, m)
	if v.Function == nil && len(v.Members) > 0 && name == "default" && handlerOf(v) == nil {
		for _, member := range v.Members {
			if into[member.Name] == nil {
				p.things(into, member.Name, member.Value, m)
			}
		}
		return
	}
	if t := p.thing(name, v, m); t != nil {
		into[name] = t
	}
}

// follow returns the value that a value is another name for.
func (p *Program) follow(v *syntax.Value, m *syntax.Module) (*syntax.Value, *syntax.Module) {
	for range maxDepth {
		if v.Function != nil || v.Ref == "" {
			return v, m
		}
		d, in := p.lookup(m, v.Ref, 0)
		if d == nil || d.Value == nil {
			return v, m
		}
		next := *d.Value
		next.Handler = next.Handler || v.Handler
		if next.Doc.IsEmpty() {
			next.Doc = v.Doc
		}
		v, m = &next, in
	}
	return v, m
}

// handlerOf returns the function of an object with a handler.
func handlerOf(v *syntax.Value) *syntax.Value {
	for _, member := range v.Members {
		if member.Name == "handler" || member.Name == "read" {
			return member.Value
		}
	}
	return nil
}

// thing returns what is known of a tool or resource; nil if it is no function.
func (p *Program) thing(name string, v *syntax.Value, m *syntax.Module) *Thing {
	about := v.Doc
	v, m = p.follow(v, m)
	if inner := handlerOf(v); inner != nil {
		if about.IsEmpty() {
			about = v.Doc
		}
		v, m = p.follow(inner, m)
		v = &syntax.Value{Function: v.Function, Handler: true, Doc: v.Doc}
	}
	f := v.Function
	if f == nil {
		return nil
	}
	d := f.Doc
	if d.IsEmpty() {
		d = v.Doc
	}
	if d.IsEmpty() || len(d.Params) == 0 && d.Text == "" {
		d = merged(d, about)
	}
	t := &Thing{Description: d.Text, Title: d.Tags["title"], Name: strings.TrimSpace(d.Tags["name"]), Annotations: annotationsOf(d)}
	r := &reading{p: p, m: m, f: f, doc: d, name: name, handler: v.Handler}
	r.input(t)
	r.output(t)
	return t
}

// merged returns the first comment with what only the second has.
func merged(d, other syntax.Doc) syntax.Doc {
	if d.Text == "" {
		d.Text = other.Text
	}
	if len(d.Params) == 0 {
		d.Params = other.Params
	}
	if d.Returns == nil {
		d.Returns = other.Returns
	}
	if d.Tags == nil {
		d.Tags = other.Tags
	}
	return d
}

// annotations by the tags that say them.
var annotations = map[string]struct {
	name  string
	value bool
}{
	"readonly": {"readOnlyHint", true}, "destructive": {"destructiveHint", true}, "additive": {"destructiveHint", false},
	"idempotent": {"idempotentHint", true}, "openworld": {"openWorldHint", true}, "closedworld": {"openWorldHint", false},
}

func annotationsOf(d syntax.Doc) map[string]bool {
	var out map[string]bool
	for tag := range d.Tags {
		if a, ok := annotations[tag]; ok {
			if out == nil {
				out = map[string]bool{}
			}
			out[a.name] = a.value
		}
	}
	return out
}

// A reading makes the schemas of one function.
type reading struct {
	p       *Program
	m       *syntax.Module
	f       *syntax.Function
	doc     syntax.Doc
	name    string
	handler bool // it takes its arguments as one object
}

func (r *reading) converter(output bool) *converter {
	return &converter{p: r.p, what: r.name, output: output}
}

// scope is where the types of the function stand: what its type parameters are is not known.
func (r *reading) scope() *scope {
	s := &scope{m: r.m, vars: map[string]bound{}}
	for _, p := range r.f.Parameters {
		s.vars[p.Name] = bound{p.Fallback, s}
	}
	return s
}

// input finds out what a function takes.
func (r *reading) input(t *Thing) {
	params := r.f.Params
	if r.f.Overloaded {
		r.p.notice(r.m, r.f.Line, "%s: it is declared more than once, so its parameters are not typed", r.name)
	}
	contextual := r.context(params)
	if contextual {
		params = params[:len(params)-1]
	}
	switch {
	case len(params) == 0:
		t.InputSchema, t.Call = closed(of("type", "object")), []string{}
	case r.handler || len(params) == 1 && r.takesObject(params[0]):
		t.InputSchema, t.Open = r.oneObject(params[0])
		t.Call = []string{"@args"}
		contextual = contextual || r.handler && len(params) > 1
	default:
		t.InputSchema, t.Call = r.byName(params)
	}
	if contextual {
		t.Call = append(t.Call, "@context")
	}
}

func closed(s Schema) Schema { return s.With("additionalProperties", false) }

// contextMembers are those of the context, which functions may take out of it.
var contextMembers = []string{
	"signal", "progress", "log", "sample", "elicit", "roots", "setSampling", "meta", "requestId", "client", "rootId", "path", "uri", "sampling", "variables", "memory",
}

// context reports whether the last parameter is the context: by its name or its type, and of handlers by its place.
func (r *reading) context(params []*syntax.Parameter) bool {
	if len(params) == 0 {
		return false
	}
	if r.handler {
		return len(params) > 1
	}
	last := params[len(params)-1]
	if last.Typ != nil && last.Typ.Form == syntax.Reference {
		switch last.Typ.Name {
		case "Context", "ToolContext", "Ctx":
			return true
		}
	}
	if last.Typ == nil && last.Destructured && len(params) > 1 {
		return !slices.ContainsFunc(last.Members, func(m *syntax.Member) bool { return !slices.Contains(contextMembers, m.Name) })
	}
	switch strings.TrimPrefix(last.Name, "_") {
	case "ctx", "context":
		return last.Typ == nil || last.Typ.Form == syntax.Reference && len(last.Typ.Parts) == 0 && r.isUndeclared(last.Typ.Name)
	}
	return false
}

// isUndeclared reports whether a type is neither the plugin's nor the language's: that of a context comes from elsewhere.
func (r *reading) isUndeclared(name string) bool {
	if name == "any" || name == "unknown" {
		return true
	}
	_, known := plainTypes[name]
	d, _ := r.p.lookup(r.m, name, 0)
	return d == nil && !known
}

// objectNames are what parameters are called that are all arguments as one object.
var objectNames = []string{"args", "arguments", "params", "input", "options", "opts", "props", "request", "query", "_args", "_params"}

// takesObject reports whether the only parameter of a function is all its arguments.
func (r *reading) takesObject(p *syntax.Parameter) bool {
	if p.Rest {
		return false
	}
	if p.Destructured {
		return true
	}
	own, below := r.doc.Param(p.Name)
	t := p.Typ
	if t == nil && own != nil {
		t = own.Typ
	}
	if len(below) > 0 {
		return true
	}
	if t == nil {
		return slices.Contains(objectNames, p.Name) && !p.Valued
	}
	if t.Form == syntax.Reference && (t.Name == "object" || t.Name == "Object" || t.Name == "any" && slices.Contains(objectNames, p.Name)) {
		return true
	}
	c := &converter{p: r.p, what: r.name}
	_, _, ok := c.members(t, r.scope())
	return ok
}

// oneObject returns the schema of a parameter that is all arguments, and whether there may be more of them.
func (r *reading) oneObject(p *syntax.Parameter) (s Schema, open bool) {
	c := r.converter(false)
	own, below := r.doc.Param(cmpName(p))
	t := p.Typ
	if t == nil && own != nil && len(below) == 0 {
		t = own.Typ
	}
	if r.f.Overloaded {
		t = nil
	}
	switch {
	case t != nil && (t.Form != syntax.Reference || t.Name != "any" && t.Name != "unknown"):
		return r.typedObject(c, t, below)
	case len(below) > 0:
		return closed(c.finish(c.schema(syntax.TypeOfParams(below, p.Line), r.scope()))), false
	case p.Destructured:
		s = c.finish(c.objectOf(r.scopedMembers(p.Members), nil))
		if !p.Open {
			s = closed(s)
		}
		return s, p.Open
	}
	return r.usedObject(p), p.Open
}

// cmpName is the name of a parameter in comments; a pattern has none there.
func cmpName(p *syntax.Parameter) string {
	if p.Destructured {
		return "args"
	}
	return p.Name
}

func (r *reading) scopedMembers(members []*syntax.Member) []scoped {
	var all []scoped
	for _, m := range members {
		if own, _ := r.doc.Param("args." + m.Name); own != nil && m.Type.Form == syntax.Unknown && own.Typ != nil {
			m.Type = own.Typ
		}
		if m.Type.Form == syntax.Unknown {
			m.Type = &syntax.Type{Form: syntax.Reference, Name: "any", Line: m.Line}
		}
		all = append(all, scoped{m, r.scope()})
	}
	return all
}

// typedObject is the schema of a typed parameter.
func (r *reading) typedObject(c *converter, t *syntax.Type, below []syntax.DocParam) (Schema, bool) {
	s := c.schema(t, r.scope())
	for _, p := range below {
		s = describe(s, p.Name, p.Text)
	}
	if s.Get("type") != "object" {
		if s.Get("$ref") == nil && s.Get("anyOf") == nil && s.Get("allOf") == nil {
			return of("type", "object"), true
		}
		return c.finish(append(of("type", "object"), s...)), true
	}
	if s.Get("additionalProperties") != nil || s.Get("properties") == nil {
		return c.finish(s), true
	}
	return closed(c.finish(s)), false
}

// describe adds a description to a property that has none.
func describe(s Schema, name, words string) Schema {
	properties, _ := s.Get("properties").(Schema)
	one, ok := properties.Get(name).(Schema)
	if !ok || words == "" || one.Get("description") != nil {
		return s
	}
	return s.With("properties", properties.With(name, one.With("description", words)))
}

// usedObject is what the body tells of a parameter without a type: which members there are, and nothing of their types.
func (r *reading) usedObject(p *syntax.Parameter) Schema {
	s := of("type", "object")
	if len(p.Uses) == 0 {
		return s
	}
	var properties Schema
	for _, name := range p.Uses {
		properties = properties.With(name, Schema{})
	}
	r.p.notice(r.m, p.Line, "%s: %s has no types, so any value is accepted for %s", r.name, p.Name, strings.Join(p.Uses, ", "))
	return s.With("properties", properties)
}

// byName returns the schema of parameters that are arguments of their names, and what to call the function with.
func (r *reading) byName(params []*syntax.Parameter) (Schema, []string) {
	c := r.converter(false)
	var members []scoped
	var call []string
	for i, p := range params {
		name := p.Name
		if name == "" {
			name = fmt.Sprintf("arg%d", i+1)
			if i < len(r.doc.Params) && !strings.Contains(r.doc.Params[i].Name, ".") {
				name = r.doc.Params[i].Name
			}
		}
		members = append(members, scoped{r.member(p, name), r.scope()})
		if p.Rest {
			name = "..." + name
		}
		call = append(call, name)
	}
	return closed(c.finish(c.objectOf(members, nil))), call
}

// member is a parameter as the member of an object.
func (r *reading) member(p *syntax.Parameter, name string) *syntax.Member {
	own, below := r.doc.Param(name)
	if own == nil {
		own = &syntax.DocParam{}
	}
	m := &syntax.Member{Name: name, Type: p.Typ, Optional: p.Optional || own.Optional || p.Rest, Line: p.Line, Default: p.Value, Valued: p.Valued}
	m.Doc.Text = own.Text
	if m.Doc.Text == "" {
		m.Doc.Text = p.Doc
	}
	if !m.Valued {
		m.Default, m.Valued = own.Value, own.Valued
	}
	if m.Type == nil {
		m.Type = own.Typ
	}
	if p.Typ == nil && len(below) > 0 {
		m.Type = syntax.TypeOfParams(below, p.Line)
	}
	if m.Type == nil && p.Valued {
		m.Type = syntax.TypeOfDefault(p.Value, p.Line)
	}
	if r.f.Overloaded || m.Type == nil || m.Type.Form == syntax.Unknown && p.Typ == nil {
		if !r.f.Overloaded {
			r.p.notice(r.m, p.Line, "%s: %s has no type, so any value is accepted for it", r.name, name)
		}
		m.Type = &syntax.Type{Form: syntax.Reference, Name: "any", Line: p.Line}
	}
	return m
}

// results that say themselves what clients get, by the names of their types.
var ownResults = []string{"any", "unknown", "void", "undefined", "never", "string", "String", "CallToolResult", "ToolResult", "Content", "ContentBlock"}

// output finds out what a function returns.
func (r *reading) output(t *Thing) {
	typ := r.f.Result
	if typ == nil {
		typ = r.doc.Returns
	}
	if typ == nil || r.f.Overloaded {
		return
	}
	for typ.Form == syntax.Reference && (typ.Name == "Promise" || typ.Name == "PromiseLike") && len(typ.Parts) == 1 {
		typ = typ.Parts[0]
	}
	if typ.Form == syntax.Reference && slices.Contains(ownResults, typ.Name) && len(typ.Parts) == 0 {
		return
	}
	c := r.converter(true)
	if r.isResult(c, typ) {
		return
	}
	s := c.schema(typ, r.scope())
	absent := c.mayBeAbsent(typ, r.scope(), 0)
	switch {
	case len(s) == 0, s.Get("type") == "string" && len(s) == 1 && !absent:
		return
	case c.isObject(s) && !absent:
		t.OutputSchema = c.finish(objectFirst(s))
	default:
		t.OutputSchema, t.Wrap = c.finish(wrapped(s, absent)), true
	}
}

// isResult reports whether the type is the protocol's own form of an answer, or blocks of content.
func (r *reading) isResult(c *converter, typ *syntax.Type) bool {
	if typ.Form == syntax.Array && typ.Parts[0].Form == syntax.Reference && slices.Contains(ownResults[7:], typ.Parts[0].Name) {
		return true
	}
	quiet := &converter{p: New(func(string) (string, bool) { return "", false }), what: c.what}
	quiet.p.modules = r.p.modules
	members, _, ok := quiet.members(typ, r.scope())
	return ok && slices.ContainsFunc(members, func(m scoped) bool {
		return m.Name == "content" && (m.Type.Form == syntax.Array || m.Type.Form == syntax.Tuple || m.Type.Form == syntax.Reference && m.Type.Name == "Array")
	})
}

// isObject reports whether the values of a schema are objects.
func (c *converter) isObject(s Schema) bool {
	if name, ok := strings.CutPrefix(refOf(s), "#/$defs/"); ok {
		def, _ := c.defs.Get(name).(Schema)
		return def.Get("type") == "object"
	}
	if parts, ok := s.Get("anyOf").([]Schema); ok {
		return !slices.ContainsFunc(parts, func(one Schema) bool { return !c.isObject(one) })
	}
	return s.Get("type") == "object"
}

func refOf(s Schema) string {
	ref, _ := s.Get("$ref").(string)
	return ref
}

// objectFirst says at the top that the values are objects, as the protocol wants it.
func objectFirst(s Schema) Schema {
	if s.Get("type") == "object" {
		return s
	}
	return append(of("type", "object"), s...)
}

func wrapped(s Schema, absent bool) Schema {
	if absent {
		s = orNull(s)
	}
	return of("type", "object", "properties", of("result", s), "required", []string{"result"})
}

// finish adds the definitions.
func (c *converter) finish(s Schema) Schema {
	if len(c.defs) > 0 {
		s = s.With("$defs", c.defs)
	}
	return s
}
