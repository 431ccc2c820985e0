package typing

import (
	"slices"
	"strings"
)

// A module is what one file declares.
type module struct {
	file    string
	decls   map[string]*decl
	imports map[string]far
	exports map[string]export
	stars   []string // files all of whose exports it exports
	calls   []*registration
}

// A far is a name in another file: "*" for all of them, "default" for the default export.
type far struct{ from, name string }

// An export is a name of this file, or one of another file, or a value that has no name.
type export struct {
	local string
	far
	value *value
}

// A decl is what a name means: a type, a value, or both.
type decl struct {
	name       string
	parameters []parameterType
	typ        *Type
	value      *value
	line       int
}

// A value is what is known of a value.
type value struct {
	function *Function
	// ref is the name of another value, handler tells that the function is the handler of a tool or resource.
	ref     string
	handler bool
	// constant is the type of a literal, declared the type that is written.
	constant, declared *Type
	members            []*valueMember
	doc                doc
}

type valueMember struct {
	name  string
	value *value
}

// A registration is a call that registers a tool or resource by its name.
type registration struct {
	name     string
	resource bool
	value    *value
}

// parseModule reads what a file declares; nil if it cannot be read.
func parseModule(file, src string) *module {
	tokens, docs, ok := lex(src)
	if !ok {
		return nil
	}
	m := &module{file: file, decls: map[string]*decl{}, imports: map[string]far{}, exports: map[string]export{}}
	p := &parser{reader{tokens: tokens}, m}
	for p.peek().kind != end {
		before := p.at
		p.statement()
		if p.at == before {
			p.skip()
		}
	}
	for _, c := range docs {
		p.typedef(c)
	}
	p.registrations()
	return m
}

type parser struct {
	reader
	m *module
}

// begins reports whether a statement begins here.
func (p *parser) begins() bool {
	if p.at == 0 || p.peek().first {
		return true
	}
	before := p.tokens[p.at-1]
	return before.is(";") || before.is("}")
}

// statement reads a declaration, if one begins here.
func (p *parser) statement() {
	if !p.begins() {
		return
	}
	comment := readDoc(p.peek().doc)
	switch t := p.peek(); {
	case t.is("import"):
		p.readImports()
	case t.is("export"):
		p.next()
		p.export(comment)
	case (t.is("module") || t.is("exports")) && p.ahead(1).is("."), t.is("exports"):
		p.commonJS(comment)
	default:
		p.declaration(comment)
	}
}

// declaration reads a declaration and returns the names that it declares.
func (p *parser) declaration(comment doc) []string {
	for p.peek().is("declare") || p.peek().is("abstract") {
		p.next()
	}
	t, next := p.peek(), p.ahead(1)
	switch {
	case t.is("interface") && next.kind == word:
		return p.readInterface()
	case t.is("type") && next.kind == word && (p.ahead(2).is("=") || p.ahead(2).is("<")):
		return p.readAlias()
	case t.is("enum") && next.kind == word, t.is("const") && next.is("enum"):
		return p.readEnum()
	case t.is("class") && next.kind == word:
		p.next()
		name := p.next().text
		p.m.decls[name] = &decl{name: name, typ: &Type{Line: t.line}, line: t.line}
		for p.peek().kind != end && !p.peek().is("{") {
			p.next()
		}
		p.skip()
		return []string{name}
	case t.is("function"), t.is("async") && next.is("function") && !next.first:
		return p.readFunctionDecl(comment)
	case t.is("const"), t.is("let"), t.is("var"):
		return p.readVariables(comment)
	}
	return nil
}

func (p *parser) readInterface() []string {
	line := p.next().line
	d := &decl{name: p.next().text, line: line}
	d.parameters = p.typeParameters()
	var parts []*Type
	if p.take("extends") {
		for ok := true; ok; ok = p.take(",") {
			parts = append(parts, p.readPostfix())
		}
	}
	parts = append(parts, p.readObject())
	if before := p.m.decls[d.name]; before != nil && before.typ != nil {
		parts = append([]*Type{before.typ}, parts...) // declarations of the same interface are one
	}
	d.typ = parts[0]
	if len(parts) > 1 {
		d.typ = &Type{Form: intersection, Parts: parts, Line: line}
	}
	p.m.decls[d.name] = d
	return []string{d.name}
}

func (p *parser) readAlias() []string {
	line := p.next().line
	d := &decl{name: p.next().text, line: line}
	d.parameters = p.typeParameters()
	p.take("=")
	d.typ = p.readType()
	if before := p.m.decls[d.name]; before != nil {
		d.value = before.value // a type and a value may have the same name
	}
	p.m.decls[d.name] = d
	return []string{d.name}
}

