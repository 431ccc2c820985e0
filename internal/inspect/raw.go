package inspect

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

// The limits above which what cannot be seen is no accident any more.
const (
	manyInvisible = 8   // zero-width characters in one text
	manySelectors = 3   // variation selectors one after the other
	wideBlank     = 40  // blanks one after the other, with text behind them
	tallBlank     = 15  // ends of lines one after the other, with text behind them
	maxEvidence   = 160 // bytes of evidence in a finding
)

// seen is what the characters of a text show.
type seen struct {
	tags, selectors, zero, inWord, overrides, isolates, escapes, private int
	runSelectors, runBlanks, runLines                                    int
	mixed                                                                string // a word with letters of two alphabets
	hidden                                                               []byte // what tag characters and variation selectors spell
}

// raw returns what the characters of a text show that a reader would not see, and the text that was hidden among them.
func raw(text string, where trust.Place) (all []trust.Finding, hidden string) {
	if plain(text) {
		return nil, ""
	}
	s := look(text)
	add := func(rule string, severity trust.Severity, band trust.Band, evidence, message string) {
		all = append(all, trust.Fingerprinted(trust.Finding{
			Rule: "text/" + rule, Severity: severity, Band: band, Where: where, Evidence: evidence, Message: message,
			Remedy: "read the text in a viewer that shows every character, and ask who wrote it what it is for",
		}))
	}
	switch {
	case s.tags > 0:
		add("hidden-characters", trust.Critical, trust.BandBlock, printable(string(s.hidden)), fmt.Sprintf("%d tag characters, which nobody sees, spell a text", s.tags))
	case s.runSelectors >= manySelectors:
		add("hidden-characters", trust.Critical, trust.BandBlock, "", fmt.Sprintf("%d variation selectors hide data", s.selectors))
	case s.zero >= manyInvisible && s.inWord > 0:
		add("hidden-characters", trust.High, trust.BandBlock, "", fmt.Sprintf("%d characters without width stand in it", s.zero))
	case s.inWord > 0:
		add("invisible-in-word", trust.Medium, trust.BandWarn, "", "characters without width stand inside of words")
	}
	if s.overrides > 0 {
		add("direction", trust.High, trust.BandBlock, "", "the direction of reading is overridden: what is seen is not what is there")
	} else if s.isolates%2 != 0 {
		add("direction", trust.Medium, trust.BandWarn, "", "a change of the direction of reading is not ended")
	}
	if s.escapes > 0 {
		add("terminal-escape", trust.High, trust.BandWarn, "", "control sequences for terminals stand in it")
	}
	if s.mixed != "" {
		add("look-alike", trust.High, trust.BandWarn, printable(s.mixed), "a word is made of letters of several alphabets that look alike")
	}
	if s.runBlanks >= wideBlank || s.runLines >= tallBlank {
		add("far-away", trust.Medium, trust.BandWarn, "", "text stands behind so many blanks that a reader does not reach it")
	}
	return all, string(s.hidden)
}

// plain reports whether a text has nothing but single blanks and ends of lines, printable ASCII, Latin letters with marks, letters of the East and
// common punctuation, as nearly all do.
func plain(text string) bool {
	blanks := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if blanks++; blanks >= tallBlank {
				return false
			}
			continue
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(text[i:])
			if !isEast(r) && !accented(r) && !punctuation(r) {
				return false
			}
			i += n - 1
		case c < ' ' || c == 0x7f:
			return false
		}
		blanks = 0
	}
	return true
}

// punctuation reports whether the character is a mark or a sign that nobody takes for a letter, and that has a width.
func punctuation(r rune) bool {
	return r >= 0xa1 && r < 0xc0 && r != 0xad || r >= 0x2010 && r <= 0x2027 || r >= 0x2030 && r <= 0x205e || r >= 0x20a0 && r <= 0x20bf || r >= 0x2100 && r <= 0x27bf ||
		r >= 0x3001 && r <= 0x3020 || r == 0xff0c || r == 0xff1a || r == 0xff08 || r == 0xff09 || r == 0xff1b || r == 0xff01 || r == 0xff1f
}

func look(text string) (s seen) {
	blanks, lines, selectors := 0, 0, 0
	var before rune
	for i, r := range text {
		if isEast(r) { // most of a text that has any
			s.runBlanks, s.runLines = max(s.runBlanks, blanks), max(s.runLines, lines)
			blanks, lines, selectors, before = 0, 0, 0, r
			continue
		}
		switch r {
		case ' ', '\t':
			blanks++
		case '\n', '\r':
			lines++
		default:
			s.runBlanks, s.runLines = max(s.runBlanks, blanks), max(s.runLines, lines)
			blanks, lines = 0, 0
		}
		if unicode.Is(unicode.Variation_Selector, r) {
			selectors++
			s.selectors++
			s.runSelectors = max(s.runSelectors, selectors)
		} else {
			selectors = 0
		}
		s.count(r, before, text[i:])
		if r != 0x200d {
			before = r
		}
	}
	s.mixed = mixed(text)
	return s
}

// flag is the black flag that tag characters make the flag of a region of.
const flag = 0x1f3f4

// count counts a character, with which the text begins.
func (s *seen) count(r, before rune, text string) {
	switch {
	case r >= ' ' && r < 0x7f:
	case r >= 0xe0020 && r <= 0xe007e:
		if before == flag || before >= 0xe0020 && before <= 0xe007e && s.tags == 0 { // a flag's
			return
		}
		s.tags++
		s.hidden = append(s.hidden, byte(r-0xe0000))
	case r == 0x202d || r == 0x202e:
		s.overrides++
	case r >= 0x2066 && r <= 0x2069:
		s.isolates++
	case r == 0x200b || r == 0x2060 || r == 0xfeff || r == 0x200c || r == 0x200d || r >= 0x2061 && r <= 0x2064:
		s.zero++
		if next, _ := utf8.DecodeRuneInString(text[utf8.RuneLen(r):]); isLatin(before) && isLatin(next) {
			s.inWord++
		}
	case r == 0x1b || r == 0x9b:
		s.escapes++
	case unicode.Is(unicode.Co, r):
		s.private++
	}
}

func isLatin(r rune) bool { return r < utf8.RuneSelf && (r|0x20 >= 'a' && r|0x20 <= 'z') }

// mixed returns the first word that is made of Latin letters and others that look like them; "" without one.
func mixed(text string) string {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isLatin(r) && (isEast(r) || !unicode.IsLetter(r)) }) {
		ascii, alike := 0, 0
		for _, r := range word {
			if isLatin(r) {
				ascii++
			} else if r > 0x24f && !isEast(r) {
				if _, ok := lookalikes[unicode.ToLower(r)]; ok {
					alike++
				}
			}
		}
		if ascii > 0 && alike > 0 && len(word) > 3 {
			return word
		}
	}
	return ""
}

// printable returns a text shortened to what a finding shows, without characters that do something.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() > maxEvidence {
			b.WriteString("…")
			break
		}
		if r == '\n' || r == '\t' {
			r = ' '
		}
		if !unicode.IsPrint(r) || invisible(r) {
			fmt.Fprintf(&b, "\\u{%x}", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
