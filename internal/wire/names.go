package wire

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// names is a small set of member names that must be spelled exactly. Names lie by their length in bytes, so that a look-up
// compares with one or two of them.
type names struct{ exact, folded [][]string }

func newNames(list ...string) *names {
	n := new(names)
	for _, name := range list {
		n.exact = addByLength(n.exact, name)
		n.folded = addByLength(n.folded, Fold(name))
	}
	return n
}

func addByLength(lists [][]string, name string) [][]string {
	for len(lists) <= len(name) {
		lists = append(lists, nil)
	}
	lists[len(name)] = append(lists[len(name)], name)
	return lists
}

func hasByLength(lists [][]string, name []byte) bool {
	return len(name) < len(lists) &&
		slices.ContainsFunc(lists[len(name)], func(s string) bool { return s == string(name) })
}

// checkName notes a fault if the key is not one of the names but would be taken for one by a decoder that ignores case or,
// looking at bytes, would not be taken for one because of escapes. It leaves the folded key in
// p.buf if it is none of the names.
func (p *pass) checkName(n *names, key Span) {
	raw := p.data[key.Start:key.End]
	if hasByLength(n.exact, raw) {
		return
	}
	p.buf = appendFolded(p.buf[:0], raw, len(n.folded))
	if hasByLength(n.folded, p.buf) {
		p.fault(key.Start, "member "+shown(raw)+" is another spelling of "+shown(p.buf))
	}
}

// appendFolded appends the folded form of raw, the inside of a scanned string, until it has reached a length of most.
func appendFolded(dst, raw []byte, most int) []byte {
	for i := 0; i < len(raw) && len(dst) < most; {
		var r rune
		r, i = character(raw, i)
		dst = utf8.AppendRune(dst, foldRune(r))
	}
	return dst
}

// Fold returns the form of s in which names that differ only by case are equal: Fold(a) == Fold(b) if and only if
// strings.EqualFold(a, b), for valid UTF-8. It is Unicode's simple case folding, so the Kelvin sign is a k and the long s an s.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return foldSlow(s)
		}
	}
	return s
}

func foldSlow(s string) string {
	folded := make([]byte, 0, len(s))
	for _, r := range s {
		folded = utf8.AppendRune(folded, foldRune(r))
	}
	return string(folded)
}

// foldRune returns one character for all that differ by case only: the least of them, as a small letter if that is ASCII.
func foldRune(r rune) rune {
	least := r
	if r >= utf8.RuneSelf {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
