package wire

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// The functions of this file walk bytes that a [Scanner] has accepted. They check nothing again: given anything else they
// end early, or yield parts that make no sense, but they neither panic nor loop.

// Members yields the members of an object: the key as it stands between its quotes, and the value. Of what is not an
// object it yields nothing. The slices alias object.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for m := range MemberSpans(object) {
			if !yield(object[m.Key.Start:m.Key.End], object[m.Value.Start:m.Value.End]) {
				return
			}
		}
	}
}

// MemberSpans yields where the members of an object lie, relative to object. Of what is not an object it yields nothing.
func MemberSpans(object []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		i := enter(object, '{')
		for i < len(object) {
			m := memberAt(object, i)
			if !m.Value.Ok() || !yield(m) {
				return
			}
			i = separator(object, m.Value.End)
		}
	}
}

// Elements yields the elements of an array. Of what is not an array it yields nothing. The slices alias array.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := enter(array, '[')
		for i < len(array) {
			end := skip(array, i)
			if end == i || !yield(array[i:end]) {
				return
			}
			i = separator(array, end)
		}
	}
}

// Get returns the value of a member of an object, nil if it is absent or object is not one. The name is compared with the
// unescaped keys. The result aliases object.
func Get(object []byte, name string) []byte {
	at := find(object, Span{0, len(object)}, name)
	if !at.Ok() {
		return nil
	}
	return object[at.Start:at.End]
}

// enter returns the offset of the first thing within the array or object b, len(b) if it does not begin with the bracket.
func enter(b []byte, bracket byte) int {
	i := blank(b, 0)
	if i == len(b) || b[i] != bracket {
		return len(b)
	}
	return blank(b, i+1)
}

// separator returns the offset behind the comma at or after i, len(b) if there is none.
func separator(b []byte, i int) int {
	i = blank(b, i)
	if i == len(b) || b[i] != ',' {
		return len(b)
	}
	return blank(b, i+1)
}

// memberAt returns the member whose key begins at i; its value is absent if there is none.
func memberAt(b []byte, i int) Member {
	if b[i] != '"' {
		return Member{}
	}
	end := skipString(b, i)
	colon := blank(b, end)
	if colon == len(b) || b[colon] != ':' {
		return Member{}
	}
	start := blank(b, colon+1)
	if value := skip(b, start); value > start {
		return Member{Span{i + 1, end - 1}, Span{start, value}}
	}
	return Member{}
}

// skip returns the offset behind the value that begins at i; i if none does.
func skip(b []byte, i int) int {
	if i == len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && b[i] != ',' && b[i] != ']' && b[i] != '}' && !isSpace(b[i]) {
		i++
	}
	return i
}

func skipNested(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return i
}

// skipString returns the offset behind the string whose opening quote stands at i.
func skipString(b []byte, i int) int {
	i = quoteOrBackslash(b, i+1)
	for i < len(b) {
		if b[i] == '"' {
			return i + 1
		}
		i = quoteOrBackslash(b, min(i+2, len(b)))
	}
	return i
}

// quoteOrBackslash returns the offset of the first of these from i on, len(b) if there is none. See ordinary.
func quoteOrBackslash(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		marks := ((quote-ones)&^quote | (backslash-ones)&^backslash) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// blank returns the offset of the first byte from i on that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}
