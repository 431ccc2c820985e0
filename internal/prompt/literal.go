package prompt

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// number reads a number: 12, 1_000, 0x1f, 1.5, 2e-3.
func (s *scanner) number(rest string) (token, error) {
	t := token{kind: kindNumber, offset: s.pos}
	isItem := s.pos > 0 && s.text[s.pos-1] == '.' // x.0.1 reads two items
	length, isFloat := digits(rest), false
	hasBase := len(rest) > 1 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0
	if hasBase {
		length = 2 + len(rest[2:]) - len(strings.TrimLeft(rest[2:], "0123456789abcdefABCDEF_"))
	} else if !isItem {
		if more := digits(rest[min(length+1, len(rest)):]); more > 0 && rest[length] == '.' {
			length, isFloat = length+1+more, true
		}
		if more := exponent(rest[length:]); more > 0 {
			length, isFloat = length+more, true
		}
	}
	s.pos += length
	written := rest[:length]
	if isFloat {
		// What is out of range is infinite, as in Python.
		f, _ := strconv.ParseFloat(strings.ReplaceAll(written, "_", ""), 64)
		t.v = f
		return t, nil
	}
	if len(written) > value.MaxDigits {
		return t, s.faultAt(t.offset, "use a smaller one", "the number has more than %d digits", value.MaxDigits)
	}
	n, ok := new(big.Int).SetString(written, 0)
	if isOctal := !hasBase && written[0] == '0' && n != nil && n.Sign() != 0; !ok || isOctal {
		return t, s.faultAt(t.offset, "write it without a leading 0", "%q is not a number", written[:min(len(written), 20)])
	}
	t.v = value.Shrink(n)
	return t, nil
}

// digits returns the length of the digits that text begins with. A single _
// may stand between two of them.
func digits(text string) int {
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			n = i + 1
		case c != '_' || n != i:
			return n
		}
	}
	return n
}

// exponent returns the length of the exponent that text begins with, or 0.
func exponent(text string) int {
	if text == "" || text[0] != 'e' && text[0] != 'E' {
		return 0
	}
	sign := 1
	if len(text) > 1 && (text[1] == '+' || text[1] == '-') {
		sign = 2
	}
	if n := digits(text[sign:]); n > 0 {
		return sign + n
	}
	return 0
}

// quoted reads a string with the escapes of Python.
func (s *scanner) quoted(rest string) (token, error) {
	t := token{kind: kindString, offset: s.pos}
	end := 1
	for ; ; end++ {
		next := strings.IndexAny(rest[min(end, len(rest)):], `\`+rest[:1])
		if next < 0 {
			return t, s.faultAt(t.offset, "end it with "+rest[:1], "the string has no end")
		}
		end += next
		if rest[end] != '\\' {
			break
		}
		end++
	}
	s.pos += end + 1
	text := rest[1:end]
	if !strings.Contains(text, `\`) {
		t.v = text
		return t, nil
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			break
		}
		written, length, ok := unescape(after)
		if !ok {
			offset := t.offset + 1 + len(rest[1:end]) - len(after) - 1
			return t, s.faultAt(offset, `write \\ for a backslash, \u20ac or \U0001f600 for a character`, "an escape that stands for no character")
		}
		b.WriteString(written)
		text = after[length:]
	}
	t.v = b.String()
	return t, nil
}

// plainEscapes are the escapes of one character, each followed by what it
// stands for.
const plainEscapes = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v"

// unescape returns what the escape stands for that text follows the backslash
// of, and its length. An unknown one stands for itself.
func unescape(text string) (written string, length int, ok bool) {
	c := text[0]
	switch {
	case c == '\n':
		return "", 1, true
	case c == 'x':
		return escaped(text, 1, 2, 16)
	case c == 'u':
		return escaped(text, 1, 4, 16)
	case c == 'U':
		return escaped(text, 1, 8, 16)
	case c == 'N':
		return "", 0, false
	case c >= '0' && c <= '7':
		n := 1
		for n < 3 && n < len(text) && text[n] >= '0' && text[n] <= '7' {
			n++
		}
		return escaped(text, 0, n, 8)
	}
	for i := 0; i < len(plainEscapes); i += 2 {
		if plainEscapes[i] == c {
			return plainEscapes[i+1 : i+2], 1, true
		}
	}
	return `\`, 0, true
}

// escaped reads the n digits of an escape.
func escaped(text string, from, n, base int) (written string, length int, ok bool) {
	if len(text) < from+n {
		return "", 0, false
	}
	code, err := strconv.ParseUint(text[from:from+n], base, 32)
	if err != nil || !utf8.ValidRune(rune(code)) { //nolint:gosec // 32 bits fit; what is too large is no rune
		return "", 0, false
	}
	return string(rune(code)), from + n, true //nolint:gosec // see above
}
