package syntax

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	word
	number
	text     // a string; its text is the value
	template // a piece of a template literal; its text is the raw one
	pattern  // a regular expression
	punct
)

// A token is one word of a source file.
type token struct {
	kind kind
	text string
	line int
	// first tells that it is the first of its line.
	first bool
	// doc is the text of the JSDoc comment right before it, without its stars.
	doc string
}

// is reports whether the token is that punctuation or keyword.
func (t token) is(text string) bool {
	return (t.kind == punct || t.kind == word) && t.text == text
}

// A lexer takes JavaScript and TypeScript apart. It is only run on files that a compiler has accepted, and may still fail where a
// division and a regular expression cannot be told apart without a whole parser.
type lexer struct {
	src    string
	at     int
	line   int
	first  bool
	doc    string
	docs   []comment
	tokens []token
	// braces holds, for each template literal that is open, how many braces are open within it.
	braces []int
}

// A comment is one JSDoc comment.
type comment struct {
	text string
	line int
}

// lex returns the tokens of a file, the last of which is of kind end, and its JSDoc comments; ok is false if it cannot be read.
func lex(src string) (tokens []token, docs []comment, ok bool) {
	x := &lexer{src: src, line: 1, first: true}
	if strings.HasPrefix(src, "#!") {
		x.skipLine()
	}
	for {
		if !x.skipSpace() {
			return nil, nil, false
		}
		if x.at >= len(src) {
			x.add(end, "", 0)
			return x.tokens, x.docs, len(x.braces) == 0
		}
		if !x.next() {
			return nil, nil, false
		}
	}
}

// add appends a token of so many bytes.
func (x *lexer) add(k kind, text string, bytes int) {
	x.tokens = append(x.tokens, token{kind: k, text: text, line: x.line, first: x.first, doc: x.doc})
	x.line += strings.Count(x.src[x.at:x.at+bytes], "\n")
	x.at += bytes
	x.first, x.doc = false, ""
}

func (x *lexer) rest() string { return x.src[x.at:] }

func (x *lexer) skipLine() {
	if n := strings.IndexByte(x.rest(), '\n'); n >= 0 {
		x.at += n
		return
	}
	x.at = len(x.src)
}

// skipSpace skips space and comments, and keeps the last JSDoc comment.
func (x *lexer) skipSpace() bool {
	for x.at < len(x.src) {
		r, size := utf8.DecodeRuneInString(x.rest())
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029':
			x.line++
			x.first = true
			x.at += size
		case unicode.IsSpace(r) || r == '\ufeff':
			x.at += size
		case strings.HasPrefix(x.rest(), "//"):
			x.skipLine()
		case strings.HasPrefix(x.rest(), "/*"):
			if !x.comment() {
				return false
			}
		default:
			return true
		}
	}
	return true
}

func (x *lexer) comment() bool {
	n := strings.Index(x.rest()[2:], "*/")
	if n < 0 {
		return false
	}
	body := x.rest()[2 : 2+n]
	if strings.HasPrefix(body, "*") {
		x.doc = unstarred(body[1:])
		x.docs = append(x.docs, comment{x.doc, x.line})
	}
	if lines := strings.Count(body, "\n"); lines > 0 {
		x.line += lines
		x.first = true
	}
	x.at += n + 4
	return true
}

