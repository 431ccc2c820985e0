package search

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A need says which trigrams (three bytes in a row, with ASCII letters in lower case) a file must have so that a query can match in it.
// It is met when all of these are: every trigram is there, every need of all is met, and one of any if there are any.
type need struct {
	trigrams []uint32
	all, any []*need
}

// met reports whether a file may match, given which trigrams it has. The nil need is always met.
func (n *need) met(has func(uint32) bool) bool {
	if n == nil {
		return true
	}
	for _, t := range n.trigrams {
		if !has(t) {
			return false
		}
	}
	for _, sub := range n.all {
		if !sub.met(has) {
			return false
		}
	}
	for _, sub := range n.any {
		if sub.met(has) {
			return true
		}
	}
	return len(n.any) == 0
}

// literalNeed returns the trigrams of a text; nil if it is too short to have any.
func literalNeed(text string) *need {
	text = lower(text)
	if len(text) < 3 {
		return nil
	}
	n := &need{}
	for i := range len(text) - 2 {
		n.trigrams = append(n.trigrams, trigram(text[i], text[i+1], text[i+2]))
	}
	return n
}

func trigram(a, b, c byte) uint32 { return uint32(a)<<16 | uint32(b)<<8 | uint32(c) }

// lower puts ASCII letters, and no others, into lower case.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII {
			return unicode.ToLower(r)
		}
		return r
	}, text)
}

// needOf returns what a pattern needs.
func needOf(re *syntax.Regexp) *need { return analyse(re).whole() }

// An analysis is what is known of the texts that a pattern matches.
type analysis struct {
	exact []string // all of them, in lower case, if they are few; nil if not
	need  *need    // what they need beyond exact
}

// Bounds of exact.
const (
	maxExact      = 32 // texts
	maxExactClass = 8  // characters of a class
)

// unknown is known of nothing; nothing needs to be there for the empty text.
func unknown() analysis   { return analysis{} }
func emptyText() analysis { return analysis{exact: []string{""}} }

// analyse looks at a pattern. What it says may be too little, never too much.
func analyse(re *syntax.Regexp) analysis {
	switch re.Op {
	case syntax.OpLiteral:
		return literalAnalysis(re)
	case syntax.OpCharClass:
		return classAnalysis(re.Rune)
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return emptyText()
	case syntax.OpCapture:
		return analyse(re.Sub[0])
	case syntax.OpConcat:
		all := emptyText()
		for _, sub := range re.Sub {
			all = all.then(analyse(sub))
		}
		return all
	case syntax.OpAlternate:
		return alternatives(re.Sub)
	case syntax.OpQuest:
		if sub := analyse(re.Sub[0]); sub.exact != nil && sub.need == nil && len(sub.exact) < maxExact {
			return analysis{exact: append([]string{""}, sub.exact...)}
		}
	case syntax.OpPlus:
		return analysis{need: analyse(re.Sub[0]).whole()}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return analysis{need: analyse(re.Sub[0]).whole()}
		}
	default:
	}
	return unknown()
}

// literalAnalysis is of a text, whose letters may be of either case.
func literalAnalysis(re *syntax.Regexp) analysis {
	all := emptyText()
	for _, r := range re.Rune {
		set := []rune{r, r}
		if re.Flags&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				set = append(set, f, f)
			}
		}
		all = all.then(classAnalysis(set))
	}
	return all
}

// classAnalysis is of one character, of these ranges. The replacement character also stands for broken UTF-8, so it tells nothing.
func classAnalysis(ranges []rune) analysis {
	n := rune(0)
	for i := 0; i < len(ranges); i += 2 {
		n += ranges[i+1] - ranges[i] + 1
		if n > maxExactClass || ranges[i] <= utf8.RuneError && utf8.RuneError <= ranges[i+1] {
			return unknown()
		}
	}
	var out analysis
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			out.add(lower(string(r)))
		}
	}
	return out
}

// add adds a text that is matched, once.
func (a *analysis) add(text string) {
	if !slices.Contains(a.exact, text) {
		a.exact = append(a.exact, text)
	}
}

// then is of a followed by b.
func (a analysis) then(b analysis) analysis {
	if a.exact == nil || b.exact == nil || len(a.exact)*len(b.exact) > maxExact {
		return analysis{exact: b.exact, need: both(a.whole(), b.need)}
	}
	out := analysis{need: both(a.need, b.need)}
	for _, x := range a.exact {
		for _, y := range b.exact {
			out.add(x + y)
		}
	}
	return out
}

// alternatives is of one of several.
func alternatives(subs []*syntax.Regexp) analysis {
	var out analysis
	few := true
	var needs []*need
	for _, sub := range subs {
		a := analyse(sub)
		needs = append(needs, a.whole())
		if few = few && a.exact != nil && a.need == nil && len(out.exact)+len(a.exact) <= maxExact; few {
			for _, e := range a.exact {
				out.add(e)
			}
		}
	}
	if few {
		return out
	}
	return analysis{need: either(needs)}
}

// whole returns all that is needed.
func (a analysis) whole() *need {
	if a.exact == nil {
		return a.need
	}
	var needs []*need
	for _, e := range a.exact {
		needs = append(needs, literalNeed(e))
	}
	return both(a.need, either(needs))
}

// both is met when both needs are.
func both(a, b *need) *need {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &need{all: []*need{a, b}}
}

// either is met when one of the needs is.
func either(needs []*need) *need {
	for _, n := range needs {
		if n == nil {
			return nil
		}
	}
	if len(needs) == 1 {
		return needs[0]
	}
	return &need{any: needs}
}
