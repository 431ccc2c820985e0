package prompt

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// A kind says what a token is.
type kind uint8

const (
	kindEnd        kind = iota // of the template
	kindText                   // outside of all tags
	kindOpenValue              // {{
	kindCloseValue             // }}
	kindOpenBlock              // {%
	kindCloseBlock             // %}
	kindName
	kindString
	kindNumber
	kindOperator
)

// A token is a piece of a template.
type token struct {
	kind   kind
	offset int
	text   string      // of text, a name or an operator
	v      value.Value // of a string or a number
}

// is reports whether the token is the operator or the name.
func (t token) is(text string) bool {
	return t.text == text && (t.kind == kindOperator || t.kind == kindName)
}

// String describes the token in an error.
func (t token) String() string {
	switch t.kind {
	case kindEnd:
		return "the end of the template"
	case kindText:
		return "text"
	case kindOpenValue:
		return "{{"
	case kindCloseValue:
		return "}}"
	case kindOpenBlock:
		return "{%"
	case kindCloseBlock:
		return "%}"
	case kindString:
		return "a string"
	case kindNumber:
		return "a number"
	default:
		return "'" + t.text + "'"
	}
}

// A scanner cuts a template into tokens.
type scanner struct {
	tmpl   *Template
	text   string
	pos    int
	inside kind   // kindOpenValue or kindOpenBlock within such a tag, else kindText
	opened int    // offset of the tag
	open   []byte // brackets that wait for their end, as the bytes that end them
}

// next returns the next token.
func (s *scanner) next() (token, error) {
	for {
		if s.inside != kindText {
			return s.nextInTag()
		}
		start := s.pos
		tag := nextTag(s.text, start)
		text := s.text[start:tag]
		if strings.HasPrefix(s.text[min(tag+2, len(s.text)):], "-") {
			text = strings.TrimRightFunc(text, value.IsSpace)
		}
		s.pos = tag
		switch {
		case text != "":
			return token{kind: kindText, offset: start, text: text}, nil
		case tag == len(s.text):
			return token{kind: kindEnd, offset: tag}, nil
		}
		if t, err := s.openTag(); err != nil || t.kind != kindEnd {
			return t, err
		}
	}
}

// nextTag returns the offset of the first tag at or after from, or the length
// of the text.
func nextTag(text string, from int) int {
	for i := from; ; i++ {
		next := strings.IndexByte(text[i:], '{')
		if next < 0 || i+next+1 >= len(text) {
			return len(text)
		}
		i += next
		if strings.IndexByte("{%#", text[i+1]) >= 0 {
			return i
		}
	}
}

// openTag reads the beginning of a tag. Comments are left out, and raw blocks
// are read as text; the token is kindEnd if there is nothing to tell.
func (s *scanner) openTag() (token, error) {
	t := token{offset: s.pos}
	s.opened = s.pos
	sign := s.text[s.pos+1]
	s.pos += 2
	if s.pos < len(s.text) && (s.text[s.pos] == '-' || s.text[s.pos] == '+') {
		s.pos++
	}
	switch sign {
	case '#':
		return t, s.skipComment()
	case '{':
		t.kind = kindOpenValue
	default:
		t.kind = kindOpenBlock
		if end, strip, ok := keywordTag(s.text[s.pos:], "raw"); ok {
			s.pos += end
			s.skipSpace(strip)
			return s.raw()
		}
	}
	s.inside = t.kind
	return t, nil
}

// skipComment goes to the end of a comment.
func (s *scanner) skipComment() error {
	end := strings.Index(s.text[s.pos:], "#}")
	if end < 0 {
		return s.faultAt(s.opened, "end it with #}", "the comment has no end")
	}
	strip := end > 0 && s.text[s.pos+end-1] == '-'
	s.pos += end + 2
	s.skipSpace(strip)
	return nil
}

// raw reads the text of a raw block.
func (s *scanner) raw() (token, error) {
	t := token{kind: kindText, offset: s.pos}
	for from := s.pos; ; {
		i := strings.Index(s.text[from:], "{%")
		if i < 0 {
			return t, s.faultAt(s.opened, "end it with {% endraw %}", "the raw block has no end")
		}
		text := s.text[s.pos : from+i]
		from += i + 2
		rest := from
		if rest < len(s.text) && (s.text[rest] == '-' || s.text[rest] == '+') {
			rest++
		}
		end, strip, ok := keywordTag(s.text[rest:], "endraw")
		if !ok {
			continue
		}
		if s.text[from] == '-' {
			text = strings.TrimRightFunc(text, value.IsSpace)
		}
		s.pos = rest + end
		s.skipSpace(strip)
		if t.text = text; text == "" {
			t.kind = kindEnd
		}
		return t, nil
	}
}