// unstarred returns the lines of a comment without the stars that they begin with.
func unstarred(body string) string {
	lines := strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if i > 0 {
			line = strings.TrimPrefix(line, "*")
		}
		lines[i] = strings.TrimPrefix(strings.TrimRight(line, " \t"), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// next reads one token.
func (x *lexer) next() bool {
	rest := x.rest()
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return x.str(c)
	case c == '`':
		x.at++
		return x.piece()
	case c == '}' && len(x.braces) > 0 && x.braces[len(x.braces)-1] == 0:
		x.braces = x.braces[:len(x.braces)-1]
		x.add(punct, "}", 1)
		return x.piece()
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		x.number()
		return true
	case c == '/' && x.expectsValue():
		return x.regexp()
	}
	if n := wordLength(rest); n > 0 {
		x.add(word, rest[:n], n)
		return true
	}
	x.punct()
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wordLength returns the length of the identifier that s begins with, in bytes.
func wordLength(s string) int {
	for i, r := range s {
		letter := r == '_' || r == '$' || unicode.IsLetter(r) || i == 0 && r == '#'
		if !letter && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && r != '\u200c' && r != '\u200d') {
			return i
		}
	}
	return len(s)
}

// number reads a number as it is spelled.
func (x *lexer) number() {
	rest := x.rest()
	n := 1
	for n < len(rest) {
		c := rest[n]
		exponent := (c == '+' || c == '-') && (rest[n-1] == 'e' || rest[n-1] == 'E') && !strings.HasPrefix(rest, "0x")
		isLetter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !isDigit(c) && !isLetter && c != '.' && c != '_' && !exponent {
			break
		}
		n++
	}
	x.add(number, strings.ReplaceAll(rest[:n], "_", ""), n)
}

// str reads a string in quotes.
func (x *lexer) str(quote byte) bool {
	rest := x.rest()
	for n := 1; n < len(rest); n++ {
		switch rest[n] {
		case '\\':
			n++
		case '\n':
			return false
		case quote:
			x.add(text, unescaped(rest[1:n]), n+1)
			return true
		}
	}
	return false
}

// piece reads a template literal up to the next "${" or its end.
func (x *lexer) piece() bool {
	rest := x.rest()
	for n := 0; n < len(rest); n++ {
		switch {
		case rest[n] == '\\':
			n++
		case rest[n] == '`':
			x.add(template, rest[:n], n)
			x.at++
			return true
		case strings.HasPrefix(rest[n:], "${"):
			x.add(template, rest[:n], n)
			x.add(punct, "${", 2)
			x.braces = append(x.braces, 0)
			return true
		}
	}
	return false
}

// expectsValue reports whether a slash begins a regular expression: after what cannot end a value.
func (x *lexer) expectsValue() bool {
	if len(x.tokens) == 0 {
		return true
	}
	last := x.tokens[len(x.tokens)-1]
	if last.kind == punct {
		return last.text != ")" && last.text != "]" && last.text != "}"
	}
	return last.kind == word && slices.Contains(beforeValue, last.text)
}

// beforeValue are the keywords after which a value is expected.
var beforeValue = []string{"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "await", "yield", "instanceof"}

func (x *lexer) regexp() bool {
	rest := x.rest()
	class := false
	for n := 1; n < len(rest); n++ {
		switch rest[n] {
		case '\\':
			n++
		case '\n':
			return false
		case '[':
			class = true
		case ']':
			class = false
		case '/':
			if !class {
				n++
				x.add(pattern, "", n+wordLength(rest[n:]))
				return true
			}
		}
	}
	return false
}

// punctuation of more than one character that must not be read as several.
var punctuation = []string{"...", "=>", "?.", "??=", "??", "===", "!==", "==", "!=", "<=", "&&=", "||=", "&&", "||", "++", "--"}

func (x *lexer) punct() {
	rest := x.rest()
	for _, p := range punctuation {
		if strings.HasPrefix(rest, p) && (p != "?." || len(rest) < 3 || !isDigit(rest[2])) {
			x.add(punct, p, len(p))
			return
		}
	}
	if n := len(x.braces); n > 0 {
		switch rest[0] {
		case '{':
			x.braces[n-1]++
		case '}':
			x.braces[n-1]--
		}
	}
	_, size := utf8.DecodeRuneInString(rest)
	x.add(punct, rest[:size], size)
}

// escapes that stand for another character than the one after the backslash.
var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f", 'v': "\v", '0': "\x00", '\n': ""}

// unescaped returns the value of what stands in quotes.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if r, n := codePoint(s[i:]); n > 0 {
			b.WriteRune(r)
			i += n - 1
		} else if e, ok := escapes[s[i]]; ok {
			b.WriteString(e)
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// codePoint reads xHH, uHHHH or u{H…} and returns how many bytes it is long, 0 if it is none.
func codePoint(s string) (r rune, n int) {
	var digits string
	switch {
	case strings.HasPrefix(s, "u{"):
		inside, _, ok := strings.Cut(s[2:], "}")
		if !ok {
			return 0, 0
		}
		digits, n = inside, len(inside)+3
	case s[0] == 'u' && len(s) >= 5:
		digits, n = s[1:5], 5
	case s[0] == 'x' && len(s) >= 3:
		digits, n = s[1:3], 3
	}
	for _, c := range digits {
		h := strings.IndexRune("0123456789abcdef", unicode.ToLower(c))
		if h < 0 || r > unicode.MaxRune {
			return 0, 0
		}
		r = r<<4 | rune(h) //nolint:gosec // less than 16
	}
	if digits == "" {
		return 0, 0
	}
	return r, n
}
