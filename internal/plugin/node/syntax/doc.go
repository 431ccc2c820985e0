package syntax

import (
	"regexp"
	"strings"
)

// A Doc is what a JSDoc comment says.
type Doc struct {
	Text    string
	Params  []DocParam
	Returns *Type
	typ     *Type             // of @type
	Tags    map[string]string // the others, by their names in lower case
}

// A DocParam is a @param or @property.
type DocParam struct {
	Name     string // with dots for members
	Typ      *Type
	Optional bool
	Value    any // its default
	Valued   bool
	Text     string
}

// tagLine matches the beginning of a tag.
var tagLine = regexp.MustCompile(`(?m)^[ \t]*@([A-Za-z]+)`)

// readDoc reads the text of a JSDoc comment.
func readDoc(comment string) Doc {
	var d Doc
	places := tagLine.FindAllStringSubmatchIndex(comment, -1)
	d.Text = comment
	for i, at := range places {
		if i == 0 {
			d.Text = comment[:at[0]]
		}
		until := len(comment)
		if i+1 < len(places) {
			until = places[i+1][0]
		}
		d.tag(comment[at[2]:at[3]], strings.TrimSpace(comment[at[3]:until]))
	}
	d.Text = plainText(d.Text)
	return d
}

func (d *Doc) tag(name, rest string) {
	switch name {
	case "param", "arg", "argument", "property", "prop":
		d.Params = append(d.Params, readDocParam(rest))
	case "returns", "return":
		d.Returns, _ = bracedType(rest)
	case "type":
		d.typ, _ = bracedType(rest)
	case "description", "desc", "summary":
		d.Text = strings.TrimSpace(d.Text + "\n" + rest)
	default:
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		rest, more, several := strings.Cut(" "+rest, " @")
		d.Tags[strings.ToLower(name)] = strings.TrimSpace(rest)
		if several { // @integer @minimum 1 on one line
			name, rest, _ := strings.Cut(more, " ")
			d.tag(name, strings.TrimSpace(rest))
		}
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
	r := newReader(tokens)
	r.jsdoc = true
	t := r.readType()
	if r.peek().kind != end {
		return &Type{}
	}
	if optional {
		return &Type{Form: Union, Parts: []*Type{t, {Form: Reference, Name: "undefined"}}}
	}
	return t
}

// named matches the name of a parameter, in brackets when it may be left out.
var named = regexp.MustCompile(`^(?:\[\s*([\w$.\[\]]+?)\s*(?:=\s*([^\]]*))?\]|([\w$.]+(?:\[\][\w$.]*)*))\s*(?:-\s+|–\s+|:\s+)?`)

func readDocParam(rest string) DocParam {
	var p DocParam
	p.Typ, rest = bracedType(rest)
	m := named.FindStringSubmatch(rest)
	if m == nil {
		p.Text = plainText(rest)
		return p
	}
	p.Text = plainText(rest[len(m[0]):])
	p.Name = strings.ReplaceAll(m[3], "[]", "")
	if m[1] != "" {
		p.Name, p.Optional = strings.ReplaceAll(m[1], "[]", ""), true
		p.Value, p.Valued = ReadDefault(m[2])
	}
	if p.Typ == nil {
		p.Typ, p.Text = typeAfterName(p.Text)
	}
	return p
}

// typeAfterName reads {type} where it stands behind the name.
func typeAfterName(words string) (*Type, string) {
	t, rest := bracedType(words)
	return t, strings.TrimPrefix(rest, "- ")
}

// ReadDefault reads the default of a parameter as it stands in a comment: a literal, or a text without quotes.
func ReadDefault(written string) (value any, ok bool) {
	written = strings.TrimSpace(written)
	if written == "" {
		return nil, false
	}
	tokens, _, ok := lex(written)
	if ok {
		r := newReader(tokens)
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

// Param returns what is said of the parameter, and of its members.
func (d Doc) Param(name string) (own *DocParam, members []DocParam) {
	for i, p := range d.Params {
		rest, below := strings.CutPrefix(p.Name, name+".")
		switch {
		case p.Name == name:
			own = &d.Params[i]
		case below:
			p.Name = rest
			members = append(members, p)
		}
	}
	return own, members
}
