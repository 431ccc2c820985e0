package check

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

// A remainder is what several answers of one round have in common at one end that nobody asked for.
type remainder struct {
	round int
	text  string
	tools []string // that have it, sorted
	end   string   // "end" or "begin"
}

// fewLetters is how many letters a common text has at least that is no accident of form.
const fewLetters = 12

// asking is what texts say that ask something of the reader, or lead somewhere else, as footers of honest servers do too: data must be
// attributed, a tool gives details, a link explains.
var asking = regexp.MustCompile(`(?i)\b(must|should|always|never|remember|please|you (are|will|need)|do not|don't|make sure|tell the user)\b|\b(important|critical|urgent)\s*[:!]` +
	`|\b(call|use|run|invoke|execute) \w+_\w+|\b(reply|respond|answer) (only|with|in)\b|(^|[.!?:;]\s+|\b(to|and|or)\s+)(visit|open|see|use)\b` +
	`|https?://|\b[\w.+-]+@[\w-]+\.\w|반드시|하세요|하십시오|마세요`)

// commanding are orders to the model that no honest footer gives: to keep something from the user, to hand over what is theirs, to drop
// what it was told, to call something first.
var commanding = regexp.MustCompile(secretive.String() +
	`|(?i)\bmust (now |first |also |always |never )?(call|send|run|invoke|execute|pass|include|append|forward|upload|reply|respond|tell)\b|\bmust (now |first |also |always )?be (called|used|invoked) (first|before)\b` +
	`|\bignore (all|any|previous|your|every) |\bdisregard (all|any|previous|your|the)\b|\b(do not|don't|never) (tell|mention|reveal|inform|show)\b|\bwithout (asking|telling)\b` +
	`|\b(call|use|run|invoke|execute) \w+_\w+\b[^.\n]{0,40}\b(user('s)?|keys?|tokens?|passwords?|secrets?|conversation|credentials)\b` +
	`|\b(send|post|upload|forward|e-?mail|copy|exfiltrate)\b[^.\n]{0,60}\b(keys?|tokens?|passwords?|secrets?|(user's|private|all|local) files?|conversation|credentials)\b` +
	`|\bbefore (answering|you (answer|reply|go on|continue))|\b(run|execute|install|download)\b[^.\n]{0,40}(\bcurl\b|\bbash\b|\bwget\b)` +
	`|무시(하|해)|(전송|실행|호출)(하세요|하십시오|해라)`)

// injected yields texts that answers of several tools, or of one to several arguments, end or begin with, set apart by a blank line,
// that stand in no argument, and order the reader to do something.
func injected(s *trust.Subject, _ []*tool, say func(hit)) {
	seen := map[string]bool{}
	for _, r := range remainders(current(s.Answers)) {
		if !commanding.MatchString(r.text) || seen[r.text] {
			continue
		}
		seen[r.text] = true
		say(hit{
			where: trust.Place{Kind: "answer", Name: r.tools[0]}, evidence: r.text,
			message: fmt.Sprintf("whatever is asked of %s, at the %s of the answer stands the same text, which nobody asked for and which tells its reader what to do", strings.Join(r.tools, ", "), r.end),
		})
	}
}

// inviting yields such texts of several tools that ask something of the reader and do not order it.
func inviting(s *trust.Subject, _ []*tool, say func(hit)) {
	common(s.Answers, say, func(text string) bool { return asking.MatchString(text) && !commanding.MatchString(text) })
}

// constant yields such texts of several tools that ask nothing of anybody: a footer, or what an attacker tries out.
func constant(s *trust.Subject, _ []*tool, say func(hit)) {
	common(s.Answers, say, func(text string) bool { return !asking.MatchString(text) && !commanding.MatchString(text) })
}

// common yields the texts that fit among those that answers of several tools have at one end.
func common(answers []trust.Answer, say func(hit), fits func(text string) bool) {
	seen := map[string]bool{}
	for _, r := range remainders(current(answers)) {
		if len(r.tools) < 2 || !fits(r.text) || seen[r.text] {
			continue
		}
		seen[r.text] = true
		say(hit{
			where: trust.Place{Kind: "answer", Name: r.tools[0]}, evidence: r.text,
			message: fmt.Sprintf("the answers of %s have the same text at their %s, which nobody asked for", strings.Join(r.tools, ", "), r.end),
		})
	}
}

// drifting yields orders that were added to answers, or exchanged, between two rounds while the list of tools stayed as it was.
func drifting(s *trust.Subject, _ []*tool, say func(hit)) {
	rounds := map[int]map[string]remainder{}
	for _, r := range remainders(s.Answers) {
		if rounds[r.round] == nil {
			rounds[r.round] = map[string]remainder{}
		}
		rounds[r.round][r.end] = r
	}
	for _, pair := range pairs(s.Answers) {
		if pair.before.Tools != pair.after.Tools {
			continue
		}
		for _, end := range []string{"begin", "end"} {
			was, is := rounds[pair.before.Round][end], rounds[pair.after.Round][end]
			if is.text == "" || digitless(was.text) == digitless(is.text) || !commanding.MatchString(is.text) {
				continue
			}
			say(hit{
				where: trust.Place{Kind: "answer", Name: is.tools[0]}, evidence: is.text,
				message: fmt.Sprintf("between two rounds the list of tools stayed the same, and a text came to the %s of the answers; before it was: %s", end, cmp.Or(excerpt(was.text), "nothing")),
			})
		}
	}
}

