// Package redact finds secrets in what passes, and takes them out: private keys, tokens of well-known forms, payment cards, and what
// an operator describes by patterns of his own. It looks at bytes alone: it knows no method and no tool.
//
// Finding is linear in the length of what is looked at, whatever stands in it. Most bytes are never looked at: a secret is a long word, or
// has a long number in it, so every twelfth byte tells whether there may be one (see scan.go). What is found is as good as certain by its
// form, by a check digit or by what stands around it; a text that merely looks random is not a secret here.
package redact

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Finding is one secret.
type Finding struct {
	// Span is where it stands in the bytes that were looked at. In a JSON text it lies between the quotes; a number is all of it.
	wire.Span
	// Kind says what it is, in small letters, digits and dashes.
	Kind string
	// Number says that it is a JSON number.
	Number bool
}

// A Pattern is an operator's own kind of secret.
type Pattern struct {
	// Kind is what it is called.
	Kind string
	// Match matches it: what its first group matches is the secret, or all of the match where there is no group.
	Match *regexp.Regexp
}

// Rules say what a secret is. Nil are the built-in kinds, all of them. Rules may be used concurrently, and do not change.
type Rules struct {
	patterns []Pattern
	without  []string
}

// New returns rules of the built-in kinds, without some of them, and of patterns beside.
func New(patterns []Pattern, without []string) *Rules {
	return &Rules{patterns: slices.Clone(patterns), without: slices.Clone(without)}
}

// JSON appends to found the secrets in a JSON value that has been scanned, in their order: in its texts as they read unescaped, in the
// names of members, and in its numbers. Nothing is allocated where there is none.
func (r *Rules) JSON(found []Finding, value []byte) []Finding {
	s := scans.Get().(*scan) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	defer s.release()
	s.found = found
	before := len(found)
	s.json(value)
	if r != nil {
		s.patterns(r.patterns, value)
	}
	return r.settle(s.found, before)
}

// Text appends to found the secrets in a text that is not JSON.
func (r *Rules) Text(found []Finding, text []byte) []Finding {
	s := scans.Get().(*scan) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	defer s.release()
	s.found = found
	before := len(found)
	s.text(text)
	if r != nil {
		for i := range r.patterns {
			s.match(&r.patterns[i], text)
		}
	}
	return r.settle(s.found, before)
}

// settle puts the findings from one on in order, and leaves out those that overlap with an earlier one or are of a kind that is not
// looked for.
func (r *Rules) settle(found []Finding, from int) []Finding {
	if len(found) == from {
		return found
	}
	fresh := found[from:]
	if r != nil && len(r.without) > 0 {
		fresh = slices.DeleteFunc(fresh, func(f Finding) bool { return slices.Contains(r.without, f.Kind) })
	}
	slices.SortStableFunc(fresh, func(a, b Finding) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	end := -1
	fresh = slices.DeleteFunc(fresh, func(f Finding) bool {
		if f.Start < end {
			return true
		}
		end = f.End
		return false
	})
	return found[:from+len(fresh)]
}

// Mark is what stands in the place of a secret of that kind.
func Mark(kind string) string { return "[redacted:" + kind + "]" }

// Append appends src without the secrets that were found in it. All other bytes stay as they are.
func Append(dst, src []byte, found []Finding) []byte {
	done := 0
	for _, f := range found {
		dst = append(dst, src[done:f.Start]...)
		if f.Number {
			dst = append(append(append(dst, '"'), Mark(f.Kind)...), '"')
		} else {
			dst = append(dst, Mark(f.Kind)...)
		}
		done = f.End
	}
	return append(dst, src[done:]...)
}

// CleanJSON returns a JSON value without its secrets: the value itself where it has none.
func (r *Rules) CleanJSON(value []byte) []byte {
	found := r.JSON(nil, value)
	if len(found) == 0 {
		return value
	}
	return Append(nil, value, found)
}

// Clean returns a text without its secrets.
func (r *Rules) Clean(text string) string {
	if len(text) < minSecret {
		return text
	}
	b := []byte(text)
	found := r.Text(nil, b)
	if len(found) == 0 {
		return text
	}
	return string(Append(nil, b, found))
}

// kindForm is what the name of a kind looks like.
var kindForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// ParsePattern reads an operator's pattern, in the syntax of RE2. The error says why it cannot be one.
func ParsePattern(kind, pattern string) (Pattern, error) {
	if !kindForm.MatchString(kind) {
		return Pattern{}, fmt.Errorf("%q cannot be the name of a kind of secrets: use small letters, digits and dashes, at most 40", kind)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return Pattern{}, err
	}
	if re.MatchString("") {
		return Pattern{}, fmt.Errorf("%q matches nothing at all, so that it would be everywhere", pattern)
	}
	return Pattern{Kind: kind, Match: re}, nil
}

// Kinds returns the names of the built-in kinds, in order.
func Kinds() []string {
	kinds := []string{kindKey, kindJWT, kindBearer, kindAWS, kindCard}
	for _, list := range forms {
		for _, f := range list {
			kinds = append(kinds, f.kind)
		}
	}
	for _, f := range dotted {
		kinds = append(kinds, f.kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// patterns looks for an operator's patterns in each text of a JSON value, and in what stands between the texts.
func (s *scan) patterns(all []Pattern, value []byte) {
	if len(all) == 0 {
		return
	}
	for i := 0; i < len(value); {
		open := bytes.IndexByte(value[i:], '"')
		if open < 0 {
			open = len(value) - i
		}
		s.matchNumbers(all, value, wire.Span{Start: i, End: i + open})
		start := i + open + 1
		if start >= len(value) {
			return
		}
		end := stringEnd(value, start)
		s.decoded(value, start, end, func(text []byte) {
			for p := range all {
				s.match(&all[p], text)
			}
		})
		i = end + 1
	}
}

// matchNumbers looks for patterns in the numbers among what stands between two texts. A pattern must match all of one.
func (s *scan) matchNumbers(all []Pattern, value []byte, between wire.Span) {
	for i := between.Start; i < between.End; i++ {
		if !isNumeric(value[i]) {
			continue
		}
		start := i
		for i < between.End && isNumeric(value[i]) {
			i++
		}
		for p := range all {
			if at := all[p].Match.FindIndex(value[start:i]); at != nil && at[0] == 0 && at[1] == i-start {
				s.found = append(s.found, Finding{Span: wire.Span{Start: start, End: i}, Kind: all[p].Kind, Number: true})
			}
		}
	}
}

func isNumeric(c byte) bool { return '0' <= c && c <= '9' || strings.IndexByte("+-.", c) >= 0 }

// match looks for one pattern in a text.
func (s *scan) match(p *Pattern, text []byte) {
	for _, at := range p.Match.FindAllSubmatchIndex(text, -1) {
		span := wire.Span{Start: at[0], End: at[1]}
		if len(at) > 2 && at[2] >= 0 {
			span = wire.Span{Start: at[2], End: at[3]}
		}
		if span.End > span.Start {
			s.add(span.Start, span.End, p.Kind)
		}
	}
}
