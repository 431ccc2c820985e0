package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// loneSurrogate is what escaped returns for half of a surrogate pair. It is not a character.
const loneSurrogate rune = -1

// Unquote returns the Go string of a JSON string value, quotes included, that has been scanned. Lone surrogates become
// U+FFFD. It reports false if raw is not a string.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), true
	}
	return string(appendUnescaped(make([]byte, 0, len(raw)), raw)), true
}

// AppendUnquoted appends what Unquote returns: nothing if raw is not a string.
func AppendUnquoted(dst, raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return dst
	}
	return appendUnescaped(dst, raw[1:len(raw)-1])
}

// IsString reports whether raw, a JSON value that has been scanned, is the string s.
func IsString(raw []byte, s string) bool {
	return len(raw) >= 2 && raw[0] == '"' && raw[len(raw)-1] == '"' && KeyEqual(raw[1:len(raw)-1], s)
}

// KeyEqual reports whether a key, as it stands between its quotes, is name once unescaped. The key must have been scanned.
func KeyEqual(rawKey []byte, name string) bool {
	if len(rawKey) <= len(name) { // an escape is always longer than what it stands for
		return string(rawKey) == name
	}
	return bytes.IndexByte(rawKey, '\\') >= 0 && unescapedEqual(rawKey, name)
}

func unescapedEqual(raw []byte, name string) bool {
	for i := 0; i < len(raw); {
		if name == "" {
			return false
		}
		r, next := character(raw, i)
		want, size := utf8.DecodeRuneInString(name)
		if r != want {
			return false
		}
		i, name = next, name[size:]
	}
	return name == ""
}

// sameKeys reports whether two keys are equal once unescaped.
func sameKeys(a, b []byte) bool {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Equal(a, b)
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		var r, s rune
		r, i = character(a, i)
		s, j = character(b, j)
		if r != s {
			return false
		}
	}
	return i == len(a) && j == len(b)
}

// appendUnescaped appends what raw, the inside of a scanned string, stands for.
func appendUnescaped(dst, raw []byte) []byte {
	for len(raw) > 0 {
		n := bytes.IndexByte(raw, '\\')
		if n < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:n]...)
		r, next := character(raw, n)
		dst = utf8.AppendRune(dst, r)
		raw = raw[next:]
	}
	return dst
}

// character returns the character at i of raw, unescaped, and where the next one begins. Lone surrogates, and what the
// scanner would have refused, become U+FFFD.
func character(raw []byte, i int) (rune, int) {
	if raw[i] != '\\' {
		r, size := utf8.DecodeRune(raw[i:])
		return r, i + size
	}
	r, next := escaped(raw, i)
	if r == loneSurrogate {
		r = utf8.RuneError
	}
	return r, next
}

// escaped returns what the escape sequence at i of raw stands for, and where it ends. A pair of surrogates is one character.
func escaped(raw []byte, i int) (rune, int) {
	if i+1 == len(raw) {
		return utf8.RuneError, i + 1
	}
	switch c := raw[i+1]; c {
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		return escapedUnit(raw, i)
	default:
		return rune(c), i + 2
	}
}

// escapedUnit is escaped for the form \uXXXX.
func escapedUnit(raw []byte, i int) (rune, int) {
	r, ok := hex4(raw, i)
	if !ok {
		return utf8.RuneError, i + 2
	}
	i += len(`\u0000`)
	if !utf16.IsSurrogate(r) {
		return r, i
	}
	if low, ok := hex4(raw, i); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, i + len(`\u0000`)
		}
	}
	return loneSurrogate, i
}

// hex4 returns the value of the escape \uXXXX at i of raw; it reports false if there is none.
func hex4(raw []byte, i int) (rune, bool) {
	if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range raw[i+2 : i+6] {
		r <<= 4
		switch {
		case isDigit(c):
			r |= rune(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return r, true
}
