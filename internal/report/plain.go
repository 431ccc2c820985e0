package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain returns a text in one line in which every character can be seen and does nothing: blanks for ends of lines and tabs, \u{…} for
// what steers terminals, has no width, or turns the direction of reading.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case visible(r):
			b.WriteRune(r)
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

// visible reports whether a character shows itself and nothing else. Marks over letters are needed by many languages; those that only
// choose a variant, and fillers, are not seen.
func visible(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r != 0x7f
	case r == utf8.RuneError:
		return true
	case r == 0x34f || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800:
		return false
	}
	return unicode.IsPrint(r) && !unicode.Is(unicode.Variation_Selector, r)
}

// columns returns how many columns of a terminal a text takes that is plain.
func columns(s string) (n int) {
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// wide are the ranges of characters that take two columns (Unicode, annex 11: wide and full width), as far as terminals agree on them.
var wide = [...][2]rune{
	{0x1100, 0x115f},
	{0x2e80, 0x303e},
	{0x3041, 0xa4cf},
	{0xa960, 0xa97c},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1faff},
	{0x20000, 0x3fffd},
}

func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	for _, in := range wide {
		if r >= in[0] && r <= in[1] {
			return 2
		}
	}
	return 1
}

// inert keeps CI systems from taking a part of a log for a command to them: "::" at the begin of a line is one for GitHub's, "##[" and
// "##vso[" anywhere are for Azure's.
var inert = strings.NewReplacer(" ::", ` \u{3a}:`, "##[", `##\u{5b}`, "##vso[", `##vso\u{5b}`)

// wrap returns a text, made plain, in lines of at most so many columns, parted at blanks where it can be.
func wrap(s string, width int) []string {
	var all []string
	line, used := "", 0
	for word := range strings.FieldsSeq(inert.Replace(" " + plain(s))) {
		need := columns(word)
		if used > 0 && used+1+need > width {
			all, line, used = append(all, line), "", 0
		}
		for need > width { // nothing before it on the line
			head := fit(word, width)
			all = append(all, head)
			word = strings.TrimSpace(inert.Replace(" " + word[len(head):])) // what begins a line now
			need = columns(word)
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+need
	}
	if line != "" {
		all = append(all, line)
	}
	return all
}

// fit returns as much of the begin of a text as so many columns hold, one character at least.
func fit(s string, width int) string {
	used := 0
	for i, r := range s {
		if used += columnsOf(r); used > width && i > 0 {
			return s[:i]
		}
	}
	return s
}
