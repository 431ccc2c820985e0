package inspect

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/trust"
)

// A rule finds what one kind of overt attack says (rules.txt). Its patterns are asked only near one of its texts, and for a stretch around it.
type rule struct {
	name    string // of the reason
	finding string // the rule of what it finds
	band    trust.Band
	why     string
	near    []string
	match   []*regexp.Regexp
	unless  *regexp.Regexp
	but     *regexp.Regexp
}

//go:embed rules.txt
var ruleText string

// rules returns the rules that are part of the program.
var rules = sync.OnceValue(func() []rule {
	all, err := readRules(ruleText)
	if err != nil {
		panic(err) // a test reads it
	}
	return all
})

// readRules reads rules as rules.txt has them.
func readRules(text string) (all []rule, err error) {
	for n, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' {
			r := rule{}
			var band string
			if _, err = fmt.Sscan(line, &r.name, &r.finding, &band); err == nil {
				err = r.band.UnmarshalText([]byte(band))
			}
			all = append(all, r)
		} else if len(all) > 0 {
			err = all[len(all)-1].set(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the rules: %w", n+1, err)
		}
	}
	if len(all) > maxRules {
		return nil, fmt.Errorf("%d rules are more than %d", len(all), maxRules)
	}
	return all, nil
}

// maxRules bounds the rules: a set of them is one number.
const maxRules = 32

// set reads a line below the name of a rule.
func (r *rule) set(line string) (err error) {
	key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch key {
	case "why":
		r.why = value
	case "near":
		for text := range strings.SplitSeq(value, ";") {
			r.near = append(r.near, strings.TrimSpace(text))
		}
	case "match":
		var match *regexp.Regexp
		if match, err = regexp.Compile(value); err == nil {
			r.match = append(r.match, match)
		}
	case "unless":
		r.unless, err = regexp.Compile(value)
	case "but":
		r.but, err = regexp.Compile(value)
	default:
		return fmt.Errorf("%q is no part of a rule", key)
	}
	return err
}

// A hint is a place at which texts of some rules stand.
type hint struct {
	at    int
	rules uint32
	near  bool // to a passage that is like an order
}

// The bounds of what rules look at: so much before and behind a hint, and so many hints of a text.
const (
	stretchBefore = 120
	stretchBehind = 420
	mostHints     = 48
	tail          = 30 // of what follows a match
	apart         = 60 // hints of the same rules that are nearer are one
)

// A hit is what a rule has matched.
type hit struct {
	rule       *rule
	begin, end int
	quoted     bool // it stands between quotation marks: somebody else's words
}

// hits returns what the rules match near the hints that stand in passages like orders, of each rule the first that is not quoted, or else the first.
func hits(text []byte, hints []hint) (all []hit) {
	rules := rules()
	for _, h := range hints {
		if !h.near {
			continue
		}
		for n := range rules {
			if h.rules>>n&1 == 0 {
				continue
			}
			r := &rules[n]
			known := slices.IndexFunc(all, func(h hit) bool { return h.rule == r })
			if known >= 0 && !all[known].quoted {
				continue
			}
			found, ok := r.in(text, h.at)
			switch {
			case !ok:
			case known < 0:
				all = append(all, found)
			case !found.quoted:
				all[known] = found
			}
		}
	}
	return all
}

// in returns what the rule matches around a place.
func (r *rule) in(text []byte, at int) (hit, bool) {
	from, to := max(at-stretchBefore, 0), min(at+stretchBehind, len(text))
	stretch := text[from:to]
	for _, match := range r.match {
		span := match.FindIndex(stretch)
		if span == nil {
			continue
		}
		begin, end := from+span[0], from+span[1]
		sentence := text[max(from, sentenceBegin(text, begin)):begin]
		if r.unless != nil && r.unless.Match(sentence) || r.but != nil && r.but.Match(text[begin:min(end+tail, sentenceEnd(text, end-1))]) {
			continue
		}
		return hit{r, begin, end, inQuotes(text[from:begin])}, true
	}
	return hit{}, false
}

// sentenceBegin returns where the sentence begins in which a byte stands.
func sentenceBegin(text []byte, at int) int {
	for i := at; i > 0; i-- {
		if c := text[i-1]; c == '\n' || i < at && text[i] == ' ' && (c == '.' || c == '!' || c == '?' || c == ';') {
			return i
		}
	}
	return 0
}

// inQuotes reports whether a quotation is open at the end of a text.
func inQuotes(text []byte) bool {
	line := text
	if i := strings.LastIndexByte(string(text), '\n'); i >= 0 {
		line = text[i+1:]
	}
	s := string(line)
	for _, marks := range [...]string{`"`, "`"} {
		if strings.Count(s, marks)%2 == 1 {
			return true
		}
	}
	for _, marks := range [...][2]string{{"“", "”"}, {"«", "»"}, {"「", "」"}, {"‘", "’"}} {
		if strings.LastIndex(s, marks[0]) > strings.LastIndex(s, marks[1]) {
			return true
		}
	}
	return strings.HasSuffix(s, " '") || s == "'"
}
