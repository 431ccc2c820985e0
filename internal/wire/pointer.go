package wire

import (
	"strconv"
	"strings"
)

// A Place is where a byte of a JSON value stands.
type Place struct {
	// Pointer is the JSON Pointer (RFC 6901) of the member, the element or the whole that has the byte. It is text by a stranger.
	Pointer string
	// Value is that value, quotes included; in the name of a member, the name with its quotes.
	Value Span
	// Name says that the byte stands in the name of the member that Pointer names.
	Name bool
}

// pointerEscapes are those of RFC 6901, section 3.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Locate returns where the byte at an offset of a scanned JSON value stands. A byte between values belongs to the array or object around
// them.
func Locate(value []byte, at int) Place {
	p := Place{Value: Span{0, len(value)}}
	var b strings.Builder
	for deeper := true; deeper && !p.Name; {
		deeper = p.descend(value, at, &b)
	}
	p.Pointer = b.String()
	return p
}

// descend goes on to the part of p's value that has the byte, and reports whether there is one.
func (p *Place) descend(value []byte, at int, pointer *strings.Builder) bool {
	base, inside := p.Value.Start, value[p.Value.Start:p.Value.End]
	for m := range MemberSpans(inside) {
		name := Span{base + m.Key.Start - 1, base + m.Key.End + 1}
		part := Span{base + m.Value.Start, base + m.Value.End}
		if at >= part.End {
			continue
		}
		if at < name.Start || name.End <= at && at < part.Start {
			return false
		}
		text, _ := Unquote(value[name.Start:name.End])
		pointer.WriteString("/" + pointerEscapes.Replace(text))
		p.Value, p.Name = part, at < name.End
		if p.Name {
			p.Value = name
		}
		return true
	}
	return p.descendArray(value, at, pointer)
}

func (p *Place) descendArray(value []byte, at int, pointer *strings.Builder) bool {
	array := value[p.Value.Start:p.Value.End]
	for i, n := enter(array, '['), 0; i < len(array); n++ {
		end := skip(array, i)
		part := Span{p.Value.Start + i, p.Value.Start + end}
		switch {
		case end == i || at < part.Start:
			return false
		case at < part.End:
			pointer.WriteString("/" + strconv.Itoa(n))
			p.Value = part
			return true
		}
		i = separator(array, end)
	}
	return false
}