// readEnum reads an enum: its type is the union of its members, and each member has one of its own.
func (p *parser) readEnum() []string {
	p.take("const")
	line := p.next().line
	name := p.next().text
	all := &Type{Form: union, Line: line}
	closing := p.matching(p.at)
	p.next()
	next, known := 0.0, true
	for p.at < closing {
		member := p.next()
		one := &Type{Line: member.line}
		if p.take("=") {
			value, ok := p.readLiteral()
			known = ok && (p.peek().is(",") || p.at == closing)
			if number, isNumber := value.(float64); known && isNumber {
				next = number
			} else if known {
				one = &Type{Form: literal, Value: value, Line: member.line}
			}
			for p.at < closing && !p.peek().is(",") {
				p.skip()
			}
		}
		if known && one.Form == unknown {
			one = &Type{Form: literal, Value: next, Line: member.line}
			next++
		}
		p.take(",")
		all.Parts = append(all.Parts, one)
		p.m.decls[name+"."+member.text] = &decl{name: name + "." + member.text, typ: one, line: member.line}
	}
	p.at = closing
	p.take("}")
	p.m.decls[name] = &decl{name: name, typ: all, line: line}
	return []string{name}
}

func (p *parser) readFunctionDecl(comment doc) []string {
	line := p.peek().line
	p.take("async")
	p.next()
	p.take("*")
	f := &Function{doc: comment, line: line}
	if p.peek().kind == word {
		f.name = p.next().text
	}
	if p.finish(f, p.at) == nil {
		return nil
	}
	d := &decl{name: f.name, value: &value{function: f}, line: line}
	if before := p.m.decls[f.name]; before != nil && f.name != "" {
		d.typ = before.typ
		if before.value != nil && before.value.function != nil {
			f.overloaded = true
			if f.doc.text == "" {
				f.doc = before.value.function.doc
			}
		}
	}
	p.m.decls[f.name] = d
	return []string{f.name}
}

// readVariables reads const a = …, b: T = …
func (p *parser) readVariables(comment doc) []string {
	p.next()
	var names []string
	for {
		name := p.peek()
		if name.kind != word {
			return names
		}
		p.next()
		p.take("!")
		d := &decl{name: name.text, line: name.line, value: &value{}}
		var declared *Type
		if p.take(":") {
			declared = p.readType()
		}
		if p.take("=") {
			d.value = p.readValue()
		}
		d.value.declared = declared
		if d.value.doc.isEmpty() {
			d.value.doc = comment
		}
		if before := p.m.decls[name.text]; before != nil {
			d.typ, d.parameters = before.typ, before.parameters
		}
		p.m.decls[name.text] = d
		names = append(names, name.text)
		p.skipRest()
		if !p.take(",") {
			return names
		}
	}
}

func (d doc) isEmpty() bool {
	return d.text == "" && len(d.params) == 0 && d.returns == nil && d.typ == nil && len(d.tags) == 0
}

// skipRest skips to the end of an initializer: a comma, a semicolon, or the beginning of another declaration.
func (p *parser) skipRest() {
	for t := p.peek(); t.kind != end && !t.is(",") && !t.is(";"); t = p.peek() {
		if t.first && t.kind == word && slices.Contains(keywords, t.text) {
			return
		}
		p.skip()
	}
}

// keywords that begin declarations.
var keywords = []string{"const", "let", "var", "function", "async", "class", "interface", "type", "enum", "export", "import", "declare", "module", "exports", "abstract"}

// readValue reads the beginning of a value, as much as is of use.
func (p *parser) readValue() *value {
	first := p.peek()
	if f := p.readFunctionValue(); f != nil {
		return &value{function: f, doc: f.doc}
	}
	switch {
	case first.is("{"):
		v := &value{doc: readDoc(first.doc)}
		begin := p.at
		if constant, ok := p.readLiteral(); ok {
			v.constant = typeOfLiteral(constant, first.line)
			return v
		}
		p.at = begin
		p.readObjectValue(v)
		return v
	case first.kind == word && p.isCall("tool"), first.kind == word && p.isCall("resource"):
		return p.readHelper()
	case first.kind == word && (ends(p.ahead(1))):
		p.next()
		return &value{ref: first.text}
	}
	if constant, ok := p.readLiteral(); ok {
		return &value{constant: typeOfLiteral(constant, first.line)}
	}
	return &value{}
}

// ends reports whether a value ends before the token.
func ends(t token) bool {
	return t.kind == end || t.first || t.is(",") || t.is(";") || t.is(")") || t.is("}") || t.is("]") || t.is("as") || t.is("satisfies")
}

// isCall reports whether a call of the function, or of a member of that name, stands here.
func (p *parser) isCall(name string) bool {
	if p.ahead(1).is(".") {
		return p.ahead(2).is(name) && p.ahead(3).is("(")
	}
	return p.peek().is(name) && p.ahead(1).is("(")
}

