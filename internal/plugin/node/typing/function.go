package typing

import "slices"

// A Function is one that is declared, or written where a value stands.
type Function struct {
	name       string
	doc        doc
	parameters []parameterType
	params     []*Parameter
	result     *Type
	line       int
	// overloaded says that it is declared more than once.
	overloaded bool
}

// A Parameter is one of a Function.
type Parameter struct {
	name     string
	typ      *Type // nil where none is written
	optional bool
	rest     bool
	value    any // its default, if it is a literal
	valued   bool
	doc      string
	line     int
	// destructured says that the parameter is a pattern of these members, and open, that it takes further ones.
	destructured bool
	members      []*Member
	open         bool
	// uses are the members that the function's body reads.
	uses []string
}

// readFunctionValue reads a function where a value is expected: an arrow function or a function expression; nil if there is none.
func (r *reader) readFunctionValue() *Function {
	begin := r.at
	f := &Function{doc: readDoc(r.peek().doc), line: r.peek().line}
	if r.peek().is("async") && !r.ahead(1).is("=>") && !r.ahead(1).first {
		r.next()
	}
	switch {
	case r.take("function"):
		r.take("*")
		if r.peek().kind == word {
			f.name = r.next().text
		}
		return r.finish(f, begin)
	case r.peek().kind == word && r.ahead(1).is("=>"):
		name := r.next()
		r.next()
		f.params = []*Parameter{{name: name.text, line: name.line}}
		r.body(f)
		return f
	}
	f.parameters = r.typeParameters()
	if !r.peek().is("(") {
		r.at = begin
		return nil
	}
	f.params = r.readParameters()
	if r.take(":") {
		f.result = r.readType()
	}
	if !r.take("=>") {
		r.at = begin
		return nil
	}
	r.body(f)
	return f
}

// finish reads a function from its type parameters on; what follows a signature without a body stays.
func (r *reader) finish(f *Function, begin int) *Function {
	f.parameters = r.typeParameters()
	if !r.peek().is("(") {
		r.at = begin
		return nil
	}
	f.params = r.readParameters()
	if r.take(":") {
		f.result = r.readType()
	}
	if r.peek().is("{") {
		r.body(f)
	}
	return f
}

// readParameters reads the parameters of a function, with their brackets.
func (r *reader) readParameters() []*Parameter {
	closing := r.matching(r.at)
	r.next()
	var all []*Parameter
	for r.at < closing {
		before := r.at
		if p := r.readParameter(closing); p != nil && p.name != "this" {
			all = append(all, p)
		}
		r.take(",")
		if r.at == before {
			r.skip()
		}
	}
	r.at = closing
	r.take(")")
	return all
}

func (r *reader) readParameter(closing int) *Parameter {
	first := r.peek()
	p := &Parameter{line: first.line, doc: readDoc(first.doc).text, rest: r.take("...")}
	switch {
	case r.peek().is("{"):
		r.readPattern(p)
	case r.peek().is("["):
		r.skip()
	case r.peek().kind == word:
		p.name = r.next().text
	default:
		return nil
	}
	p.optional = r.take("?")
	if r.take(":") {
		p.typ = r.readType()
	}
	if r.take("=") {
		p.value, p.valued = r.readDefaultValue(closing)
		p.optional = true
	}
	return p
}

// readDefaultValue reads a default: its value, if it is a literal, and otherwise nothing.
func (r *reader) readDefaultValue(closing int) (any, bool) {
	value, ok := r.readLiteral()
	if ok && (r.peek().is(",") || r.at == closing || r.peek().is("}")) {
		return value, true
	}
	for r.at < closing && !r.peek().is(",") && !r.peek().is("}") {
		r.skip()
	}
	return nil, false
}

// readPattern reads {a, b: c, d = 1, ...rest}.
func (r *reader) readPattern(p *Parameter) {
	closing := r.matching(r.at)
	p.destructured = true
	r.next()
	for r.at < closing {
		before := r.at
		r.readPatternMember(p, closing)
		r.take(",")
		if r.at == before {
			r.skip()
		}
	}
	r.at = closing
	r.take("}")
}

func (r *reader) readPatternMember(p *Parameter, closing int) {
	name := r.peek()
	if name.is("...") || name.kind != word && name.kind != text {
		p.open = true
		for r.at < closing && !r.peek().is(",") {
			r.skip()
		}
		return
	}
	r.next()
	m := &Member{Name: name.text, Doc: readDoc(name.doc), Line: name.line, Type: &Type{Line: name.line}}
	if r.take(":") {
		r.skip() // what it is called within
	}
	if r.take("=") {
		m.Optional = true
		if value, ok := r.readDefaultValue(closing); ok {
			m.Default, m.Valued = value, true
			m.Type = typeOfDefault(value, name.line)
		}
	}
	p.members = append(p.members, m)
}

// typeOfDefault is the type that a parameter with that default has when none is written.
func typeOfDefault(value any, line int) *Type {
	name := ""
	switch value.(type) {
	case string:
		name = "string"
	case float64:
		name = "number"
	case bool:
		name = "boolean"
	default:
		return &Type{Line: line}
	}
	return &Type{Form: reference, Name: name, Line: line}
}

// body reads the body of a function, for what it uses of its first parameter.
func (r *reader) body(f *Function) {
	begin := r.at
	if r.peek().is("{") {
		r.skip()
	} else {
		for t := r.peek(); t.kind != end && !t.is(",") && !t.is(";") && !t.is(")") && !t.is("]") && !t.is("}"); t = r.peek() {
			r.skip()
		}
	}
	if len(f.params) == 0 || f.params[0].name == "" {
		return
	}
	uses(r.tokens[begin:r.at], f.params[0])
}

// uses finds out which members of a parameter the tokens of a body read. Every other use of it may read any.
func uses(body []token, p *Parameter) {
	for i, t := range body {
		if t.kind != word || t.text != p.name || i > 0 && (body[i-1].is(".") || body[i-1].is("?.")) {
			continue
		}
		switch next, after := at(body, i+1), at(body, i+2); {
		case (next.is(".") || next.is("?.")) && after.kind == word:
			p.use(after.text)
		case next.is("[") && after.kind == text && at(body, i+3).is("]"):
			p.use(after.text)
		case i > 1 && body[i-1].is("=") && body[i-2].is("}") && !next.is(".") && !next.is("["):
			p.usePattern(body[:i-1])
		case next.is(":") && i > 0 && (body[i-1].is("{") || body[i-1].is(",")): // the key of an object
		default:
			p.open = true
		}
	}
}

func at(tokens []token, i int) token {
	if i < len(tokens) {
		return tokens[i]
	}
	return token{}
}

func (p *Parameter) use(name string) {
	if !slices.Contains(p.uses, name) {
		p.uses = append(p.uses, name)
	}
}

// usePattern takes the pattern that the tokens end with.
func (p *Parameter) usePattern(tokens []token) {
	depth, begin := 0, -1
	for i := len(tokens) - 1; i >= 0 && begin < 0; i-- {
		switch {
		case tokens[i].is("}"), tokens[i].is(")"), tokens[i].is("]"):
			depth++
		case tokens[i].is("{"), tokens[i].is("("), tokens[i].is("["), tokens[i].is("${"):
			if depth--; depth == 0 {
				begin = i
			}
		}
	}
	if begin < 0 {
		p.open = true
		return
	}
	pattern := &Parameter{}
	r := &reader{tokens: append(slices.Clone(tokens[begin:]), token{})}
	r.readPattern(pattern)
	p.open = p.open || pattern.open
	for _, m := range pattern.members {
		p.use(m.Name)
	}
}
