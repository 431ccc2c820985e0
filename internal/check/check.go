// Package check judges the facts of servers: what they ask of callers, what their tools can do, what they are called, how they refer to
// each other, and whether their answers say more than was asked.
//
// Every check is a pure function of facts that somebody else has gathered (trust.Subject). All stand in one table, [Checks], with their
// names, severities and remedies; what texts say to models is not judged here, but by inspect.
package check

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

// A Check looks for one thing. One of Subject and Set is set. Both are pure, and safe for concurrent use.
type Check struct {
	// Rule is the rule of its findings.
	Rule string
	// Severity and Band are those of its findings.
	Severity trust.Severity
	Band     trust.Band
	// Means says what it looks for, in a sentence.
	Means string
	// Remedy is what to do about its findings.
	Remedy string
	// Subject yields what is found in one server.
	Subject func(*trust.Subject) iter.Seq[trust.Finding]
	// Set yields what several servers have only together. The order of the servers does not matter to what is found.
	Set func([]*trust.Subject) iter.Seq[trust.Finding]
}

// A hit is what a check has found; the table adds the rest.
type hit struct {
	where    trust.Place
	evidence string
	message  string
	reasons  []trust.Contribution
}

type (
	look   func(s *trust.Subject, tools []*tool, say func(hit))
	across func(all []*server, say func(hit))
)

// Checks returns the table of checks, by their rules.
func Checks() []Check {
	var all []Check
	for i := range table {
		c := &table[i]
		done := Check{Rule: c.rule, Severity: c.severity, Band: c.band, Means: c.means, Remedy: c.remedy}
		if c.one != nil {
			done.Subject = func(s *trust.Subject) iter.Seq[trust.Finding] { return c.subject(s, toolsOf(s)) }
		} else {
			done.Set = func(all []*trust.Subject) iter.Seq[trust.Finding] { return c.set(servers(all)) }
		}
		all = append(all, done)
	}
	return all
}

// Subject yields what all checks find in one server.
func Subject(s *trust.Subject) iter.Seq[trust.Finding] {
	return func(yield func(trust.Finding) bool) {
		tools := toolsOf(s)
		for i := range table {
			if c := &table[i]; c.one != nil {
				for f := range c.subject(s, tools) {
					if !yield(f) {
						return
					}
				}
			}
		}
	}
}

// Set yields what servers have only together.
func Set(all []*trust.Subject) iter.Seq[trust.Finding] {
	return func(yield func(trust.Finding) bool) {
		read := servers(all)
		for i := range table {
			if c := &table[i]; c.all != nil {
				for f := range c.set(read) {
					if !yield(f) {
						return
					}
				}
			}
		}
	}
}

// A row is one line of the table.
type row struct {
	rule     string
	severity trust.Severity
	band     trust.Band
	means    string
	remedy   string
	one      look
	all      across
}

func (c *row) subject(s *trust.Subject, tools []*tool) iter.Seq[trust.Finding] {
	return c.findings(func(say func(hit)) {
		c.one(s, tools, func(h hit) {
			if h.where.Server == "" {
				h.where.Server = s.Name
			}
			if h.where.Kind == "" {
				h.where.Kind = "server"
			}
			say(h)
		})
	})
}

func (c *row) set(all []*server) iter.Seq[trust.Finding] {
	return c.findings(func(say func(hit)) { c.all(all, say) })
}

func (c *row) findings(run func(say func(hit))) iter.Seq[trust.Finding] {
	return func(yield func(trust.Finding) bool) {
		var found []trust.Finding
		run(func(h hit) {
			found = append(found, trust.Fingerprinted(trust.Finding{
				Rule: c.rule, Severity: c.severity, Band: c.band, Where: h.where, Evidence: excerpt(h.evidence), Message: h.message, Remedy: c.remedy, Reasons: h.reasons,
			}))
		})
		for _, f := range found {
			if !yield(f) {
				return
			}
		}
	}
}

// maxEvidence is how many bytes of a text a finding shows.
const maxEvidence = 240

// excerpt returns the begin of a text in one line, without characters that cannot be seen.
func excerpt(s string) string {
	if len(s) > maxEvidence {
		cut := maxEvidence
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}
