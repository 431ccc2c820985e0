package answers

import (
	"bytes"
	"strings"

	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// mark stands in the place of what was taken out. It is a statement, and orders nothing.
const mark = "[a part of this text was removed by Sumun]"

// without returns a JSON value without the parts of its texts in which something is found, nil if something is found even then: in the
// name of a member, which cannot be taken out.
func (a *Answers) without(value []byte) []byte {
	var patches []wire.Patch
	for at := range texts(value) {
		text, _ := wire.Unquote(value[at.Start:at.End])
		if rest := a.rest(text); rest != text {
			patches = append(patches, wire.Patch{Span: at, With: wire.AppendQuote(nil, rest)})
		}
	}
	value = a.unjoined(wire.AppendPatched(nil, value, patches...))
	if len(likely(a.Detector.JSON(value, inspect.Answer, trust.Place{}))) > 0 || a.together(value, trust.Place{}) != nil {
		return nil
	}
	return value
}

// rest returns a text without the parts in which something is found: sentences where that is enough, else paragraphs, else all.
func (a *Answers) rest(text string) string {
	if a.harmless(text) {
		return text
	}
	whole := marked
	for _, less := range []func(string) string{a.paragraph, whole} {
		var kept strings.Builder
		for paragraph := range strings.SplitAfterSeq(text, "\n\n") {
			if !a.harmless(paragraph) {
				paragraph = less(paragraph)
			}
			kept.WriteString(paragraph)
		}
		if rest := kept.String(); a.harmless(rest) {
			return rest
		}
	}
	return mark
}

// maxTogether is how many sentences are looked at together: an order may need more than one.
const maxTogether = 3

// paragraph returns a paragraph without the fewest sentences in a row in which something is found, again and again until there are none.
func (a *Answers) paragraph(text string) string {
	parts := sentences(text)
	if len(parts) > maxSentences {
		return marked(text)
	}
	for n := 1; n <= maxTogether; n++ {
		for i := 0; i+n <= len(parts); i++ {
			if a.harmless(strings.Join(parts[i:i+n], "")) {
				continue
			}
			last := parts[i+n-1]
			clear(parts[i : i+n])
			parts[i] = marked(last)
		}
	}
	if rest := strings.Join(parts, ""); a.harmless(rest) {
		return rest
	}
	return marked(text)
}

// maxSentences is how many sentences of a paragraph are looked at one by one, so that time stays linear in what is read.
const maxSentences = 2000

// marked returns the mark with the blanks that the text which it stands for ends with.
func marked(text string) string { return mark + text[len(strings.TrimRight(text, " \n")):] }

// sentences parts a text behind line breaks, and behind marks that end a sentence and have a blank after them. Joined they are the text.
func sentences(text string) (parts []string) {
	begin := 0
	for i, r := range text {
		switch r {
		case '\n', '。', '！', '？':
		case '.', '!', '?', ';', ':':
			if i+1 < len(text) && text[i+1] != ' ' && text[i+1] != '\n' {
				continue
			}
		default:
			continue
		}
		end := i + len(string(r))
		if end < len(text) && text[end] == ' ' {
			end++
		}
		parts = append(parts, text[begin:end])
		begin = end
	}
	if begin < len(text) {
		parts = append(parts, text[begin:])
	}
	return parts
}

// harmless reports whether nothing is found in a text.
func (a *Answers) harmless(text string) bool {
	return strings.TrimSpace(text) == "" || len(likely(a.Detector.Text(text, inspect.Answer, trust.Place{}))) == 0
}

// texts yields where the strings of a JSON value lie that has been scanned, quotes included, without the names of members.
func texts(value []byte) func(yield func(wire.Span) bool) {
	return func(yield func(wire.Span) bool) {
		for at := range strs(value) {
			if next := bytes.TrimLeft(value[at.End:], " \t\r\n"); len(next) > 0 && next[0] == ':' {
				continue
			}
			if !yield(at) {
				return
			}
		}
	}
}

// strs yields where the strings of a JSON value lie, the names of members among them.
func strs(value []byte) func(yield func(wire.Span) bool) {
	return func(yield func(wire.Span) bool) {
		for i := 0; i < len(value); {
			open := bytes.IndexByte(value[i:], '"')
			if open < 0 {
				return
			}
			at := wire.Span{Start: i + open, End: end(value, i+open+1)}
			if i = at.End; !yield(at) {
				return
			}
		}
	}
}

// end returns where a string ends, behind its quote, of which i is a byte behind the first quote.
func end(value []byte, i int) int {
	for i < len(value) {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
		i++
	}
	return len(value)
}
