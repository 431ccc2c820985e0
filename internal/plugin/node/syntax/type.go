package syntax

import "strings"

// A Type is a type as it is written down.
type Type struct {
	// Form says what it is; which of the rest it has follows from that.
	Form form
	// Name is that of a reference, with dots.
	Name string
	// Parts are the type arguments of a reference, the members of a union or intersection, the elements of a tuple, and the
	// operands of the others.
	Parts []*Type
	// Value is that of a literal.
	Value any
	// Members are those of an object, Index the type of its further members.
	Members []*Member
	Index   *Type
	// Fewest is how many elements a tuple has at least; Rest, that the last part is the array of what else it has.
	Fewest int
	Rest   bool
	// Optional says that a mapped type has optional members.
	Optional bool
	Line     int
}

type form uint8

// Forms of types.
const (
	Unknown form = iota // what is not understood
	Reference
	Literal
	Array        // of Parts[0]
	Tuple        // of Parts
	Union        // of Parts
	Intersection // of Parts
	Object       // of Members
	Callable     // a value that is no JSON
	KeyOf        // Parts[0]
	TypeOf       // the value Name
	Indexed      // Parts[0][Parts[1]]
	Mapped       // {[Name in Parts[0]]: Parts[1]}
	Characters   // a template literal type
)

// A Member is one of an object.
type Member struct {
	Name     string
	Type     *Type
	Optional bool
	Doc      Doc
	Line     int
	// Default is what the member is when it is left out, if Valued.
	Default any
	Valued  bool
}

// maxNesting bounds how deep types may be nested.
const maxNesting = 64

// A reader reads types, parameters and declarations from tokens.
type reader struct {
	tokens []token
	pairs  []int // of each opening bracket the position of the closing one
	at     int
	depth  int
	budget int // of tokens that may still be taken: reading something in several ways must not take for ever
	// jsdoc has it read what only JSDoc has.
	jsdoc bool
}

func (r *reader) peek() token { return r.ahead(0) }

// ahead returns the token n after the next one.
func (r *reader) ahead(n int) token {
	if i := r.at + n; i < len(r.tokens) {
		return r.tokens[i]
	}
	return token{}
}

// next takes the next token. At the end, and when the budget is spent, it is the last.
func (r *reader) next() token {
	if r.budget--; r.budget < 0 {
		r.at = len(r.tokens) - 1
	}
	t := r.peek()
	if r.at < len(r.tokens)-1 {
		r.at++
	}
	return t
}

// take skips the next token if it is that one.
func (r *reader) take(text string) bool {
	if r.peek().is(text) {
		r.next()
		return true
	}
	return false
}

// maxRereads is how often each token of a file may be taken on average.
const maxRereads = 50

// newReader returns a reader of tokens, the last of which is of kind end.
func newReader(tokens []token) reader {
	return reader{tokens: tokens, pairs: pairsOf(tokens), budget: maxRereads * (len(tokens) + 10)}
}

