package route

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A matcher finds the rule of a name: that which names it, or else the most specific pattern that it fits. It is not changed once
// it is made.
type matcher struct {
	exact    map[string]*Rule
	patterns []*Rule // the most specific first
}

func newMatcher(p *Policy) matcher {
	m := matcher{exact: map[string]*Rule{}}
	for i := range p.Rules {
		r := &p.Rules[i]
		if isPattern(r.Pattern) {
			m.patterns = append(m.patterns, r)
		} else {
			m.exact[r.Pattern] = r
		}
	}
	slices.SortFunc(m.patterns, func(a, b *Rule) int { return moreSpecific(a.Pattern, b.Pattern) })
	return m
}

// moreSpecific orders patterns: more characters that stand for themselves come first, of as many those that begin with more of them,
// and of those the one with fewer stars. What is left is decided by the alphabet, so that the order never depends on chance.
func moreSpecific(a, b string) int {
	literal := func(s string) int { return len(s) - strings.Count(s, "*") }
	return cmp.Or(
		cmp.Compare(literal(b), literal(a)),
		cmp.Compare(strings.IndexByte(b, '*'), strings.IndexByte(a, '*')),
		cmp.Compare(len(a), len(b)),
		strings.Compare(a, b),
	)
}

// find returns the rule of a name, nil if there is none.
func (m *matcher) find(name string) *Rule {
	if r := m.exact[name]; r != nil {
		return r
	}
	for _, r := range m.patterns {
		if mcp.Match(r.Pattern, name) {
			return r
		}
	}
	return nil
}

// isPattern reports whether a rule is for several names.
func isPattern(name string) bool { return strings.Contains(name, "*") }

// AfterDot returns what follows the first dot of a name, all of it without one: what targets call a thing whose name only the policy
// offers, unless they say another.
func AfterDot(name string) string {
	if _, after, ok := strings.Cut(name, "."); ok {
		return after
	}
	return name
}
