package record

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What stands on record was said by anybody: names, errors, what clients call themselves.
// Wherever it is written as text, no part of it may look like a line or a column of ours,
// or do something to a terminal: control characters, line breaks of all kinds, escape
// sequences, characters that turn the direction of text round.

// visible returns s on one line, with a replacement for each character that cannot be seen.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// word returns s as one column of a line: two spaces are what separates columns.
func word(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }

// A jsonWriter writes JSON documents, a line each, in which everything that cannot be seen
// is escaped, so that they mean what they did.
type jsonWriter struct {
	to  io.Writer
	buf bytes.Buffer
}

// Encode writes v as one line.
func (w *jsonWriter) Encode(v any) error {
	w.buf.Reset()
	lines := json.NewEncoder(&w.buf)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(v); err != nil {
		return err
	}
	_, err := w.to.Write(escaped(w.buf.Bytes()))
	return err
}

// escaped returns JSON with escapes in the place of characters beyond ASCII that cannot be
// seen; those of ASCII are escaped already, but for DEL.
func escaped(text []byte) []byte {
	seen := func(r rune) bool { return r < 0x7f || unicode.IsPrint(r) }
	if bytes.IndexFunc(text, func(r rune) bool { return !seen(r) }) < 0 {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		switch {
		case seen(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		default:
			b = appendUnit(b, r)
		}
	}
	return b
}

func appendUnit(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
