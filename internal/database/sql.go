package database

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxParameters is how many parameters one query may have.
const maxParameters = 50

// A Statement is one SQL statement that reads, with its named parameters as the engine wants them.
type Statement struct {
	// Params are the names of its parameters in the order of their first use, which is that of their numbers.
	Params []string

	text string
}

// A syntax is what two engines write differently.
type syntax struct {
	marker    string // before the number of a parameter
	brackets  bool   // [names] and `names`
	nested    bool   // comments in comments
	dollars   bool   // $tag$texts$tag$ and E'texts with \'
	foreign   string // characters that begin parameters in the engine's own way
	beginning []string
}

var (
	sqliteSyntax   = syntax{marker: "?", brackets: true, foreign: "?$@#", beginning: []string{"select", "with", "values"}}
	postgresSyntax = syntax{marker: "$", nested: true, dollars: true, beginning: []string{"select", "with", "values", "table"}}
)

// parse reads one statement. Parameters are written as :name; in texts, quoted names, comments and casts (::) a colon is a colon.
// Values never become part of the text. An error says what to write.
func parse(sql string, s syntax) (*Statement, error) {
	p := &sqlParser{text: sql, syntax: s}
	if strings.ContainsRune(sql, 0) {
		return nil, errors.New("the SQL has a NUL character; remove it")
	}
	for p.at < len(sql) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(s.beginning, p.first) {
		return nil, fmt.Errorf("the SQL begins with %q; a query reads, so it begins with %s", p.first, strings.Join(s.beginning, " or "))
	}
	return &Statement{text: p.out.String(), Params: p.params}, nil
}

// A sqlParser copies a statement and puts numbers in the place of names.
type sqlParser struct {
	syntax

	text   string
	at     int
	out    strings.Builder
	params []string
	first  string // the first word, in lower case
	ended  bool   // by a semicolon
}

// next copies one token.
func (p *sqlParser) next() error {
	rest := p.text[p.at:]
	switch n, err := p.skipped(rest); {
	case err != nil:
		return err
	case n > 0:
		p.copy(n)
		return nil
	}
	if p.ended {
		return errors.New("the SQL has something after its semicolon; write one statement")
	}
	switch n, err := p.quoted(rest); {
	case err != nil:
		return err
	case n > 0:
		p.begin("a text")
		p.copy(n)
		return nil
	}
	c := rest[0]
	switch {
	case c == ';':
		p.ended = true
		p.at++ // left out: the engine needs none
	case strings.HasPrefix(rest, "::"):
		p.copy(2)
	case c == ':' && len(rest) > 1 && isNameStart(rest[1]):
		return p.parameter(rest[1:])
	case isNameStart(c):
		n := nameLength(rest)
		p.begin(strings.ToLower(rest[:n]))
		p.copy(n)
	case strings.IndexByte(p.foreign, c) >= 0, p.dollars && c == '$':
		return fmt.Errorf("the SQL has %q, which begins a parameter there; write parameters as :name", c)
	default:
		if c != '(' {
			p.begin(string(c))
		}
		p.copy(1)
	}
	return nil
}

func (p *sqlParser) copy(n int) {
	p.out.WriteString(p.text[p.at : p.at+n])
	p.at += n
}

// begin notes what the statement begins with.
func (p *sqlParser) begin(word string) {
	if p.first == "" {
		p.first = word
	}
}

// parameter puts a number in the place of a name.
func (p *sqlParser) parameter(rest string) error {
	name := rest[:nameLength(rest)]
	i := slices.Index(p.params, name)
	if i < 0 {
		i = len(p.params)
		p.params = append(p.params, name)
	}
	if len(p.params) > maxParameters {
		return fmt.Errorf("the SQL has more than %d parameters", maxParameters)
	}
	p.begin("a parameter")
	fmt.Fprintf(&p.out, " %s%d ", p.marker, i+1)
	p.at += 1 + len(name)
	return nil
}

// skipped returns the length of the white space or comment that the text begins with, or 0.
func (p *sqlParser) skipped(rest string) (int, error) {
	if n := len(rest) - len(strings.TrimLeft(rest, " \t\r\n\f")); n > 0 {
		return n, nil
	}
	switch {
	case strings.HasPrefix(rest, "--"):
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			return end + 1, nil
		}
		return len(rest), nil
	case !strings.HasPrefix(rest, "/*"):
		return 0, nil
	}
	depth := 0
	for i := 0; i+1 < len(rest); i++ {
		switch {
		case rest[i:i+2] == "/*" && (depth == 0 || p.nested):
			depth++
			i++
		case rest[i:i+2] == "*/":
			i++
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, errors.New("the SQL has a comment without an end")
}

// quoted returns the length of the text or the quoted name that the text begins with, or 0.
func (p *sqlParser) quoted(rest string) (int, error) {
	c := rest[0]
	switch {
	case c == '\'', c == '"', p.brackets && c == '`':
		return closing(rest, 1, c, false)
	case p.brackets && c == '[':
		return closing(rest, 1, ']', false)
	case p.dollars && (c == 'e' || c == 'E') && len(rest) > 1 && rest[1] == '\'':
		return closing(rest, 2, '\'', true)
	case p.dollars && c == '$':
		end := strings.IndexByte(rest[1:], '$')
		if end < 0 || end > 0 && (!isNameStart(rest[1]) || nameLength(rest[1:1+end]) != end) {
			return 0, nil
		}
		tag := rest[:end+2]
		if n := strings.Index(rest[len(tag):], tag); n >= 0 {
			return len(tag) + n + len(tag), nil
		}
		return 0, errOpenText
	}
	return 0, nil
}

var errOpenText = errors.New("the SQL has a text or a quoted name without an end")

// closing returns the length of what a quote ends that is looked for from an offset; twice the quote is one in the text, except for a bracket.
func closing(rest string, from int, quote byte, escapes bool) (int, error) {
	for i := from; i < len(rest); i++ {
		switch {
		case escapes && rest[i] == '\\':
			i++
		case rest[i] == quote && quote != ']' && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			return i + 1, nil
		}
	}
	return 0, errOpenText
}

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

// nameLength is the length of the name that the text begins with.
func nameLength(rest string) int {
	n := 0
	for n < len(rest) && (isNameStart(rest[n]) || '0' <= rest[n] && rest[n] <= '9' || n > 0 && rest[n] == '$') {
		n++
	}
	return n
}