// readHelper reads tool(…) or resource(…), of which the function matters.
func (p *parser) readHelper() *value {
	for !p.peek().is("(") {
		p.next()
	}
	closing := p.matching(p.at)
	p.next()
	v := p.handlerIn(closing)
	p.at = closing
	p.take(")")
	return v
}

// handlerIn reads arguments up to the closing bracket and returns the function among them.
func (p *parser) handlerIn(closing int) *value {
	found := &value{}
	for p.at < closing {
		before := p.at
		v := p.readValue()
		if v.function != nil || v.ref != "" && found.function == nil {
			found = v
		}
		for p.at < closing && !p.peek().is(",") {
			p.skip()
		}
		p.take(",")
		if p.at == before {
			p.skip()
		}
	}
	found.handler = true
	return found
}

// readObjectValue reads the members of an object that are functions, or names of functions.
func (p *parser) readObjectValue(into *value) {
	closing := p.matching(p.at)
	p.next()
	for p.at < closing {
		before := p.at
		p.readValueMember(into)
		for p.at < closing && !p.peek().is(",") {
			p.skip()
		}
		p.take(",")
		if p.at == before {
			p.skip()
		}
	}
	p.at = closing
	p.take("}")
}

func (p *parser) readValueMember(into *value) {
	comment := readDoc(p.peek().doc)
	for (p.peek().is("async") || p.peek().is("*")) && !p.ahead(1).is(":") && !p.ahead(1).is("(") && !p.ahead(1).is(",") {
		p.next()
	}
	name := p.peek()
	if name.kind != word && name.kind != text {
		return
	}
	p.next()
	member := &value{}
	switch {
	case p.take(":"):
		member = p.readValue()
		if member.doc.isEmpty() {
			member.doc = comment
		}
	case p.peek().is("("), p.peek().is("<"):
		f := &Function{name: name.text, doc: comment, line: name.line}
		if p.finish(f, p.at) != nil {
			member.function = f
		}
	default:
		member.ref = name.text
	}
	into.members = append(into.members, &valueMember{name.text, member})
}

// registrations finds the calls of registerTool and registerResource, and those of tool and resource with a name.
func (p *parser) registrations() {
	for i := range p.tokens {
		t := p.tokens[i]
		long := t.is("registerTool") || t.is("registerResource")
		if !long && !t.is("tool") && !t.is("resource") || t.kind != word || !at(p.tokens, i+1).is("(") || at(p.tokens, i+2).kind != text {
			continue
		}
		closing := p.matching(i + 1)
		p.at = i + 3
		p.take(",")
		call := &registration{name: p.tokens[i+2].text, resource: strings.HasSuffix(strings.ToLower(t.text), "resource"), value: p.handlerIn(closing)}
		if call.value.doc.isEmpty() {
			call.value.doc = readDoc(p.docBefore(i))
		}
		p.m.calls = append(p.m.calls, call)
	}
}

// docBefore returns the comment before the statement whose call stands at i.
func (p *parser) docBefore(i int) string {
	for ; i >= 0 && i < len(p.tokens); i-- {
		if t := p.tokens[i]; t.doc != "" {
			return t.doc
		}
		if t := at(p.tokens, i-1); i == 0 || t.kind != word && !t.is(".") {
			return ""
		}
	}
	return ""
}

// typedef takes a type that a comment declares.
func (p *parser) typedef(c comment) {
	d := readDoc(c.text)
	words, ok := d.tags["typedef"]
	if !ok {
		return
	}
	t, name := bracedType(words)
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	if name == "" || p.m.decls[name] != nil {
		return
	}
	if len(d.params) > 0 && (t == nil || t.Form == reference && strings.EqualFold(t.Name, "object")) {
		t = typeOfParams(d.params, c.line)
	}
	if t == nil {
		t = &Type{Line: c.line}
	}
	p.m.decls[name] = &decl{name: name, typ: t, line: c.line}
}

// typeOfParams is the object that @property or @param tags describe.
func typeOfParams(params []docParam, line int) *Type {
	t := &Type{Form: object, Line: line}
	for _, p := range params {
		if strings.Contains(p.name, ".") || p.name == "" {
			continue
		}
		m := &Member{Name: p.name, Type: p.typ, Optional: p.optional, Doc: doc{text: p.text}, Default: p.value, Valued: p.valued, Line: line}
		if _, below := (doc{params: params}).param(p.name); len(below) > 0 {
			m.Type = typeOfParams(below, line)
		}
		if m.Type == nil {
			m.Type = &Type{Form: reference, Name: "any", Line: line}
		}
		t.Members = append(t.Members, m)
	}
	return t
}
