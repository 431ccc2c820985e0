package sampling

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// What feedback starts from where a parameter is not set, and the bounds within which it moves one.
const (
	startTemperature, leastTemperature, highTemperature = 0.7, 0.0, 1.5
	startTopP, leastTopP, highTopP                      = 0.9, 0.1, 1.0
	startTokens, leastTokens, highTokens                = 1024, 64, 32768
)

// A step is how one kind of feedback moves the parameters.
type step struct {
	// temperature and topP are added; tokens multiplies maxTokens.
	temperature, topP, tokens float64
	phrases                   []string
}

// steps are all feedback that is understood, in the order in which it is told. The table stands in docs/roots.md too.
var steps = [...]step{
	{temperature: +0.2, topP: +0.05, phrases: []string{
		"more creative", "be more creative", "more random", "more varied", "more diverse", "wilder", "less boring",
		"더 창의적으로", "더 창의적", "더 창의적이게", "좀 더 창의적으로", "더 다양하게", "더 자유롭게",
	}},
	{temperature: -0.2, topP: -0.05, phrases: []string{
		"less creative", "be less creative", "less random", "less varied", "less diverse", "more conservative",
		"덜 창의적으로", "덜 창의적", "덜 창의적이게", "좀 덜 창의적으로", "덜 다양하게", "더 보수적으로",
	}},
	{temperature: -0.3, topP: -0.1, phrases: []string{
		"more precise", "be more precise", "more focused", "more accurate", "more exact", "more deterministic", "more consistent",
		"더 정확하게", "더 정확히", "좀 더 정확하게", "더 정밀하게", "더 집중해서", "더 일관되게", "더 엄밀하게",
	}},
	{temperature: +0.3, topP: +0.1, phrases: []string{
		"less precise", "less focused", "less exact", "looser", "less deterministic",
		"덜 정확하게", "덜 엄밀하게", "더 느슨하게",
	}},
	{tokens: 0.5, phrases: []string{
		"shorter", "be shorter", "more concise", "more brief", "briefer", "less verbose", "too long",
		"더 짧게", "짧게", "좀 더 짧게", "더 간결하게", "간결하게", "더 간단하게", "너무 길어",
	}},
	{tokens: 2, phrases: []string{
		"longer", "be longer", "more detailed", "more detail", "more verbose", "in more detail", "too short",
		"더 길게", "길게", "좀 더 길게", "더 자세하게", "더 자세히", "자세히", "너무 짧아",
	}},
}

// Move returns what a node has of its own after feedback: parameters that are in force, moved by a step.
func Move(own, inForce Parameters, feedback string) (Parameters, error) {
	said := plain(feedback)
	i := slices.IndexFunc(steps[:], func(s step) bool {
		return slices.ContainsFunc(s.phrases, func(p string) bool { return plain(p) == said })
	})
	if i < 0 {
		return own, fmt.Errorf("is not feedback that is understood; there are: %s", strings.Join(known(), ", "))
	}
	s := &steps[i]
	if s.temperature != 0 {
		own.Temperature = span{startTemperature, leastTemperature, highTemperature}.moved(inForce.Temperature, s.temperature)
	}
	if s.topP != 0 {
		own.TopP = span{startTopP, leastTopP, highTopP}.moved(inForce.TopP, s.topP)
	}
	if s.tokens != 0 {
		var now *float64
		if inForce.MaxTokens != nil {
			now = new(float64(*inForce.MaxTokens))
		}
		tokens := span{startTokens, leastTokens, highTokens}
		own.MaxTokens = new(int64(*tokens.moved(now, tokens.from(now)*(s.tokens-1))))
	}
	return own, nil
}

// A span is where a parameter starts, and the bounds within which feedback moves it.
type span struct{ start, least, most float64 }

// from is the value in force, or the start.
func (s span) from(now *float64) float64 {
	if now == nil {
		return s.start
	}
	return *now
}

// moved returns the value after a step, to two decimals. One that lies beyond the bounds already stays, and does not
// go further.
func (s span) moved(now *float64, by float64) *float64 {
	from := s.from(now)
	to := math.Round((from+by)*100) / 100
	return new(max(min(s.least, from), min(to, max(s.most, from))))
}

// plain returns feedback without what does not matter: case, spaces, punctuation, and whether Hangul is composed.
func plain(s string) string {
	var b []rune
	for _, c := range s {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			b = compose(b, unicode.ToLower(c))
		}
	}
	return string(b)
}

// The blocks of Hangul, and how many letters of each kind there are (The Unicode Standard, section 3.12).
const (
	firstLead, firstVowel, firstTail, firstSyllable = 0x1100, 0x1161, 0x11a7, 0xac00
	leads, vowels, tails                            = 19, 21, 28
)

// compose appends a character, as one with the syllable before it where that is its beginning.
func compose(b []rune, c rune) []rune {
	if len(b) > 0 {
		last := &b[len(b)-1]
		lead, syllable := *last-firstLead, *last-firstSyllable
		switch vowel, tail := c-firstVowel, c-firstTail; {
		case 0 <= lead && lead < leads && 0 <= vowel && vowel < vowels:
			*last = firstSyllable + (lead*vowels+vowel)*tails
			return b
		case 0 <= syllable && syllable < leads*vowels*tails && syllable%tails == 0 && 0 < tail && tail < tails:
			*last += tail
			return b
		}
	}
	return append(b, c)
}

// known returns one phrase in English and one in Korean of each kind of feedback.
func known() []string {
	var all []string
	for i := range steps {
		phrases := steps[i].phrases
		korean := slices.IndexFunc(phrases, func(p string) bool { return p[0] >= 0x80 })
		all = append(all, phrases[0], phrases[korean])
	}
	return all
}
