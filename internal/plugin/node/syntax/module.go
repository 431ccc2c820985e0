package syntax

import (
	"slices"
	"strings"
)

// A Module is what one file declares.
type Module struct {
	File    string
	Decls   map[string]*Decl
	Imports map[string]Far
	Exports map[string]export
	Stars   []string // files all of whose exports it exports
	Calls   []*registration
}

// A Far is a name in another file: "*" for all of them, "default" for the default export.
type Far struct{ From, Name string }

// An export is a name of this file, or one of another file, or a value that has no name.
type export struct {
	Local string
	Far
	Value *Value
}

// A Decl is what a name means: a type, a value, or both.
type Decl struct {
	Name       string
	Parameters []parameterType
	Typ        *Type
	Value      *Value
	line       int
}

// A Value is what is known of a value.
type Value struct {
	Function *Function
	// ref is the name of another value, handler tells that the function is the handler of a tool or resource.
	Ref     string
	Handler bool
	// constant is the type of a literal, declared the type that is written.
	Constant, declared *Type
	Members            []*valueMember
	Doc                Doc
}

type valueMember struct {
	Name  string
	Value *Value
}

// A registration is a call that registers a tool or resource by its name.
type registration struct {
	Name     string
	Resource bool
	Value    *Value
}

// ParseModule reads what a file declares; nil if it cannot be read.
func ParseModule(file, src string) *Module {
	tokens, docs, ok := lex(src)
	if !ok {
		return nil
	}
	m := &Module{File: file, Decls: map[string]*Decl{}, Imports: map[string]Far{}, Exports: map[string]export{}}
	p := &parser{newReader(tokens), m}
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
	m *Module
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
func (p *parser) declaration(comment Doc) []string {
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
		p.m.Decls[name] = &Decl{Name: name, Typ: &Type{Line: t.line}, line: t.line}
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
	d := &Decl{Name: p.next().text, line: line}
	d.Parameters = p.typeParameters()
	var parts []*Type
	if p.take("extends") {
		for ok := true; ok; ok = p.take(",") {
			parts = append(parts, p.readPostfix())
		}
	}
	parts = append(parts, p.readObject())
	if before := p.m.Decls[d.Name]; before != nil && before.Typ != nil {
		parts = append([]*Type{before.Typ}, parts...) // declarations of the same interface are one
	}
	d.Typ = parts[0]
	if len(parts) > 1 {
		d.Typ = &Type{Form: Intersection, Parts: parts, Line: line}
	}
	p.m.Decls[d.Name] = d
	return []string{d.Name}
}

func (p *parser) readAlias() []string {
	line := p.next().line
	d := &Decl{Name: p.next().text, line: line}
	d.Parameters = p.typeParameters()
	p.take("=")
	d.Typ = p.readType()
	if before := p.m.Decls[d.Name]; before != nil {
		d.Value = before.Value // a type and a value may have the same name
	}
	p.m.Decls[d.Name] = d
	return []string{d.Name}
}

// readEnum reads an enum: its type is the union of its members, and each member has one of its own.
func (p *parser) readEnum() []string {
	p.take("const")
	line := p.next().line
	name := p.next().text
	all := &Type{Form: Union, Line: line}
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
				one = &Type{Form: Literal, Value: value, Line: member.line}
			}
			for p.at < closing && !p.peek().is(",") {
				p.skip()
			}
		}
		if known && one.Form == Unknown {
			one = &Type{Form: Literal, Value: next, Line: member.line}
			next++
		}
		p.take(",")
		all.Parts = append(all.Parts, one)
		p.m.Decls[name+"."+member.text] = &Decl{Name: name + "." + member.text, Typ: one, line: member.line}
	}
	p.at = closing
	p.take("}")
	p.m.Decls[name] = &Decl{Name: name, Typ: all, line: line}
	return []string{name}
}

func (p *parser) readFunctionDecl(comment Doc) []string {
	line := p.peek().line
	p.take("async")
	p.next()
	p.take("*")
	f := &Function{Doc: comment, Line: line}
	if p.peek().kind == word {
		f.name = p.next().text
	}
	if p.finish(f, p.at) == nil {
		return nil
	}
	d := &Decl{Name: f.name, Value: &Value{Function: f}, line: line}
	if before := p.m.Decls[f.name]; before != nil && f.name != "" {
		d.Typ = before.Typ
		if before.Value != nil && before.Value.Function != nil {
			f.Overloaded = true
			if f.Doc.Text == "" {
				f.Doc = before.Value.Function.Doc
			}
		}
	}
	p.m.Decls[f.name] = d
	return []string{f.name}
}

// readVariables reads const a = …, b: T = …
func (p *parser) readVariables(comment Doc) []string {
	p.next()
	var names []string
	for {
		name := p.peek()
		if name.kind != word {
			return names
		}
		p.next()
		p.take("!")
		d := &Decl{Name: name.text, line: name.line, Value: &Value{}}
		var declared *Type
		if p.take(":") {
			declared = p.readType()
		}
		if p.take("=") {
			d.Value = p.readValue()
		}
		d.Value.declared = declared
		if d.Value.Doc.IsEmpty() {
			d.Value.Doc = comment
		}
		if before := p.m.Decls[name.text]; before != nil {
			d.Typ, d.Parameters = before.Typ, before.Parameters
		}
		p.m.Decls[name.text] = d
		names = append(names, name.text)
		p.skipRest()
		if !p.take(",") {
			return names
		}
	}
}