// pairsOf finds the closing brackets of the opening ones. What is not closed ends with the file.
func pairsOf(tokens []token) []int {
	pairs := make([]int, len(tokens))
	var open []int
	for i, t := range tokens {
		pairs[i] = len(tokens) - 1
		switch {
		case opens(t):
			open = append(open, i)
		case t.kind == punct && (t.text == ")" || t.text == "]" || t.text == "}") && len(open) > 0:
			pairs[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return pairs
}

func opens(t token) bool {
	return t.kind == punct && (t.text == "(" || t.text == "[" || t.text == "{" || t.text == "${")
}

// matching returns the position of the bracket that closes the one at position i, or that of the end.
func (r *reader) matching(i int) int {
	if i < len(r.pairs) && opens(r.tokens[i]) {
		return r.pairs[i]
	}
	return len(r.tokens) - 1
}

// skip skips the next token, and with an opening bracket all up to the closing one.
func (r *reader) skip() {
	if opens(r.peek()) {
		r.at = r.matching(r.at)
	}
	r.next()
}

// readType reads a type; what is not understood is skipped and unknown.
func (r *reader) readType() *Type {
	line := r.peek().line
	if r.depth++; r.depth > maxNesting {
		r.depth--
		r.skip()
		return &Type{Line: line}
	}
	defer func() { r.depth-- }()
	if t := r.readFunction(); t != nil {
		return t
	}
	r.take("|")
	t := r.list("|", Union, func() *Type {
		r.take("&")
		return r.list("&", Intersection, r.readPostfix)
	})
	switch {
	case r.peek().is("extends") && !r.peek().first: // a conditional type
		r.next()
		r.readType()
		r.take("?")
		r.readType()
		r.take(":")
		r.readType()
		return &Type{Line: line}
	case r.peek().is("is") && !r.peek().first: // a predicate
		r.next()
		r.readType()
		return &Type{Form: Reference, Name: "boolean", Line: line}
	}
	return t
}

// list reads types between which an operator stands.
func (r *reader) list(operator string, of form, read func() *Type) *Type {
	line := r.peek().line
	all := []*Type{read()}
	for r.take(operator) {
		all = append(all, read())
	}
	if len(all) == 1 {
		return all[0]
	}
	return &Type{Form: of, Parts: all, Line: line}
}

// readFunction reads the type of a function, nil if there is none.
func (r *reader) readFunction() *Type {
	begin := r.at
	line := r.peek().line
	r.take("abstract")
	r.take("new")
	r.typeParameters()
	if r.peek().is("(") && r.ahead(r.matching(r.at)-r.at+1).is("=>") {
		r.skip()
		r.next()
		r.readType()
		return &Type{Form: Callable, Line: line}
	}
	r.at = begin
	return nil
}

// readPostfix reads a type with what stands behind it: [] and [K].
func (r *reader) readPostfix() *Type {
	t := r.readPrimary()
	for {
		next := r.peek()
		switch {
		case next.is("[") && !next.first:
			r.next()
			if r.take("]") {
				t = &Type{Form: Array, Parts: []*Type{t}, Line: next.line}
				continue
			}
			key := r.readType()
			r.take("]")
			t = &Type{Form: Indexed, Parts: []*Type{t, key}, Line: next.line}
		case r.jsdoc && next.is("!"):
			r.next()
		case r.jsdoc && next.is("?"):
			r.next()
			t = nullable(t)
		default:
			return t
		}
	}
}

func nullable(t *Type) *Type {
	return &Type{Form: Union, Parts: []*Type{t, {Form: Literal, Line: t.Line}}, Line: t.Line}
}

// operators before a type.
var operators = map[string]form{"keyof": KeyOf, "readonly": Reference, "unique": Reference, "infer": Unknown, "asserts": Unknown}

// readPrimary reads a type without operators behind it.
func (r *reader) readPrimary() *Type {
	t := r.peek()
	switch {
	case t.kind == text:
		r.next()
		return &Type{Form: Literal, Value: t.text, Line: t.line}
	case t.kind == number, t.is("-"):
		return r.readNumber()
	case t.kind == template:
		return r.readTemplate()
	case t.is("{"):
		return r.readObject()
	case t.is("["):
		return r.readTuple()
	case t.is("("):
		r.next()
		inner := r.readType()
		r.take(")")
		return inner
	case t.kind == word:
		return r.readWord()
	case r.jsdoc && (t.is("?") || t.is("!") || t.is("*") || t.is("...")):
		return r.readJSDocOnly()
	}
	if t.kind != end && !closes(t) {
		r.next()
	}
	return &Type{Line: t.line}
}

// closes reports whether the token ends what stands around a type, so that it must not be skipped.
func closes(t token) bool {
	switch t.text {
	case ")", "]", "}", ">", ",", ";", "=", "=>", ":":
		return t.kind == punct
	}
	return false
}

func (r *reader) readJSDocOnly() *Type {
	switch t := r.next(); t.text {
	case "?":
		if closes(r.peek()) || r.peek().kind == end {
			return &Type{Line: t.line}
		}
		return nullable(r.readPostfix())
	case "...":
		return &Type{Form: Array, Parts: []*Type{r.readPostfix()}, Line: t.line}
	case "!":
		return r.readPostfix()
	default:
		return &Type{Form: Reference, Name: "any", Line: t.line}
	}
}

func (r *reader) readNumber() *Type {
	line := r.peek().line
	value, ok := r.readLiteral()
	if !ok {
		return &Type{Line: line}
	}
	return &Type{Form: Literal, Value: value, Line: line}
}

// readTemplate reads a template literal type: a literal, if nothing is put in.
func (r *reader) readTemplate() *Type {
	t := r.next()
	if !r.peek().is("${") {
		return &Type{Form: Literal, Value: unescaped(t.text), Line: t.line}
	}
	for r.peek().is("${") {
		r.skip()
		r.next() // the next piece
	}
	return &Type{Form: Characters, Line: t.line}
}

// readWord reads a reference, a literal that is a word, or an operator and its operand.
func (r *reader) readWord() *Type {
	t := r.next()
	switch t.text {
	case "true", "false":
		return &Type{Form: Literal, Value: t.text == "true", Line: t.line}
	case "null":
		return &Type{Form: Literal, Line: t.line}
	case "typeof":
		name := r.readName()
		return &Type{Form: TypeOf, Name: name, Line: t.line}
	case "import":
		return r.readImport(t.line)
	case "function": // JSDoc's
		if r.peek().is("(") {
			r.skip()
			if r.take(":") {
				r.readType()
			}
		}
		return &Type{Form: Callable, Line: t.line}
	}
	if of, ok := operators[t.text]; ok && r.beginsType() {
		inner := r.readPostfix()
		if of == Reference {
			return inner
		}
		return &Type{Form: of, Parts: []*Type{inner}, Line: t.line}
	}
	r.at--
	return &Type{Form: Reference, Name: r.readName(), Parts: r.typeArguments(), Line: t.line}
}

// beginsType reports whether a type can begin here, so that the word before is an operator and not a name.
func (r *reader) beginsType() bool {
	t := r.peek()
	return t.kind == word && !t.is("extends") && !t.is("is") || t.kind == text || t.is("{") || t.is("(") || t.is("[") && !r.ahead(1).is("]")
}

// readImport reads import("./file").Name, whose name becomes ./file#Name.
func (r *reader) readImport(line int) *Type {
	if !r.take("(") {
		return &Type{Line: line}
	}
	from := r.next()
	r.take(")")
	if from.kind != text || !r.take(".") {
		return &Type{Line: line}
	}
	return &Type{Form: Reference, Name: from.text + "#" + r.readName(), Parts: r.typeArguments(), Line: line}
}

// readName reads a name with dots. JSDoc may have a dot before type arguments.
func (r *reader) readName() string {
	parts := []string{r.next().text}
	for r.take(".") {
		if r.peek().kind != word {
			break
		}
		parts = append(parts, r.next().text)
	}
	return strings.Join(parts, ".")
}

func (r *reader) typeArguments() []*Type {
	if !r.peek().is("<") || r.peek().first {
		return nil
	}
	r.next()
	var all []*Type
	for !r.peek().is(">") && r.peek().kind != end {
		before := r.at
		all = append(all, r.readType())
		r.take(",")
		if r.at == before {
			r.skip()
		}
	}
	r.take(">")
	return all
}

// A parameterType is a type parameter, and what it is where no argument is given.
type parameterType struct {
	Name     string
	Fallback *Type
}

// typeParameters reads <T extends U = V, …>, if it is there.
func (r *reader) typeParameters() []parameterType {
	if !r.take("<") {
		return nil
	}
	var all []parameterType
	for !r.peek().is(">") && r.peek().kind != end {
		before := r.at
		for r.peek().is("const") || r.peek().is("in") || r.peek().is("out") {
			r.next()
		}
		p := parameterType{Name: r.next().text}
		if r.take("extends") {
			p.Fallback = r.readType()
		}
		if r.take("=") {
			p.Fallback = r.readType()
		}
		all = append(all, p)
		r.take(",")
		if r.at == before {
			r.skip()
		}
	}
	r.take(">")
	return all
}

// readTuple reads [A, name?: B, ...C[]].
func (r *reader) readTuple() *Type {
	out := &Type{Form: Tuple, Line: r.next().line}
	optional := false
	for !r.peek().is("]") && r.peek().kind != end {
		before := r.at
		rest := r.take("...")
		if r.peek().kind == word && (r.ahead(1).is(":") || r.ahead(1).is("?") && r.ahead(2).is(":")) {
			r.next()
			optional = r.take("?") || optional
			r.next()
		}
		part := r.readType()
		optional = r.take("?") || optional
		if rest && out.Rest || out.Rest { // elements after the rest
			r.at = max(r.matchingFrom(before, "]"), before)
			r.take("]")
			return &Type{Line: out.Line}
		}
		out.Rest = rest
		out.Parts = append(out.Parts, part)
		if !optional && !rest {
			out.Fewest = len(out.Parts)
		}
		r.take(",")
		if r.at == before {
			r.skip()
		}
	}
	r.take("]")
	return out
}

// matchingFrom returns the position of the closing bracket around position i.
func (r *reader) matchingFrom(i int, closing string) int {
	for i < len(r.tokens) && !r.tokens[i].is(closing) {
		switch {
		case r.tokens[i].kind == end:
			return i
		case r.tokens[i].is("("), r.tokens[i].is("["), r.tokens[i].is("{"), r.tokens[i].is("${"):
			i = r.matching(i)
		}
		i++
	}
	return i
}