// pair is two rounds, one after the other, by the first answer of each.
type pair struct{ before, after trust.Answer }

func pairs(answers []trust.Answer) (all []pair) {
	firsts := map[int]trust.Answer{}
	var rounds []int
	for _, a := range answers {
		if _, ok := firsts[a.Round]; !ok {
			firsts[a.Round] = a
			rounds = append(rounds, a.Round)
		}
	}
	slices.Sort(rounds)
	for i := 1; i < len(rounds); i++ {
		all = append(all, pair{firsts[rounds[i-1]], firsts[rounds[i]]})
	}
	return all
}

// dormant yields servers of which the answers to several questions end in a blank line: the place of a text that is not there yet.
func dormant(s *trust.Subject, _ []*tool, say func(hit)) {
	tools, questions := map[string]bool{}, map[string]bool{}
	for _, a := range current(s.Answers) {
		if a.Failed || !isTool(a.Tool) {
			continue
		}
		if body := strings.TrimRight(a.Text, "\n"); body == "" || a.Text != body+"\n\n" || strings.Contains(string(a.Arguments), `\n\n"`) {
			continue
		}
		tools[a.Tool], questions[a.Tool+string(a.Arguments)] = true, true
	}
	if len(questions) < 2 {
		return
	}
	var which []string
	for t := range tools {
		which = append(which, t)
	}
	slices.Sort(which)
	say(hit{
		where: trust.Place{Kind: "answer", Name: which[0]}, evidence: `\n\n`,
		message: fmt.Sprintf("the answers of %s end in a blank line, as if a text was to follow", strings.Join(which, ", ")),
	})
}

// current returns the answers of this scan; those of round 0 were given to an earlier one.
func current(answers []trust.Answer) []trust.Answer {
	return slices.DeleteFunc(slices.Clone(answers), func(a trust.Answer) bool { return a.Round == 0 })
}

// remainders returns what the answers of each round have in common.
func remainders(answers []trust.Answer) (found []remainder) {
	rounds := map[int][]trust.Answer{}
	for _, a := range answers {
		if !a.Failed && isTool(a.Tool) && !json.Valid([]byte(strings.TrimSpace(a.Text))) { // the end of a document is form
			rounds[a.Round] = append(rounds[a.Round], a)
		}
	}
	for round, all := range rounds {
		for _, end := range []string{"begin", "end"} {
			found = append(found, atEnd(all, round, end)...)
		}
	}
	slices.SortFunc(found, func(a, b remainder) int {
		return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.end, b.end), -cmp.Compare(len(a.tools), len(b.tools)), cmp.Compare(a.text, b.text))
	})
	return found
}

// isTool reports whether what was asked is a tool, and no prompt or resource that was read: those may well end alike.
func isTool(name string) bool {
	return !strings.HasPrefix(name, "prompt ") && !strings.HasPrefix(name, "resource ")
}

// atEnd returns the texts that at least two answers to different questions have at one end, the longest for each set of tools.
func atEnd(all []trust.Answer, round int, end string) (found []remainder) {
	having := map[string]map[string]bool{} // by text: the tools that have it
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Tool == b.Tool && string(a.Arguments) == string(b.Arguments) || a.Text == b.Text {
				continue
			}
			text := apart(shared(a.Text, b.Text, end), end)
			if letters(text) < fewLetters || asked(text, a) || asked(text, b) {
				continue
			}
			if having[text] == nil {
				having[text] = map[string]bool{}
			}
			having[text][a.Tool], having[text][b.Tool] = true, true
		}
	}
	for text, tools := range having {
		r := remainder{round: round, text: text, end: end}
		for t := range tools {
			r.tools = append(r.tools, t)
		}
		slices.Sort(r.tools)
		found = append(found, r)
	}
	return found
}

// shared returns the longest text that both begin or end with, whole characters only.
func shared(a, b, end string) string {
	n := 0
	if end == "begin" {
		for n < min(len(a), len(b)) && a[n] == b[n] {
			n++
		}
		for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
			n--
		}
		return a[:n]
	}
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 && !utf8.RuneStart(a[len(a)-n]) {
		n--
	}
	return a[len(a)-n:]
}

// apart returns the part of a common text that a blank line sets apart from the rest of the answer; "" if none does.
func apart(text, end string) string {
	if end == "begin" {
		if at := strings.LastIndex(text, "\n\n"); at >= 0 {
			return strings.TrimSpace(text[:at])
		}
		return ""
	}
	if at := strings.Index(text, "\n\n"); at >= 0 {
		return strings.TrimSpace(text[at:])
	}
	return ""
}

// asked reports whether the text, or most of it, is what the answer was asked for.
func asked(text string, a trust.Answer) bool {
	var arguments any
	if json.Unmarshal(a.Arguments, &arguments) != nil {
		return false
	}
	return within(text, arguments)
}

func within(text string, value any) bool {
	switch v := value.(type) {
	case string:
		return len(v) >= len(text)/2 && len(v) >= fewLetters/2 && (strings.Contains(text, v) || strings.Contains(v, text))
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return within(text, inner) })
	case map[string]any:
		for _, inner := range v {
			if within(text, inner) {
				return true
			}
		}
	}
	return false
}

func letters(s string) (n int) {
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
			if r >= 0x1100 {
				n++ // a syllable or a word
			}
		}
	}
	return n
}

// digitless returns a text without digits, so that a clock in it is no change.
func digitless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}