// IsEmpty reports whether the comment says nothing.
func (d Doc) IsEmpty() bool {
	return d.Text == "" && len(d.Params) == 0 && d.Returns == nil && d.typ == nil && len(d.Tags) == 0
}

// skipRest skips to the end of an initializer: a comma, a semicolon, or the beginning of another declaration.
func (p *parser) skipRest() {
	for t := p.peek(); t.kind != end && !t.is(",") && !t.is(";"); t = p.peek() {
		if beginsDeclaration(t) {
			return
		}
		p.skip()
	}
}

// beginsDeclaration reports whether the token begins a declaration, which ends the statement before although no semicolon does.
func beginsDeclaration(t token) bool {
	return t.first && t.kind == word && slices.Contains(keywords, t.text)
}

// keywords that begin declarations.
var keywords = []string{"const", "let", "var", "function", "async", "class", "interface", "type", "enum", "export", "import", "declare", "module", "exports", "abstract"}

// readValue reads the beginning of a value, as much as is of use.
func (p *parser) readValue() *Value {
	first := p.peek()
	if f := p.readFunctionValue(); f != nil {
		return &Value{Function: f, Doc: f.Doc}
	}
	switch {
	case first.is("{"):
		v := &Value{Doc: readDoc(first.doc)}
		begin := p.at
		if constant, ok := p.readLiteral(); ok {
			v.Constant = typeOfLiteral(constant, first.line)
			return v
		}
		p.at = begin
		p.readObjectValue(v)
		return v
	case first.kind == word && p.isCall("tool"), first.kind == word && p.isCall("resource"):
		return p.readHelper()
	case first.kind == word && ends(p.ahead(1)):
		p.next()
		return &Value{Ref: first.text}
	}
	if constant, ok := p.readLiteral(); ok {
		return &Value{Constant: typeOfLiteral(constant, first.line)}
	}
	return &Value{}
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
func (p *parser) readHelper() *Value {
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
func (p *parser) handlerIn(closing int) *Value {
	found := &Value{}
	for p.at < closing {
		before := p.at
		v := p.readValue()
		if v.Function != nil || v.Ref != "" && found.Function == nil {
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
	found.Handler = true
	return found
}

// readObjectValue reads the members of an object that are functions, or names of functions.
func (p *parser) readObjectValue(into *Value) {
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

func (p *parser) readValueMember(into *Value) {
	comment := readDoc(p.peek().doc)
	for (p.peek().is("async") || p.peek().is("*")) && !p.ahead(1).is(":") && !p.ahead(1).is("(") && !p.ahead(1).is(",") {
		p.next()
	}
	name := p.peek()
	if name.kind != word && name.kind != text {
		return
	}
	p.next()
	member := &Value{}
	switch {
	case p.take(":"):
		member = p.readValue()
		if member.Doc.IsEmpty() {
			member.Doc = comment
		}
	case p.peek().is("("), p.peek().is("<"):
		f := &Function{name: name.text, Doc: comment, Line: name.line}
		if p.finish(f, p.at) != nil {
			member.Function = f
		}
	default:
		member.Ref = name.text
	}
	into.Members = append(into.Members, &valueMember{name.text, member})
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
		call := &registration{Name: p.tokens[i+2].text, Resource: strings.HasSuffix(strings.ToLower(t.text), "resource"), Value: p.handlerIn(closing)}
		if call.Value.Doc.IsEmpty() {
			call.Value.Doc = readDoc(p.docBefore(i))
		}
		p.m.Calls = append(p.m.Calls, call)
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
	words, ok := d.Tags["typedef"]
	if !ok {
		return
	}
	t, name := bracedType(words)
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	if name == "" || p.m.Decls[name] != nil {
		return
	}
	if len(d.Params) > 0 && (t == nil || t.Form == Reference && strings.EqualFold(t.Name, "object")) {
		t = TypeOfParams(d.Params, c.line)
	}
	if t == nil {
		t = &Type{Line: c.line}
	}
	p.m.Decls[name] = &Decl{Name: name, Typ: t, line: c.line}
}

// TypeOfParams is the object that @property or @param tags describe.
func TypeOfParams(params []DocParam, line int) *Type {
	t := &Type{Form: Object, Line: line}
	for _, p := range params {
		if strings.Contains(p.Name, ".") || p.Name == "" {
			continue
		}
		m := &Member{Name: p.Name, Type: p.Typ, Optional: p.Optional, Doc: Doc{Text: p.Text}, Default: p.Value, Valued: p.Valued, Line: line}
		if _, below := (Doc{Params: params}).Param(p.Name); len(below) > 0 {
			m.Type = TypeOfParams(below, line)
		}
		if m.Type == nil {
			m.Type = &Type{Form: Reference, Name: "any", Line: line}
		}
		t.Members = append(t.Members, m)
	}
	return t
}
