package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text reads on within a string, to the end of it. i need not be where it begins: most strings have nothing special in
// them, and the caller has seen so and come to the end already.
func (p *pass) text(i int) int {
	for {
		i = ordinary(p.data, i)
		switch c := p.at(i); {
		case i >= len(p.data):
			return p.fail(i, "it ends within a string")
		case c == '"':
			return i + 1
		case c == '\\':
			i = p.escape(i)
		case c < ' ':
			return p.fail(i, "a control character stands in a string")
		default:
			i = p.runes(i)
		}
		if i == failed {
			return failed
		}
	}
}

// runes reads characters beyond ASCII.
func (p *pass) runes(i int) int {
	for i < len(p.data) && p.data[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(p.data[i:])
		if r == utf8.RuneError && size == 1 {
			return p.fail(i, "it is not UTF-8")
		}
		i += size
	}
	return i
}

// escape reads an escape sequence, from its backslash on.
func (p *pass) escape(i int) int {
	switch p.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + len(`\n`)
	case 'u':
		if _, ok := hex4(p.data, i); !ok {
			return p.fail(i, `four hexadecimal digits were expected after \u`)
		}
		r, end := escaped(p.data, i)
		if r == loneSurrogate && !p.rules.loneSurrogates {
			p.fault(i, "an escape is one half of a surrogate pair")
		}
		return end
	default:
		return p.fail(i, "no such escape in a string")
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ordinary returns the offset of the first byte from i on that a string cannot simply pass over: a quote, a backslash, a
// control character or one beyond ASCII; len(b) if there is none.
//
// It looks at eight bytes at a time. A byte is marked, by its highest bit, if it is beyond ASCII or if a subtraction
// borrows: below ' ' minus ' ', and 0 minus 1, where 0 is what is left of the byte that is looked for. A borrow can run
// on into the bytes above, so only the lowest mark is sure, and only that one is used.
func ordinary(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		marks := (w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}
