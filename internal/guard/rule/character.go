package rule

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// A Class is a sort of characters that people do not see, or see elsewhere than they stand.
type Class uint8

// The classes.
const (
	// Control are the control characters (C0, C1 and delete) but tab, line feed, carriage return, form feed and next line.
	Control Class = iota
	// Bidi are characters that change the direction of what follows, where they override it, do not end with the line, or end what has not
	// begun (UTS 55, section 3). Isolates and embeddings that are closed are writing.
	Bidi
	// Hidden is text that only a machine reads: Unicode tags, which are no flag, and selectors or invisible characters in rows.
	Hidden
	// Invisible are characters without width where neither a script nor an emoji needs them.
	Invisible
	// Surrogate is one half of a pair of surrogates.
	Surrogate
	// Classes is how many there are.
	Classes
)

// kinds are the names of the classes.
var kinds = [Classes]string{"control", "bidi", "hidden", "invisible", "surrogate"}

// Characters says what becomes of texts by the classes of the characters in them.
type Characters [Classes]Action

// messages say what is wrong with a text that has a character of a class.
var messages = [Classes]string{
	Control:   "has a control character (U+%04X)",
	Bidi:      "has a character that changes the direction of text (U+%04X)",
	Hidden:    "has text that only machines can read (U+%04X)",
	Invisible: "has an invisible character (U+%04X)",
}

// characters looks at each character of the text in buf, which begins at an offset of the value.
func (w *walker) characters(start int, name bool) {
	l := look{lenient: !w.shape.Strict}
	l.text(w.buf)
	for c, seen := range l.found {
		if seen == 0 {
			continue
		}
		action := w.shape.Characters[c]
		if name && w.shape.Strict && action == Flag && Class(c) == Invisible {
			action = Refuse
		}
		if action != Off {
			w.report.at(w.value, start, action, kinds[c], fmt.Sprintf(messages[c], seen-1))
		}
	}
}

// A look goes through the characters of one text.
type look struct {
	// lenient lets colours for terminals pass.
	lenient bool
	// found is the first character of each class and one more; zero where there is none.
	found [Classes]rune
	// before is the character before this one, row how many invisible ones stand in a row, chosen whether the last was a selector.
	before rune
	row    int
	chosen bool
	// embedded and isolated are the directions of this line that have not ended.
	embedded, isolated int
	opened             rune
}

// maxRow is how many invisible characters may stand in a row: more say something.
const maxRow = 5

func (l *look) note(c Class, r rune) {
	if l.found[c] == 0 {
		l.found[c] = r + 1
	}
}

// text looks at a text.
func (l *look) text(text []byte) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		next := text[i+size:]
		visible := false
		switch {
		case r < ' ' || r >= 0x7F && r <= 0x9F:
			size += l.control(r, next)
		case r < 0x7F:
			visible = true
		case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069:
			l.direction(r)
		case r >= 0xE0000 && r <= 0xE007F:
			l.note(Hidden, r)
		case isSelector(r):
			l.selector(r)
		case r == '\u2029':
			l.endLine()
		case isBlank(r):
			l.blank(r, next, i == 0)
		default:
			visible = true
			size += flag(r, next)
		}
		if visible {
			l.row, l.chosen = 0, false
		}
		l.before = r
		i += size
	}
	l.endLine()
}

// control looks at a control character, and returns how many bytes behind it belong to it.
func (l *look) control(r rune, next []byte) int {
	switch r {
	case '\n', '\r', 0x85:
		l.endLine()
	case '\t', '\f':
	case 0x1B:
		if n := colour(next); n > 0 && l.lenient {
			return n
		}
		l.note(Control, r)
	default:
		l.note(Control, r)
	}
	return 0
}

// colour returns how many bytes behind an escape choose how text looks on a terminal (ECMA-48, section 8.3.117), 0 if they do anything
// else. To conceal it is something else.
func colour(next []byte) int {
	const conceal = "8"
	if len(next) == 0 || next[0] != '[' {
		return 0
	}
	for i, c := range next[1:] {
		switch {
		case c == 'm' || c == 'K':
			for parameter := range bytes.FieldsFuncSeq(next[1:i+1], func(r rune) bool { return r == ';' || r == ':' }) {
				if string(parameter) == conceal && !bytes.Contains(next[1:i+1], []byte("38;")) && !bytes.Contains(next[1:i+1], []byte("48;")) {
					return 0
				}
			}
			return i + 2
		case (c < '0' || c > '9') && c != ';' && c != ':':
			return 0
		}
	}
	return 0
}

