package syntax

import "slices"

// A Function is one that is declared, or written where a value stands.
type Function struct {
	name       string
	Doc        Doc
	Parameters []parameterType
	Params     []*Parameter
	Result     *Type
	Line       int
	// overloaded says that it is declared more than once.
	Overloaded bool
}

// A Parameter is one of a Function.
type Parameter struct {
	Name     string
	Typ      *Type // nil where none is written
	Optional bool
	Rest     bool
	Value    any // its default, if it is a literal
	Valued   bool
	Doc      string
	Line     int
	// destructured says that the parameter is a pattern of these members, and open, that it takes further ones.
	Destructured bool
	Members      []*Member
	Open         bool
	// uses are the members that the function's body reads.
	Uses []string
}

// readFunctionValue reads a function where a value is expected: an arrow function or a function expression; nil if there is none.
func (r *reader) readFunctionValue() *Function {
	begin := r.at
	f := &Function{Doc: readDoc(r.peek().doc), Line: r.peek().line}
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
		f.Params = []*Parameter{{Name: name.text, Line: name.line}}
		r.body(f)
		return f
	}
	f.Parameters = r.typeParameters()
	if !r.peek().is("(") {
		r.at = begin
		return nil
	}
	f.Params = r.readParameters()
	if r.take(":") {
		f.Result = r.readType()
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
	f.Parameters = r.typeParameters()
	if !r.peek().is("(") {
		r.at = begin
		return nil
	}
	f.Params = r.readParameters()
	if r.take(":") {
		f.Result = r.readType()
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
		if p := r.readParameter(closing); p != nil && p.Name != "this" {
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
	p := &Parameter{Line: first.line, Doc: readDoc(first.doc).Text, Rest: r.take("...")}
	switch {
	case r.peek().is("{"):
		r.readPattern(p)
	case r.peek().is("["):
		r.skip()
	case r.peek().kind == word:
		p.Name = r.next().text
	default:
		return nil
	}
	p.Optional = r.take("?")
	if r.take(":") {
		p.Typ = r.readType()
	}
	if r.take("=") {
		p.Value, p.Valued = r.readDefaultValue(closing)
		p.Optional = true
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
		if r.peek().kind == word && r.ahead(1).is("<") {
			r.skipGeneric()
			continue
		}
		r.skip()
	}
	return nil, false
}

// skipGeneric skips a name and the type arguments of a call behind it, in which there may be commas.
func (r *reader) skipGeneric() {
	r.next()
	begin := r.at
	if r.typeArguments(); !r.peek().is("(") { // a comparison
		r.at = begin
	}
}

// readPattern reads {a, b: c, d = 1, ...rest}.
func (r *reader) readPattern(p *Parameter) {
	closing := r.matching(r.at)
	p.Destructured = true
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
		p.Open = true
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
			m.Type = TypeOfDefault(value, name.line)
		}
	}
	p.Members = append(p.Members, m)
}

// TypeOfDefault is the type that a parameter with that default has when none is written.
func TypeOfDefault(value any, line int) *Type {
	var name string
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
	return &Type{Form: Reference, Name: name, Line: line}
}

// body reads the body of a function, for what it uses of its first parameter.
func (r *reader) body(f *Function) {
	begin := r.at
	if r.peek().is("{") {
		r.skip()
	} else {
		for t := r.peek(); t.kind != end && !endsExpression(t); t = r.peek() {
			r.skip()
		}
	}
	if len(f.Params) == 0 || f.Params[0].Name == "" {
		return
	}
	if r.budget -= r.at - begin; r.budget < 0 {
		f.Params[0].Open = true
		return
	}
	uses(r.tokens[begin:r.at], f.Params[0])
}

// endsExpression reports whether an expression without brackets around it ends before the token.
func endsExpression(t token) bool {
	return t.is(",") || t.is(";") || t.is(")") || t.is("]") || t.is("}") || beginsDeclaration(t)
}

// uses finds out which members of a parameter the tokens of a body read. Every other use of it may read any.
func uses(body []token, p *Parameter) {
	for i, t := range body {
		if t.kind != word || t.text != p.Name || i > 0 && (body[i-1].is(".") || body[i-1].is("?.")) {
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
			p.Open = true
		}
	}
}

func at(tokens []token, i int) token {
	if 0 <= i && i < len(tokens) {
		return tokens[i]
	}
	return token{}
}

func (p *Parameter) use(name string) {
	if !slices.Contains(p.Uses, name) {
		p.Uses = append(p.Uses, name)
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
		p.Open = true
		return
	}
	pattern := &Parameter{}
	r := newReader(append(slices.Clone(tokens[begin:]), token{}))
	r.readPattern(pattern)
	p.Open = p.Open || pattern.Open
	for _, m := range pattern.Members {
		p.use(m.Name)
	}
}