// keywordTag reports whether the text after "{%" is nothing but the word up to
// the end of the tag, where that is, and whether it strips the space after it.
func keywordTag(text, word string) (end int, strip, ok bool) {
	rest := strings.TrimLeftFunc(text, value.IsSpace)
	rest, ok = strings.CutPrefix(rest, word)
	if !ok {
		return 0, false, false
	}
	rest = strings.TrimLeftFunc(rest, value.IsSpace)
	strip = strings.HasPrefix(rest, "-")
	rest = strings.TrimPrefix(rest, "-")
	rest, ok = strings.CutPrefix(rest, "%}")
	return len(text) - len(rest), strip, ok
}

func (s *scanner) skipSpace(really bool) {
	if really {
		s.pos = len(s.text) - len(strings.TrimLeftFunc(s.text[s.pos:], value.IsSpace))
	}
}

// nextInTag returns the next token of a tag.
func (s *scanner) nextInTag() (token, error) {
	s.skipSpace(true)
	rest := s.text[s.pos:]
	t := token{offset: s.pos}
	if rest == "" {
		return t, s.faultAt(s.opened, "end it with "+closer(s.inside), "the tag has no end")
	}
	if length, strip := s.closing(rest); length > 0 {
		t.kind = s.inside + 1
		s.inside = kindText
		s.pos += length
		s.skipSpace(strip)
		return t, nil
	}
	c, _ := utf8.DecodeRuneInString(rest)
	switch {
	case c >= '0' && c <= '9':
		return s.number(rest)
	case c == '_' || unicode.IsLetter(c):
		t.kind = kindName
		t.text = rest[:len(rest)-len(strings.TrimLeftFunc(rest, isNamePart))]
		if len(t.text) > maxName {
			return t, s.faultAt(t.offset, "choose a shorter one", "the name is longer than %d bytes", maxName)
		}
	case c == '\'' || c == '"':
		return s.quoted(rest)
	default:
		return s.operator(rest)
	}
	s.pos += len(t.text)
	return t, nil
}

func closer(inside kind) string {
	if inside == kindOpenValue {
		return "}}"
	}
	return "%}"
}

// closing returns the length of the end of the tag that rest begins with, or 0,
// and whether it strips the space after it. Within brackets no tag ends.
func (s *scanner) closing(rest string) (length int, strip bool) {
	end := closer(s.inside)
	switch {
	case len(s.open) > 0:
		return 0, false
	case strings.HasPrefix(rest, end):
		return 2, false
	case rest[0] == '-' && strings.HasPrefix(rest[1:], end):
		return 3, true
	case rest[0] == '+' && s.inside == kindOpenBlock && strings.HasPrefix(rest[1:], end):
		return 3, false
	}
	return 0, false
}

// operators of two characters; any of one character stands in the switch below.
const longOperators = "// ** == != >= <="

// operator reads an operator or a bracket.
func (s *scanner) operator(rest string) (token, error) {
	t := token{kind: kindOperator, offset: s.pos}
	if len(rest) > 1 && strings.Contains(longOperators, rest[:2]) && rest[0] != ' ' && rest[1] != ' ' {
		t.text = rest[:2]
	} else {
		_, size := utf8.DecodeRuneInString(rest)
		t.text = rest[:size]
	}
	s.pos += len(t.text)
	switch t.text {
	case "(":
		s.open = append(s.open, ')')
	case "[":
		s.open = append(s.open, ']')
	case "{":
		s.open = append(s.open, '}')
	case ")", "]", "}":
		if len(s.open) == 0 {
			return t, s.faultAt(t.offset, "leave it out, open it before, or end the tag with "+closer(s.inside), "'%s' closes nothing", t.text)
		}
		want := s.open[len(s.open)-1]
		s.open = s.open[:len(s.open)-1]
		if t.text[0] != want {
			return t, s.faultAt(t.offset, "close brackets in the order in which they were opened", "'%s' stands where '%c' has to close first", t.text, want)
		}
	default:
		if len(t.text) == 1 && strings.IndexByte("+-*/%~<>=.:|,;", t.text[0]) < 0 || len(t.text) > 2 {
			return t, s.faultAt(t.offset, "put text into quotes", "the character %q has no meaning in a tag", t.text)
		}
	}
	if len(s.open) > maxNesting {
		return t, s.faultAt(t.offset, "compute parts of it with {% set %} before", "more than %d brackets within each other", maxNesting)
	}
	return t, nil
}

// faultAt returns an error at an offset of the template.
func (s *scanner) faultAt(offset int, hint, format string, args ...any) error {
	return s.tmpl.newError(offset, fmt.Sprintf(format, args...), hint)
}

func isNamePart(c rune) bool {
	return c == '_' || unicode.In(c, unicode.L, unicode.Nl, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc)
}
