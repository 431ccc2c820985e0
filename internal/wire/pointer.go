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
// them. It takes the time of one walk to the byte.
func Locate(value []byte, at int) Place {
	l := locator{value: value, at: at}
	for i := 0; i < len(value) && i <= at; {
		var found bool
		if i, found = l.step(i); found {
			return l.place
		}
	}
	return Place{Value: Span{0, len(value)}}
}

// A locator walks to a byte.
type locator struct {
	value []byte
	at    int
	// open are the arrays and objects around the byte that it has come to.
	open  []container
	place Place
}

// A container is an array or object that is open.
type container struct {
	start, index int
	// key is the name of the member that it has come to, with its quotes; absent in an array. colon says that its value follows.
	key   Span
	array bool
	colon bool
}

// step looks at what begins at i. It returns where the next thing begins, or that the byte was found.
func (l *locator) step(i int) (next int, found bool) {
	c := l.value[i]
	if c == '{' || c == '[' {
		l.open = append(l.open, container{start: i, array: c == '['})
	}
	last := len(l.open) - 1
	switch c {
	case '{', '[', '}', ']', ',', ':', ' ', '\t', '\n', '\r':
		if i == l.at {
			l.around(i)
			return i, true
		}
		if last >= 0 {
			l.pass(c)
		}
		return i + 1, false
	}
	end := max(skip(l.value, i), i+1)
	name := last >= 0 && !l.open[last].array && !l.open[last].colon
	if name {
		l.open[last].key = Span{i, end}
	}
	if l.at < end {
		l.place = Place{Pointer: l.pointer(len(l.open)), Value: Span{i, end}, Name: name}
		return end, true
	}
	return end, false
}

// pass notes what stands between values, within the innermost container.
func (l *locator) pass(b byte) {
	last := len(l.open) - 1
	switch b {
	case '}', ']':
		l.open = l.open[:last]
	case ',':
		l.open[last].index++
		l.open[last].colon = false
	case ':':
		l.open[last].colon = true
	}
}

// around has the byte belong to the innermost container, or to the whole.
func (l *locator) around(i int) {
	if len(l.open) == 0 {
		l.place = Place{Value: Span{0, len(l.value)}}
		return
	}
	start := l.open[len(l.open)-1].start
	l.place = Place{Pointer: l.pointer(len(l.open) - 1), Value: Span{start, max(skip(l.value, start), i)}}
}

// pointer names what the outermost containers have come to.
func (l *locator) pointer(depth int) string {
	var b strings.Builder
	for _, c := range l.open[:depth] {
		if c.array {
			b.WriteString("/" + strconv.Itoa(c.index))
			continue
		}
		text, _ := Unquote(l.value[c.key.Start:c.key.End])
		b.WriteString("/" + pointerEscapes.Replace(text))
	}
	return b.String()
}