// direction looks at a character that begins or ends a direction.
func (l *look) direction(r rune) {
	open := &l.embedded
	if r >= 0x2066 {
		open = &l.isolated
	}
	switch r {
	case 0x202D, 0x202E:
		l.note(Bidi, r)
		*open++
	case 0x202C, 0x2069:
		if *open--; *open < 0 {
			l.note(Bidi, r)
			*open = 0
		}
	default:
		*open++
		l.opened = r
	}
}

// endLine ends a line, and with it all directions.
func (l *look) endLine() {
	if l.embedded+l.isolated > 0 {
		l.note(Bidi, l.opened)
	}
	l.embedded, l.isolated = 0, 0
}

func isSelector(r rune) bool {
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF || r >= 0x180B && r <= 0x180D || r == 0x180F
}

// selector looks at a variation selector, which chooses a form of the character before it. Another one behind it chooses nothing.
func (l *look) selector(r rune) {
	switch {
	case l.chosen:
		l.note(Hidden, r)
	case l.before <= ' ' || isBlank(l.before):
		l.note(Invisible, r)
	}
	l.chosen = true
}

// isBlank reports whether a character is not seen by itself.
func isBlank(r rune) bool {
	switch {
	case r >= 0x200B && r <= 0x200F, r >= 0x2060 && r <= 0x2064, r >= 0x206A && r <= 0x206F, r >= 0xFFF9 && r <= 0xFFFB:
		return true
	}
	switch r {
	case 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x180E, 0x3164, 0xFEFF, 0xFFA0:
		return true
	}
	return false
}

// blank looks at an invisible character, with what follows it.
func (l *look) blank(r rune, next []byte, first bool) {
	after, _ := utf8.DecodeRune(next)
	if l.row++; l.row > maxRow {
		l.note(Hidden, r)
		return
	}
	needed := false
	switch r {
	case 0x200E, 0x200F, 0x61C: // marks that say on which side something stands
		needed = true
	case 0x200D:
		needed = isEmoji(l.before) && isEmoji(after) || joins(l.before) || joins(after)
	case 0x200C:
		needed = joins(l.before) || joins(after)
	case 0x200B:
		needed = breaks(l.before) || breaks(after)
	case 0xFEFF:
		needed = first
	case 0x115F, 0x1160:
		needed = isJamo(l.before) || isJamo(after)
	}
	if !needed {
		l.note(Invisible, r)
	}
}

// joins reports whether a character is of a script whose letters join, so that joiners are part of its spelling.
func joins(r rune) bool {
	return (r >= 0x0590 && r < 0x1100 || r >= 0x1200 && r <= 0x1CFF || r >= 0xA800 && r <= 0xABFF || r >= 0xFB1D && r <= 0xFDFF ||
		r >= 0x10A00 && r <= 0x11FFF || r >= 0x1E900 && r <= 0x1E95F) && (unicode.IsLetter(r) || unicode.IsMark(r))
}

// breaks reports whether a character is of a script without spaces, whose words end where nobody sees it.
func breaks(r rune) bool {
	return r >= 0x0E00 && r <= 0x109F || r >= 0x1780 && r <= 0x17FF || r >= 0x1950 && r <= 0x1AAF || r >= 0xA9E0 && r <= 0xAADF
}

func isJamo(r rune) bool {
	return r >= 0x1100 && r <= 0x11FF || r >= 0xA960 && r <= 0xA97F || r >= 0xD7B0 && r <= 0xD7FF
}

// isEmoji reports whether a character can be a part of an emoji sequence (UTS 51).
func isEmoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2190 && r <= 0x2BFF, r == 0xFE0F, r == 0x20E3, r == 0xE007F:
		return true
	}
	switch r {
	case 0xA9, 0xAE, 0x203C, 0x2049, 0x2122, 0x2139, 0x3030, 0x303D, 0x3297, 0x3299:
		return true
	}
	return false
}

// flag returns how many bytes of tags behind a black flag name a region, 0 if they do not or it is none (UTS 51, annex C).
func flag(r rune, next []byte) int {
	const blackFlag, least, most = 0x1F3F4, 3, 6
	if r != blackFlag {
		return 0
	}
	for i, n := 0, 0; i < len(next); n++ {
		tag, size := utf8.DecodeRune(next[i:])
		i += size
		switch {
		case tag == 0xE007F && n >= least:
			return i
		case n == most || (tag < 0xE0030 || tag > 0xE0039) && (tag < 0xE0061 || tag > 0xE007A):
			return 0
		}
	}
	return 0
}
