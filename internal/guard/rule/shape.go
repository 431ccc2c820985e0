package rule

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Sizes bound a value; zero does not.
type Sizes struct {
	// Text and Name are how many bytes a text and the name of a member may have, unescaped; Number how many characters a number.
	Text, Name, Number int
	// Array and Members are how many elements an array and how many members an object may have.
	Array, Members int
	// Depth is how deep arrays and objects may nest: an empty one is one deep.
	Depth int
}

// A Shape is what every part of a value must be like. It may be used concurrently.
type Shape struct {
	Sizes Sizes
	// Characters says what becomes of texts with characters of each class.
	Characters Characters
	// Strict is for what clients send: nothing invisible may stand in the names of members, and nothing is said to terminals. What servers
	// answer may have colours.
	Strict bool
}

// Check takes into the report what a value has wrong.
func (s *Shape) Check(value []byte, report *Report) {
	w := walkers.Get().(*walker) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	w.shape, w.value, w.report = s, value, report
	w.any(w.blank(0), 1)
	w.release()
}

// A walker goes through a value once. It trusts that the value has been scanned: given anything else it ends early.
type walker struct {
	shape  *Shape
	value  []byte
	report *Report
	// buf holds a text unescaped.
	buf []byte
}

// walkers are those that are not in use.
var walkers = sync.Pool{New: func() any { return new(walker) }}

func (w *walker) release() {
	const most = 1 << 20
	buf := w.buf[:0]
	if cap(buf) > most {
		buf = nil
	}
	*w = walker{buf: buf}
	walkers.Put(w)
}

func (w *walker) at(i int) byte {
	if i < len(w.value) {
		return w.value[i]
	}
	return 0
}

// blank returns the offset of what is no white space, from i on.
func (w *walker) blank(i int) int {
	for i < len(w.value) && (w.value[i] == ' ' || w.value[i] == '\n' || w.value[i] == '\r' || w.value[i] == '\t') {
		i++
	}
	return i
}

// any looks at the value that begins at i, and returns where it ends.
func (w *walker) any(i, depth int) int {
	switch w.at(i) {
	case '"':
		return w.text(i, false)
	case '{':
		return w.object(i, depth)
	case '[':
		return w.array(i, depth)
	}
	start := i
	for i < len(w.value) && w.value[i] != ',' && w.value[i] != ']' && w.value[i] != '}' && w.value[i] > ' ' {
		i++
	}
	if most := w.shape.Sizes.Number; most > 0 && i-start > most {
		w.size(start, i-start, most, "characters of a number")
	}
	return i
}

// size notes that something is too large.
func (w *walker) size(at, got, most int, what string) {
	w.report.at(w.value, at, Refuse, "size", fmt.Sprintf("has %d %s, may have %d", got, what, most))
}

// deep notes what nests too deep, once for each part that does.
func (w *walker) deep(i, depth int) {
	if most := w.shape.Sizes.Depth; most > 0 && depth == most+1 {
		w.report.at(w.value, i, Refuse, "size", fmt.Sprintf("nests deeper than %d", most))
	}
}

func (w *walker) object(i, depth int) int {
	w.deep(i, depth)
	start, members := i, 0
	for i = w.blank(i + 1); w.at(i) == '"'; i = w.blank(i + 1) {
		members++
		if i = w.blank(w.text(i, true)); w.at(i) != ':' {
			break
		}
		if i = w.blank(w.any(w.blank(i+1), depth+1)); w.at(i) != ',' {
			break
		}
	}
	if most := w.shape.Sizes.Members; most > 0 && members > most {
		w.size(start, members, most, "members")
	}
	return i + 1
}

func (w *walker) array(i, depth int) int {
	w.deep(i, depth)
	start, elements := i, 0
	for i = w.blank(i + 1); i < len(w.value) && w.at(i) != ']'; i = w.blank(i + 1) {
		elements++
		if i = w.blank(w.any(i, depth+1)); w.at(i) != ',' {
			break
		}
	}
	if most := w.shape.Sizes.Array; most > 0 && elements > most {
		w.size(start, elements, most, "elements")
	}
	return i + 1
}

