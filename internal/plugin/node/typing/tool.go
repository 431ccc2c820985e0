package typing

import (
	"fmt"
	"path"
	"slices"
	"strings"
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
	// InputSchema and OutputSchema are a tool's; Wrap says that the latter is of an object whose member result is what the function
	// returns.
	InputSchema  Schema `json:"inputSchema,omitempty"`
	OutputSchema Schema `json:"outputSchema,omitempty"`
	Wrap         bool   `json:"wrap,omitempty"`
	// Call is what the function takes: @args for all arguments as one object, @context, or names of arguments.
	Call []string `json:"call"`
	// Params is the schema of a resource's parameters; Open says that it may take others too.
	Params Schema `json:"params,omitempty"`
	Open   bool   `json:"open,omitempty"`
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
		if d == nil || d.value == nil {
			continue
		}
		p.things(f.Exports, name, d.value, m)
	}
	for _, m := range p.modules {
		if m == nil {
			continue
		}
		for _, call := range m.calls {
			if call.resource {
				f.Resources[call.name] = p.thing(call.name, call.value, m)
			} else {
				f.Tools[call.name] = p.thing(call.name, call.value, m)
			}
		}
	}
	slices.Sort(p.notices)
	return f
}

// exportNames returns the names that a module exports.
func (p *Program) exportNames(m *module, depth int) map[string]bool {
	names := map[string]bool{}
	for name := range m.exports {
		names[name] = true
	}
	for _, star := range m.stars {
		if file := p.file(m.file, star); file != "" && depth < maxDepth {
			for name := range p.exportNames(p.module(file), depth+1) {
				if name != "default" {
					names[name] = true
				}
			}
		}
	}
	return names
}

func (p *Program) exportOf(m *module, name string) (*decl, *module) {
	return p.exported(&module{file: m.file}, far{"./" + path.Base(m.file), name}, 0)
}

// things takes what is exported under a name. The members of a default export, which is what CommonJS exports, are things too.
func (p *Program) things(into map[string]*Thing, name string, v *value, m *module) {
	v, m = p.follow(v, m)
	if v.function == nil && len(v.members) > 0 && name == "default" && handlerOf(v) == nil {
		for _, member := range v.members {
			if into[member.name] == nil {
				p.things(into, member.name, member.value, m)
			}
		}
		return
	}
	if t := p.thing(name, v, m); t != nil {
		into[name] = t
	}
}

// follow returns the value that a value is another name for.
func (p *Program) follow(v *value, m *module) (*value, *module) {
	for range maxDepth {
		if v.function != nil || v.ref == "" {
			return v, m
		}
		d, in := p.lookup(m, v.ref, 0)
		if d == nil || d.value == nil {
			return v, m
		}
		next := *d.value
		next.handler = next.handler || v.handler
		if next.doc.isEmpty() {
			next.doc = v.doc
		}
		v, m = &next, in
	}
	return v, m
}

// handlerOf returns the function of an object with a handler.
func handlerOf(v *value) *value {
	for _, member := range v.members {
		if member.name == "handler" || member.name == "read" {
			return member.value
		}
	}
	return nil
}

// thing returns what is known of a tool or resource; nil if it is no function.
func (p *Program) thing(name string, v *value, m *module) *Thing {
	about := v.doc
	v, m = p.follow(v, m)
	if inner := handlerOf(v); inner != nil {
		if about.isEmpty() {
			about = v.doc
		}
		v, m = p.follow(inner, m)
		v = &value{function: v.function, handler: true, doc: v.doc}
	}
	f := v.function
	if f == nil {
		return nil
	}
	d := f.doc
	if d.isEmpty() {
		d = v.doc
	}
	if d.isEmpty() || len(d.params) == 0 && d.text == "" {
		d = merged(d, about)
	}
	t := &Thing{Description: d.text, Title: d.tags["title"], Name: strings.TrimSpace(d.tags["name"]), Annotations: annotationsOf(d)}
	r := &reading{p: p, m: m, f: f, doc: d, name: name, handler: v.handler}
	r.input(t)
	r.output(t)
	return t
}

