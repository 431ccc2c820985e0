package advisory

import (
	"cmp"
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/trust"
)

// The rules of findings.
const (
	// RuleVulnerable: a server is known to be vulnerable.
	RuleVulnerable = "supply/known-vulnerable"
	// RuleUnpinned: a server's package is got anew at each start, in whichever version there is then.
	RuleUnpinned = "supply/unpinned"
)

//go:embed data/advisories.json
var embedded []byte

// Embedded returns the records that are part of the program: the table of the seed, section 5.10, corrected, and some more.
var Embedded = sync.OnceValue(func() []Advisory {
	all, err := Read(embedded)
	if err != nil {
		panic(err) // a test reads them
	}
	return all
})

// Own is the book of the records that are part of the program.
var Own = sync.OnceValue(func() *Book { return NewBook(Embedded()) })

// Subject yields what the program's own records tell of a server.
func Subject(s *trust.Subject) iter.Seq[trust.Finding] { return Own().Subject(s) }

// Subject yields what the records tell of a server, by its command line and by what it says of itself: that it is known to be vulnerable, and
// that nobody can tell which version of it will run the next time.
func (b *Book) Subject(s *trust.Subject) iter.Seq[trust.Finding] {
	var packages []Package
	if s.Transport == "stdio" || !strings.Contains(s.Target, "://") {
		if words := split(s.Target); len(words) > 0 {
			packages = Packages(words[0], words[1:]...)
		}
	}
	return b.Findings(s.Name, packages, s.Software, s.Version)
}

// Findings yields what the records tell of a server of that name that consists of packages, and calls itself software in a version; both may be
// empty.
func (b *Book) Findings(server string, packages []Package, software, version string) iter.Seq[trust.Finding] {
	return func(yield func(trust.Finding) bool) {
		seen := map[string]bool{}
		for _, m := range b.matches(packages, software, version) {
			if seen[m.CVE()] {
				continue
			}
			seen[m.CVE()] = true
			if !yield(m.finding(server)) {
				return
			}
		}
		for _, p := range packages {
			if p.Fetched && !p.Pinned && !yield(unpinned(server, p)) {
				return
			}
		}
	}
}

// matches are all that the records have of it. A server says its own version: that counts where the command line does not name one, and the
// server calls itself as the package is called.
func (b *Book) matches(packages []Package, software, version string) (found []Match) {
	for _, p := range packages {
		if p.Version == "" && version != "" && alike(p.Name, software) {
			p.Version = version
		}
		found = append(found, b.Known(p)...)
	}
	return append(found, b.Software(software, version)...)
}

// alike reports whether a server calls itself as its package is called, without its scope.
func alike(name, software string) bool {
	name = name[strings.LastIndex(name, "/")+1:]
	return software != "" && dashes.ReplaceAllString(strings.ToLower(name), "-") == dashes.ReplaceAllString(strings.ToLower(software), "-")
}

// gist is what it is about, in a few words.
func (m *Match) gist() string {
	first, _, _ := strings.Cut(strings.TrimSpace(m.Details), "\n")
	text := []rune(strings.TrimSuffix(cmp.Or(m.Summary, first, "its record says no more"), "."))
	return string(text[:min(len(text), 200)])
}

func (m *Match) finding(server string) trust.Finding {
	f := trust.Finding{
		Rule: RuleVulnerable, Severity: m.Grave(), Band: trust.BandWarn, Where: trust.Place{Server: server, Kind: "server"},
		Evidence: m.Package.String() + ": " + m.CVE(),
		Message:  fmt.Sprintf("%s is known to be vulnerable: %s (%s)", m.Package, m.gist(), m.CVE()),
		Remedy:   "stop using it: no version is named that is free of it; " + m.Page(),
	}
	if m.Fixed != "" {
		f.Remedy = "use " + m.Fixed + " or newer; " + m.Page()
	}
	if m.Unsure && (m.Fixed != "" || m.Named) {
		f.Band = trust.BandInfo
		f.Message = fmt.Sprintf("%s may be vulnerable, unless it is new enough: %s (%s)", m.Package, m.gist(), m.CVE())
	}
	return trust.Fingerprinted(f)
}

func unpinned(server string, p Package) trust.Finding {
	return trust.Fingerprinted(trust.Finding{
		Rule: RuleUnpinned, Severity: trust.Info, Band: trust.BandInfo, Where: trust.Place{Server: server, Kind: "server"}, Evidence: p.String(),
		Message: fmt.Sprintf("%s is got anew at a start, in whichever version there is then", p),
		Remedy:  "name the version in the command line, for an image its digest, after you have looked at it",
	})
}

// split splits a command line into words, as it is written for people: quotes hold words together.
func split(line string) (words []string) {
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