// text looks at the text, or the name, whose quote stands at i, and returns where it ends.
func (w *walker) text(i int, name bool) int {
	start := i + 1
	end := ordinary(w.value, start)
	odd := false
	if w.at(end) != '"' {
		end, odd = w.rest(end)
	}
	after := min(end+1, len(w.value))
	most := w.shape.Sizes.Text
	if name {
		most = w.shape.Sizes.Name
	}
	long := most > 0 && end-start > most // as it is written
	if !long && !odd {
		return after
	}
	w.buf = wire.AppendUnquoted(w.buf[:0], w.value[i:after])
	if long && len(w.buf) > most {
		w.size(start, len(w.buf), most, "bytes")
	}
	if odd {
		w.characters(start, name)
	}
	return after
}

// rest reads on in a text that has something else than plain ASCII at i. It returns where the text ends, and whether something in it is
// worth a look at each character.
func (w *walker) rest(i int) (end int, odd bool) {
	for i < len(w.value) && w.value[i] != '"' {
		switch c := w.value[i]; {
		case c == '\\':
			n, suspect := w.escape(i)
			i, odd = i+n, odd || suspect
		case c >= 0xC0:
			n := sequence(c)
			odd = odd || suspicious(w.value[i:min(i+n, len(w.value))])
			i += n
		case c < ' ' || c >= 0x7F:
			odd = true
			i++
		default:
			i = ordinary(w.value, i+1)
		}
	}
	return min(i, len(w.value)), odd
}

// sequence is how many bytes the character has that begins with c.
func sequence(c byte) int {
	switch {
	case c < 0xE0:
		return 2
	case c < 0xF0:
		return 3
	}
	return 4
}

// suspicious reports whether a character beyond ASCII may be one of those that are looked for.
func suspicious(b []byte) bool {
	if len(b) < sequence(b[0]) { // it is cut off
		return true
	}
	switch b[0] {
	case 0xC2: // C1 controls, soft hyphen
		return b[1] < 0xA0 || b[1] == 0xAD
	case 0xCD: // combining grapheme joiner
		return b[1] == 0x8F
	case 0xD8: // Arabic letter mark
		return b[1] == 0x9C
	case 0xE1: // fillers and selectors of Hangul and Mongolian
		return b[1] == 0x85 || b[1] == 0xA0
	case 0xE2: // general punctuation: widths, joiners, directions
		return b[1] == 0x81 && b[2] >= 0xA0 || b[1] == 0x80 && (b[2] >= 0x8B && b[2] <= 0x8F || b[2] >= 0xAA && b[2] <= 0xAE)
	case 0xE3: // Hangul filler
		return b[1] == 0x85 && b[2] == 0xA4
	case 0xEF: // variation selectors, byte order mark, half-width filler, annotations
		return b[1] == 0xB8 && b[2] <= 0x8F || b[1] >= 0xBB
	case 0xF3: // tags, and more selectors
		return true
	}
	return false
}

// escape returns how long the escape at i is, and whether what it stands for is worth a look. Half of a pair of surrogates is noted.
func (w *walker) escape(i int) (n int, suspect bool) {
	const unit = len(`\u0000`)
	switch w.at(i + 1) {
	case 'u':
	case 'b':
		return 2, true
	default:
		return 2, false
	}
	r := hex4(w.value, i)
	switch {
	case r < 0xD800 || r > 0xDFFF:
		return unit, r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' || r >= 0x7F
	case r < 0xDC00:
		if low := hex4(w.value, i+unit); low >= 0xDC00 && low <= 0xDFFF {
			return 2 * unit, r >= 0xDB40
		}
	}
	w.report.at(w.value, i, w.shape.Characters[Surrogate], kinds[Surrogate], "has one half of a pair of surrogates")
	return unit, false
}

// hex4 returns what \uXXXX at i stands for, -1 if there is no such thing.
func hex4(b []byte, i int) (r rune) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return -1
	}
	for _, c := range b[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ordinary returns the offset of the first byte from i on that is a quote, a backslash, a control character or beyond ASCII; len(b) if
// there is none. It looks at eight bytes at a time: a subtraction that borrows marks a byte by its highest bit. Only the lowest mark is
// sure, and only that one is used.
func ordinary(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if marks := (w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | ((w ^ ones*0x7F) - ones)) & highs; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < 0x7F && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}