// merged returns the first comment with what only the second has.
func merged(d, other doc) doc {
	if d.text == "" {
		d.text = other.text
	}
	if len(d.params) == 0 {
		d.params = other.params
	}
	if d.returns == nil {
		d.returns = other.returns
	}
	if d.tags == nil {
		d.tags = other.tags
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

func annotationsOf(d doc) map[string]bool {
	var out map[string]bool
	for tag := range d.tags {
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
	m       *module
	f       *Function
	doc     doc
	name    string
	handler bool // it takes its arguments as one object
}

func (r *reading) converter(output bool) *converter {
	return &converter{p: r.p, what: r.name, output: output}
}

// scope is where the types of the function stand: what its type parameters are is not known.
func (r *reading) scope() *scope {
	s := &scope{m: r.m, vars: map[string]bound{}}
	for _, p := range r.f.parameters {
		s.vars[p.name] = bound{p.fallback, s}
	}
	return s
}

// input finds out what a function takes.
func (r *reading) input(t *Thing) {
	params := r.f.params
	if r.f.overloaded {
		r.p.notice(r.m, r.f.line, "%s: it is declared more than once, so its parameters are not typed", r.name)
	}
	contextual := r.context(params)
	if contextual {
		params = params[:len(params)-1]
	}
	switch {
	case len(params) == 0:
		t.InputSchema, t.Call = closed(Schema{{"type", "object"}}), []string{}
		t.Params = Schema{{"type", "object"}}
	case r.handler || len(params) == 1 && r.takesObject(params[0]):
		t.InputSchema, t.Open = r.oneObject(params[0])
		t.Params, t.Call = t.InputSchema, []string{"@args"}
		contextual = contextual || r.handler && len(params) > 1
	default:
		t.InputSchema, t.Call = r.byName(params)
		t.Params = t.InputSchema
	}
	if contextual {
		t.Call = append(t.Call, "@context")
	}
}

func closed(s Schema) Schema { return s.With("additionalProperties", false) }

// context reports whether the last parameter is the context: by its name or its type, and of handlers by its place.
func (r *reading) context(params []*Parameter) bool {
	if len(params) == 0 {
		return false
	}
	if r.handler {
		return len(params) > 1
	}
	last := params[len(params)-1]
	if last.typ != nil && last.typ.Form == reference {
		switch last.typ.Name {
		case "Context", "ToolContext", "Ctx":
			return true
		}
	}
	switch strings.TrimPrefix(last.name, "_") {
	case "ctx", "context":
		return last.typ == nil || last.typ.Form == reference && r.isUndeclared(last.typ.Name)
	}
	return false
}

func (r *reading) isUndeclared(name string) bool {
	d, _ := r.p.lookup(r.m, name, 0)
	return d == nil
}

// objectNames are what parameters are called that are all arguments as one object.
var objectNames = []string{"args", "arguments", "params", "input", "options", "opts", "props", "request", "query", "_args", "_params"}

// takesObject reports whether the only parameter of a function is all its arguments.
func (r *reading) takesObject(p *Parameter) bool {
	if p.rest {
		return false
	}
	if p.destructured {
		return true
	}
	own, below := r.doc.param(p.name)
	t := p.typ
	if t == nil && own != nil {
		t = own.typ
	}
	if len(below) > 0 {
		return true
	}
	if t == nil {
		return slices.Contains(objectNames, p.name) && !p.valued
	}
	if t.Form == reference && (t.Name == "object" || t.Name == "Object" || t.Name == "any" && slices.Contains(objectNames, p.name)) {
		return true
	}
	c := &converter{p: r.p, what: r.name}
	_, _, ok := c.members(t, r.scope())
	return ok
}

// oneObject returns the schema of a parameter that is all arguments, and whether there may be more of them.
func (r *reading) oneObject(p *Parameter) (s Schema, open bool) {
	c := r.converter(false)
	own, below := r.doc.param(cmpName(p))
	t := p.typ
	if t == nil && own != nil && len(below) == 0 {
		t = own.typ
	}
	if r.f.overloaded {
		t = nil
	}
	switch {
	case t != nil && !(t.Form == reference && (t.Name == "any" || t.Name == "unknown")):
		return r.typedObject(c, t, below)
	case len(below) > 0:
		return closed(c.finish(c.schema(typeOfParams(below, p.line), r.scope()))), false
	case p.destructured:
		s = c.finish(c.objectOf(r.scopedMembers(p.members), nil))
		if !p.open {
			s = closed(s)
		}
		return s, p.open
	}
	return r.usedObject(p), p.open
}

// cmpName is the name of a parameter in comments; a pattern has none there.
func cmpName(p *Parameter) string {
	if p.destructured {
		return "args"
	}
	return p.name
}

func (r *reading) scopedMembers(members []*Member) []scoped {
	var all []scoped
	for _, m := range members {
		if own, _ := r.doc.param("args." + m.Name); own != nil && m.Type.Form == unknown && own.typ != nil {
			m.Type = own.typ
		}
		if m.Type.Form == unknown {
			m.Type = &Type{Form: reference, Name: "any", Line: m.Line}
		}
		all = append(all, scoped{m, r.scope()})
	}
	return all
}

// typedObject is the schema of a typed parameter.
func (r *reading) typedObject(c *converter, t *Type, below []docParam) (Schema, bool) {
	s := c.schema(t, r.scope())
	for _, p := range below {
		s = describe(s, p.name, p.text)
	}
	if s.Get("type") != "object" {
		if s.Get("$ref") == nil && s.Get("anyOf") == nil && s.Get("allOf") == nil {
			return Schema{{"type", "object"}}, true
		}
		return c.finish(append(Schema{{"type", "object"}}, s...)), true
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
func (r *reading) usedObject(p *Parameter) Schema {
	s := Schema{{"type", "object"}}
	if len(p.uses) == 0 {
		return s
	}
	var properties Schema
	for _, name := range p.uses {
		properties = properties.With(name, Schema{})
	}
	r.p.notice(r.m, p.line, "%s: %s has no types, so any value is accepted for %s", r.name, p.name, strings.Join(p.uses, ", "))
	return append(s, Keyword{"properties", properties})
}

// byName returns the schema of parameters that are arguments of their names, and what to call the function with.
func (r *reading) byName(params []*Parameter) (Schema, []string) {
	c := r.converter(false)
	var members []scoped
	var call []string
	for i, p := range params {
		name := p.name
		if name == "" {
			name = fmt.Sprintf("arg%d", i+1)
			if i < len(r.doc.params) && !strings.Contains(r.doc.params[i].name, ".") {
				name = r.doc.params[i].name
			}
		}
		members = append(members, scoped{r.member(p, name), r.scope()})
		if p.rest {
			name = "..." + name
		}
		call = append(call, name)
	}
	return closed(c.finish(c.objectOf(members, nil))), call
}

// member is a parameter as the member of an object.
func (r *reading) member(p *Parameter, name string) *Member {
	own, below := r.doc.param(name)
	if own == nil {
		own = &docParam{}
	}
	m := &Member{Name: name, Type: p.typ, Optional: p.optional || own.optional || p.rest, Line: p.line, Default: p.value, Valued: p.valued}
	m.Doc.text = own.text
	if m.Doc.text == "" {
		m.Doc.text = p.doc
	}
	if !m.Valued {
		m.Default, m.Valued = own.value, own.valued
	}
	if m.Type == nil {
		m.Type = own.typ
	}
	if p.typ == nil && len(below) > 0 {
		m.Type = typeOfParams(below, p.line)
	}
	if m.Type == nil && p.valued {
		m.Type = typeOfDefault(p.value, p.line)
	}
	if r.f.overloaded || m.Type == nil || m.Type.Form == unknown && p.typ == nil {
		if !r.f.overloaded {
			r.p.notice(r.m, p.line, "%s: %s has no type, so any value is accepted for it", r.name, name)
		}
		m.Type = &Type{Form: reference, Name: "any", Line: p.line}
	}
	return m
}

// results that say themselves what clients get, by the names of their types.
var ownResults = []string{"any", "unknown", "void", "undefined", "never", "string", "String", "CallToolResult", "ToolResult", "Content", "ContentBlock"}

// output finds out what a function returns.
func (r *reading) output(t *Thing) {
	typ := r.f.result
	if typ == nil {
		typ = r.doc.returns
	}
	if typ == nil || r.f.overloaded {
		return
	}
	for typ.Form == reference && (typ.Name == "Promise" || typ.Name == "PromiseLike") && len(typ.Parts) == 1 {
		typ = typ.Parts[0]
	}
	if typ.Form == reference && slices.Contains(ownResults, typ.Name) && len(typ.Parts) == 0 {
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
func (r *reading) isResult(c *converter, typ *Type) bool {
	if typ.Form == array && typ.Parts[0].Form == reference && slices.Contains(ownResults[7:], typ.Parts[0].Name) {
		return true
	}
	quiet := &converter{p: New(func(string) (string, bool) { return "", false }), what: c.what}
	quiet.p.modules = r.p.modules
	members, _, ok := quiet.members(typ, r.scope())
	return ok && slices.ContainsFunc(members, func(m scoped) bool {
		return m.Name == "content" && (m.Type.Form == array || m.Type.Form == tuple || m.Type.Form == reference && m.Type.Name == "Array")
	})
}

// isObject reports whether the values of a schema are objects.
func (c *converter) isObject(s Schema) bool {
	if name, ok := strings.CutPrefix(refOf(s), "#/$defs/"); ok {
		def, _ := c.defs.Get(name).(Schema)
		return def.Get("type") == "object"
	}
	if any, ok := s.Get("anyOf").([]Schema); ok {
		return !slices.ContainsFunc(any, func(one Schema) bool { return !c.isObject(one) })
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
	return append(Schema{{"type", "object"}}, s...)
}

func wrapped(s Schema, absent bool) Schema {
	if absent {
		s = orNull(s)
	}
	return Schema{{"type", "object"}, {"properties", Schema{{"result", s}}}, {"required", []string{"result"}}}
}

// finish adds the definitions.
func (c *converter) finish(s Schema) Schema {
	if len(c.defs) > 0 {
		s = s.With("$defs", c.defs)
	}
	return s
}
