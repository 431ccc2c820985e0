package search

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxInstructions is how large a pattern may be when it is compiled. Together with the size of a block it bounds the time that one takes.
const maxInstructions = 1000

// A query is what is looked for: a text, or a pattern that no line end is part of.
type query struct {
	literal []byte
	re      *regexp.Regexp // nil for a literal
	need    *need          // what a file must have to be worth reading; nil if nothing is known
}

// newQuery compiles what a caller looks for.
func newQuery(text string, pattern, ignoreCase bool) (*query, error) {
	odd := func(r rune) bool { return r != '\t' && unicode.IsControl(r) }
	switch {
	case text == "":
		return nil, errors.New("the query is empty; give a text to look for")
	case len(text) > MaxQuery:
		return nil, fmt.Errorf("the query has %d bytes; at most %d are possible", len(text), MaxQuery)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, odd):
		return nil, errors.New("the query contains a line end, another control character or invalid UTF-8; lines are searched one by one")
	}
	if !pattern && !ignoreCase {
		return &query{literal: []byte(text), need: literalNeed(text)}, nil
	}
	if !pattern {
		text = regexp.QuoteMeta(text)
	}
	flags := syntax.Perl &^ syntax.OneLine
	if ignoreCase {
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(text, flags)
	if err != nil {
		return nil, patternError(err)
	}
	if tree, err = onLine(tree); err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, patternError(err)
	}
	if len(program.Inst) > maxInstructions {
		return nil, errors.New("the pattern is too large when its repetitions are written out; repeat less")
	}
	re, err := regexp.Compile(tree.String())
	if err != nil {
		return nil, patternError(err)
	}
	return &query{re: re, need: needOf(tree)}, nil
}

// patternError says what is wrong with a pattern.
func patternError(err error) error {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Errorf("the pattern is not a regular expression of RE2: %s: %.40q; correct it, or leave regexp out to look for the text itself", e.Code, e.Expr)
	}
	return errors.New("the pattern is not a regular expression of RE2; correct it, or leave regexp out to look for the text itself")
}

// onLine changes a pattern so that it matches within lines: no class has the line end in it, and the beginning and the end of the text
// are those of the line.
func onLine(re *syntax.Regexp) (*syntax.Regexp, error) {
	switch re.Op {
	case syntax.OpAnyChar:
		re.Op = syntax.OpAnyCharNotNL
	case syntax.OpBeginText:
		re.Op = syntax.OpBeginLine
	case syntax.OpEndText:
		re.Op = syntax.OpEndLine
		re.Flags &^= syntax.WasDollar
	case syntax.OpLiteral:
		if strings.ContainsRune(string(re.Rune), '\n') {
			return nil, errors.New("the pattern wants a line end, but lines are searched one by one; look for each line")
		}
	case syntax.OpCharClass:
		re.Rune = withoutNewline(re.Rune)
		if len(re.Rune) == 0 {
			re.Op = syntax.OpNoMatch
		}
	default:
	}
	for i, sub := range re.Sub {
		var err error
		if re.Sub[i], err = onLine(sub); err != nil {
			return nil, err
		}
	}
	return re, nil
}

// withoutNewline removes the line end from the ranges of a class.
func withoutNewline(ranges []rune) []rune {
	var out []rune
	for i := 0; i < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		if low > '\n' || high < '\n' {
			out = append(out, low, high)
			continue
		}
		if low < '\n' {
			out = append(out, low, '\n'-1)
		}
		if high > '\n' {
			out = append(out, '\n'+1, high)
		}
	}
	return out
}

// find returns where the first match in b begins, or -1. b begins and ends with a line. A pattern is not looked for in what of a line
// lies beyond two blocks, so that it can be interrupted.
func (q *query) find(b []byte) int {
	if q.re == nil {
		return bytes.Index(b, q.literal)
	}
	b = b[:min(len(b), 2*block)]
	if at := q.re.FindIndex(b); at != nil {
		return at[0]
	}
	return -1
}
