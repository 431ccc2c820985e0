package typing

import (
	"regexp"
	"strings"
)

// A doc is what a JSDoc comment says.
type doc struct {
	text    string
	params  []docParam
	returns *Type
	typ     *Type             // of @type
	tags    map[string]string // the others, by their names in lower case
}

// A docParam is a @param or @property.
type docParam struct {
	name     string // with dots for members
	typ      *Type
	optional bool
	value    any // its default
	valued   bool
	text     string
}

// tagLine matches the beginning of a tag.
var tagLine = regexp.MustCompile(`(?m)^[ \t]*@([A-Za-z]+)`)

// readDoc reads the text of a JSDoc comment.
func readDoc(comment string) doc {
	var d doc
	places := tagLine.FindAllStringSubmatchIndex(comment, -1)
	d.text = comment
	for i, at := range places {
		if i == 0 {
			d.text = comment[:at[0]]
		}
		until := len(comment)
		if i+1 < len(places) {
			until = places[i+1][0]
		}
		d.tag(comment[at[2]:at[3]], strings.TrimSpace(comment[at[3]:until]))
	}
	d.text = plainText(d.text)
	return d
}

func (d *doc) tag(name, rest string) {
	switch name {
	case "param", "arg", "argument", "property", "prop":
		d.params = append(d.params, readDocParam(rest))
	case "returns", "return":
		d.returns, _ = bracedType(rest)
	case "type":
		d.typ, _ = bracedType(rest)
	case "description", "desc", "summary":
		d.text = strings.TrimSpace(d.text + "\n" + rest)
	default:
		if d.tags == nil {
			d.tags = map[string]string{}
		}
		d.tags[strings.ToLower(name)] = rest
	}
}

// bracedType reads a type in braces, and returns what stands behind it; the type is nil if there is none.
func bracedType(rest string) (*Type, string) {
	if !strings.HasPrefix(rest, "{") {
		return nil, rest
	}
	depth := 0
	for i, c := range rest {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return parseType(rest[1:i]), strings.TrimSpace(rest[i+1:])
			}
		}
	}
	return nil, rest
}

// parseType reads a type of JSDoc.
func parseType(src string) *Type {
	optional := strings.HasSuffix(src, "=")
	tokens, _, ok := lex(strings.TrimSuffix(src, "="))
	if !ok {
		return &Type{}
	}
	r := &reader{tokens: tokens, jsdoc: true}
	t := r.readType()
	if r.peek().kind != end {
		return &Type{}
	}
	if optional {
		return &Type{Form: union, Parts: []*Type{t, {Form: reference, Name: "undefined"}}}
	}
	return t
}

// named matches the name of a parameter, in brackets when it may be left out.
var named = regexp.MustCompile(`^(?:\[\s*([\w$.\[\]]+?)\s*(?:=\s*([^\]]*))?\]|([\w$.]+(?:\[\][\w$.]*)*))\s*(?:-\s+|–\s+|:\s+)?`)

func readDocParam(rest string) docParam {
	var p docParam
	p.typ, rest = bracedType(rest)
	m := named.FindStringSubmatch(rest)
	if m == nil {
		p.text = plainText(rest)
		return p
	}
	p.text = plainText(rest[len(m[0]):])
	p.name = strings.ReplaceAll(m[3], "[]", "")
	if m[1] != "" {
		p.name, p.optional = strings.ReplaceAll(m[1], "[]", ""), true
		p.value, p.valued = readDefault(m[2])
	}
	if p.typ == nil {
		p.typ, p.text = typeAfterName(p.text)
	}
	return p
}

// typeAfterName reads {type} where it stands behind the name.
func typeAfterName(words string) (*Type, string) {
	t, rest := bracedType(words)
	return t, strings.TrimPrefix(rest, "- ")
}

// readDefault reads the default of a parameter as it stands in a comment: a literal, or a text without quotes.
func readDefault(written string) (value any, ok bool) {
	written = strings.TrimSpace(written)
	if written == "" {
		return nil, false
	}
	tokens, _, ok := lex(written)
	if ok {
		r := &reader{tokens: tokens}
		if value, ok := r.readLiteral(); ok && r.peek().kind == end {
			return value, true
		}
	}
	return written, true
}

// link matches {@link X} and {@link X|words}.
var link = regexp.MustCompile(`\{@link(?:code|plain)?\s+([^}|\s]+)(?:[|\s]+([^}]*))?\}`)

// plainText returns the text of a comment as one reads it: paragraphs, without the markup of JSDoc.
func plainText(s string) string {
	s = link.ReplaceAllStringFunc(s, func(whole string) string {
		m := link.FindStringSubmatch(whole)
		if m[2] != "" {
			return strings.TrimSpace(m[2])
		}
		return m[1]
	})
	return strings.TrimSpace(s)
}

// param returns what is said of the parameter, and of its members.
func (d doc) param(name string) (own *docParam, members []docParam) {
	for i, p := range d.params {
		rest, below := strings.CutPrefix(p.name, name+".")
		switch {
		case p.name == name:
			own = &d.params[i]
		case below:
			p.name = rest
			members = append(members, p)
		}
	}
	return own, members
}
