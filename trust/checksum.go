// Package trust is the public vocabulary of what is known of servers and their tools. It does no I/O.
package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// Checksum returns the checksum of a JSON document, such as a tool's schema: the SHA-256, in lower-case hex, of what Python's
// json.dumps(document, sort_keys=True) writes (design of the dialect; seed, section 5.7). So keys stand in the order of their code
// points at every level, separators are ", " and ": ", what is not ASCII is escaped, integers keep all their digits, and other numbers
// are written as Python's repr of the nearest double. Of members that stand twice the last counts, as for Python.
//
// The error says where the document is not JSON, or nests deeper than 512.
func Checksum(document []byte) (string, error) {
	text, err := AppendPython(nil, document)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// AppendPython appends a JSON document as Python's json.dumps(document, sort_keys=True) writes it.
func AppendPython(dst, document []byte) ([]byte, error) {
	v, err := parse(document)
	if err != nil {
		return nil, err
	}
	return v.append(dst, false), nil
}

// maxDepth is how deep a document may nest.
const maxDepth = 512

// A value is one JSON value. Exactly one of the fields is in use: list and members are nil unless it is an array or an object.
type value struct {
	literal []byte // null, true, false, or a number as it was written
	text    []byte // a string, decoded; lone surrogates as three bytes, so that order by bytes is order by code points
	kind    byte   // of the value: 'l', 's', '[' or '{'
	list    []value
	members []member
}

type member struct {
	name []byte
	value
}

// append appends the value as Python writes it; exact as [Digest] says.
func (v *value) append(dst []byte, exact bool) []byte {
	switch v.kind {
	case 's':
		return appendASCII(dst, v.text)
	case '[':
		dst = append(dst, '[')
		for i := range v.list {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = v.list[i].append(dst, exact)
		}
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		members := v.sorted()
		if !exact {
			members = last(members)
		}
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(appendASCII(dst, m.name), ": "...)
			dst = m.append(dst, exact)
		}
		return append(dst, '}')
	}
	if exact && !survives(v.literal) {
		return append(dst, v.literal...)
	}
	return appendNumber(dst, v.literal)
}

// sorted returns the members by name; those with the same name as they stand in the document.
func (v *value) sorted() []member {
	sorted := slices.Clone(v.members)
	slices.SortStableFunc(sorted, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	return sorted
}

// last leaves of sorted members with the same name the last.
func last(sorted []member) []member {
	kept := sorted[:0]
	for i, m := range sorted {
		if i+1 == len(sorted) || !bytes.Equal(m.name, sorted[i+1].name) {
			kept = append(kept, m)
		}
	}
	return kept
}

// appendASCII appends a string in which everything but visible ASCII is escaped.
func appendASCII(dst, text []byte) []byte {
	dst = append(dst, '"')
	for len(text) > 0 {
		r, size := decode(text)
		text = text[size:]
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r <= '~':
			dst = append(dst, byte(r))
		case strings.ContainsRune("\n\r\t\f\b", r):
			dst = append(dst, '\\', "btnvfr"[r-'\b'])
		case r > 0xffff:
			r -= 0x10000
			dst = appendUnit(appendUnit(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			dst = appendUnit(dst, r)
		}
	}
	return append(dst, '"')
}

func appendUnit(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// decode returns the first code point of text, a lone surrogate among them.
func decode(text []byte) (r rune, size int) {
	const first, lowest = 0xed, 0xa0 // of the three bytes of a surrogate
	if len(text) >= 3 && text[0] == first && text[1] >= lowest {
		return rune(text[0]&0x0f)<<12 | rune(text[1]&0x3f)<<6 | rune(text[2]&0x3f), 3
	}
	return utf8.DecodeRune(text)
}
