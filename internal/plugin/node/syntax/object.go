package syntax

import (
	"math"
	"strconv"
	"strings"
)

// readObject reads the type of an object, or a mapped type.
func (r *reader) readObject() *Type {
	line := r.peek().line
	if t := r.readMapped(); t != nil {
		return t
	}
	closing := r.matching(r.at)
	out := &Type{Form: Object, Line: line}
	r.next()
	for r.at < closing {
		before := r.at
		r.readMember(out)
		for r.peek().is(";") || r.peek().is(",") {
			r.next()
		}
		if r.at == before {
			r.skip()
		}
	}
	r.at = closing
	r.take("}")
	return out
}

// readMember reads one member of an object's type.
func (r *reader) readMember(into *Type) {
	first := r.peek()
	for _, modifier := range []string{"readonly", "public", "static", "declare"} {
		if r.peek().is(modifier) && !endsName(r.ahead(1)) {
			r.next()
		}
	}
	switch t := r.peek(); {
	case t.is("(") || t.is("<") || t.is("new") && (r.ahead(1).is("(") || r.ahead(1).is("<")):
		*into = Type{Form: Callable, Line: into.Line} // it can be called, so it is no JSON
		r.skipMember()
		return
	case t.is("["):
		r.readIndex(into)
		return
	case (t.is("get") || t.is("set")) && !endsName(r.ahead(1)):
		r.next()
	}
	name := r.next()
	if name.kind == punct {
		r.skipMember()
		return
	}
	m := &Member{Name: name.text, Doc: readDoc(first.doc), Line: name.line, Type: &Type{Line: name.line}}
	m.Optional = r.take("?")
	switch {
	case r.take(":"):
		m.Type = r.readType()
	case r.peek().is("("), r.peek().is("<"):
		m.Type = &Type{Form: Callable, Line: name.line}
		r.skipMember()
	}
	into.Members = append(into.Members, m)
}

// endsName reports whether the word before the token is the name of a member, not a modifier of one.
func endsName(t token) bool {
	return t.is(":") || t.is("?") || t.is(";") || t.is(",") || t.is("}") || t.is("(") || t.is("<")
}

// skipMember skips to the end of a member.
func (r *reader) skipMember() {
	for t := r.peek(); t.kind != end && !t.is(";") && !t.is(",") && !t.is("}"); t = r.peek() {
		if t.first && t.kind == word && r.ahead(1).is(":") {
			return
		}
		r.skip()
	}
}

// readIndex reads [key: string]: T, or a member whose name is computed.
func (r *reader) readIndex(into *Type) {
	signature := r.ahead(1).kind == word && r.ahead(2).is(":")
	key := r.ahead(3)
	known := r.ahead(1)
	r.skip()
	optional := r.take("?")
	if !r.take(":") {
		r.skipMember()
		return
	}
	t := r.readType()
	switch {
	case signature && (key.is("string") || key.is("number")):
		into.Index = t
	case signature: // symbols, patterns: nothing that JSON could say more of
		into.Index = &Type{Line: known.line}
	case known.kind == text:
		into.Members = append(into.Members, &Member{Name: known.text, Type: t, Optional: optional, Line: known.line})
	default:
		into.Index = &Type{Line: known.line}
	}
}

// readMapped reads {[K in Keys]?: T}, nil if it is none.
func (r *reader) readMapped() *Type {
	begin, closing := r.at, r.matching(r.at)
	line := r.next().line
	readonly := r.peek().is("readonly") || r.peek().is("+") || r.peek().is("-")
	for readonly && !r.peek().is("[") && r.at < closing {
		r.next()
	}
	if !r.peek().is("[") || r.ahead(1).kind != word || !r.ahead(2).is("in") {
		r.at = begin
		return nil
	}
	r.next()
	t := &Type{Form: Mapped, Name: r.next().text, Line: line}
	r.next()
	keys := r.readType()
	renamed := r.peek().is("as")
	r.at = r.matchingFrom(r.at, "]")
	r.take("]")
	removed := r.take("-")
	r.take("+")
	t.Optional = r.take("?") && !removed
	r.take(":")
	t.Parts = []*Type{keys, r.readType()}
	r.at = closing
	r.take("}")
	if renamed || removed {
		return &Type{Line: line}
	}
	return t
}

// readLiteral reads a value that is written out: a text, a number, true, false, null, and arrays and objects of these. It leaves the
// position as it was if there is none.
func (r *reader) readLiteral() (value any, ok bool) {
	begin := r.at
	if r.depth++; r.depth <= maxNesting {
		value, ok = r.literal()
	}
	r.depth--
	if !ok {
		r.at = begin
	}
	return value, ok
}

func (r *reader) literal() (any, bool) {
	t := r.next()
	switch {
	case t.kind == text:
		return t.text, true
	case t.kind == template:
		return unescaped(t.text), !r.peek().is("${")
	case t.kind == number:
		return numberOf(t.text)
	case t.is("-") && r.peek().kind == number:
		value, ok := numberOf(r.next().text)
		if !ok {
			return nil, false
		}
		return -value, true
	case t.is("true"), t.is("false"):
		return t.text == "true", true
	case t.is("null"):
		return nil, true
	case t.is("["):
		return r.literalArray()
	case t.is("{"):
		return r.literalObject()
	}
	return nil, false
}

// numberOf returns the value of a number.
func numberOf(spelled string) (float64, bool) {
	if value, err := strconv.ParseFloat(spelled, 64); err == nil && !strings.ContainsAny(spelled, "xXpP") {
		return value, !math.IsInf(value, 0)
	}
	value, err := strconv.ParseInt(spelled, 0, 64)
	return float64(value), err == nil && value < 1<<53
}

func (r *reader) literalArray() (any, bool) {
	all := []any{}
	for !r.take("]") {
		value, ok := r.readLiteral()
		if !ok || !r.take(",") && !r.peek().is("]") {
			return nil, false
		}
		all = append(all, value)
	}
	return all, true
}

func (r *reader) literalObject() (any, bool) {
	all := Record{}
	for !r.take("}") {
		key := r.next()
		if key.kind != word && key.kind != text || !r.take(":") {
			return nil, false
		}
		value, ok := r.readLiteral()
		if !ok || !r.take(",") && !r.peek().is("}") {
			return nil, false
		}
		all = all.With(key.text, value)
	}
	return all, true
}

// typeOfLiteral is the type of a value as "as const" makes it.
func typeOfLiteral(value any, line int) *Type {
	switch value := value.(type) {
	case []any:
		t := &Type{Form: Tuple, Fewest: len(value), Line: line}
		for _, element := range value {
			t.Parts = append(t.Parts, typeOfLiteral(element, line))
		}
		return t
	case Record:
		t := &Type{Form: Object, Line: line}
		for _, m := range value {
			t.Members = append(t.Members, &Member{Name: m.Key, Type: typeOfLiteral(m.Value, line), Line: line})
		}
		return t
	}
	return &Type{Form: Literal, Value: value, Line: line}
}
