package drift

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const (
	// maxWords is how many words of two texts are compared word by word, once what they begin and end with alike is left out.
	maxWords = 1200
	// around is how many unchanged words are shown beside those that have changed.
	around = 4
)

// wordDiff shows how a text differs from another: words that are gone as [-gone-], those that are new as {+new+}.
func wordDiff(was, is string) string {
	a, b := strings.Fields(was), strings.Fields(is)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	if head == len(a) && head == len(b) {
		return "differs in blanks only"
	}
	midA, midB := a[head:len(a)-tail], b[head:len(b)-tail]
	var w writer
	w.keep(a[:head], true, false)
	if len(midA) > maxWords || len(midB) > maxWords {
		fmt.Fprintf(&w.text, "[-%d words-] {+%d words: %s+}", len(midA), len(midB), shortened(Visible(strings.Join(midB, " "))))
	} else {
		w.compare(midA, midB)
	}
	w.keep(a[len(a)-tail:], false, true)
	return w.text.String()
}

// A writer writes a word diff.
type writer struct{ text strings.Builder }

func (w *writer) blank() {
	if w.text.Len() > 0 {
		w.text.WriteByte(' ')
	}
}

// keep writes words that stay, shortened to those beside a change. First and last say that nothing stands before or after them.
func (w *writer) keep(words []string, first, last bool) {
	if len(words) == 0 {
		return
	}
	before, after := around, around
	if first {
		before = 0
	}
	if last {
		after = 0
	}
	w.blank()
	if len(words) <= before+after+1 {
		w.text.WriteString(Visible(strings.Join(words, " ")))
		return
	}
	parts := []string{strings.Join(words[:before], " "), "…", strings.Join(words[len(words)-after:], " ")}
	w.text.WriteString(Visible(strings.TrimSpace(strings.Join(parts, " "))))
}

// compare writes how the words in the middle differ, by their longest common subsequence.
func (w *writer) compare(a, b []string) {
	length := make([][]int16, len(a)+1) // of that of a[i:] and b[j:]
	for i := range length {
		length[i] = make([]int16, len(b)+1)
	}
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		same, gone, come := i, i, j
		for same < len(a) && j+same-i < len(b) && a[same] == b[j+same-i] {
			same++
		}
		if same > i {
			w.keep(a[i:same], false, false)
			i, j = same, j+same-i
			continue
		}
		for (gone < len(a) || come < len(b)) && (gone == len(a) || come == len(b) || a[gone] != b[come]) {
			if come == len(b) || gone < len(a) && length[gone+1][come] >= length[gone][come+1] {
				gone++
			} else {
				come++
			}
		}
		w.mark("[-", a[i:gone], "-]")
		w.mark("{+", b[j:come], "+}")
		i, j = gone, come
	}
}

func (w *writer) mark(open string, words []string, end string) {
	if len(words) > 0 {
		w.blank()
		w.text.WriteString(open + Visible(strings.Join(words, " ")) + end)
	}
}

// Visible returns a text with what is not seen written out: \u{200B}. Line ends become blanks.
func Visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r != ' ' && (!unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r)) || r == '\u3164' || r == '\u115F' || r == '\u2800':
			fmt.Fprintf(&b, `\u{%X}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Spelled returns a name with the letters that are not what they may seem: reаd (а is U+0430).
func Spelled(name string) string {
	var odd []string
	for _, r := range name {
		if r > unicode.MaxASCII && unicode.IsPrint(r) && len(odd) < 5 {
			odd = append(odd, fmt.Sprintf("%c is U+%04X", r, r))
		}
	}
	if len(odd) == 0 {
		return Visible(name)
	}
	return Visible(name) + " (" + strings.Join(odd, ", ") + ")"
}
