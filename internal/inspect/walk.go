package inspect

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// most is how many findings are reported of one JSON value: after so many, more of them tell nothing.
const most = 64

// keep appends a finding. Where there are enough, one of a higher band takes the place of one of a lower.
func keep(all []trust.Finding, f trust.Finding) []trust.Finding {
	if len(all) < most {
		return append(all, f)
	}
	least := 0
	for i := range all {
		if all[i].Band < all[least].Band {
			least = i
		}
	}
	if all[least].Band < f.Band {
		all[least] = f
	}
	return all
}

// Subject finds what hides in the lists of a server: in its instructions, and in every text of its tools, prompts, resources and
// templates, down to the names of parameters and the values of enumerations. Icons are no texts. An element that is no valid JSON is left out.
func (d *Detector) Subject(s *trust.Subject) iter.Seq[trust.Finding] {
	return func(yield func(trust.Finding) bool) {
		for _, f := range d.Text(s.Instructions, Instructions, trust.Place{Server: s.Name, Kind: trust.KindInstructions}) {
			if !yield(f) {
				return
			}
		}
		for place, element := range elements(s) {
			for _, f := range d.JSON(element, Description, place) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// elements yields the elements of a server's lists with what they are called.
func elements(s *trust.Subject) iter.Seq2[trust.Place, []byte] {
	return func(yield func(trust.Place, []byte) bool) {
		for _, element := range s.Tools {
			if !yield(trust.Place{Server: s.Name, Kind: trust.KindTool, Name: member(element, "name")}, element) {
				return
			}
		}
		for _, element := range s.Prompts {
			if !yield(trust.Place{Server: s.Name, Kind: trust.KindPrompt, Name: member(element, "name")}, element) {
				return
			}
		}
		for _, element := range s.Resources {
			if !yield(trust.Place{Server: s.Name, Kind: trust.KindResource, Name: member(element, "uri")}, element) {
				return
			}
		}
		for _, element := range s.Templates {
			if !yield(trust.Place{Server: s.Name, Kind: trust.KindTemplate, Name: member(element, "uriTemplate")}, element) {
				return
			}
		}
	}
}

// member returns the text of a member of an object; "" without one.
func member(object []byte, name string) (text string) {
	w := walker{value: object}
	for at := range w.texts {
		if len(w.inside) == 1 && !at.name && wire.KeyEqual(w.inside[0].key, name) {
			text, _ = wire.Unquote(object[at.start-1 : at.end+1])
			break
		}
	}
	return text
}

// JSON finds what hides in the texts of a JSON value, the names of members among them. The place is that of the value: the pointer of a
// finding begins with the place's. Below inputSchema, outputSchema and arguments a [Description] is made of [Argument]s. Time is linear in
// the length of the value, which must be valid JSON: of anything else texts may be missed.
func (d *Detector) JSON(value []byte, kind Kind, where trust.Place) (all []trust.Finding) {
	w := walkers.Get().(*walker) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	w.value = value
	defer w.release()
	for at := range w.texts {
		text := value[at.start:at.end]
		if len(text) < shortestText || kind != Answer && w.icon() {
			continue
		}
		if bytes.IndexByte(text, '\\') >= 0 {
			w.plain = wire.AppendUnquoted(w.plain[:0], value[at.start-1:at.end+1])
			text = w.plain
		}
		if kind == Answer && d.passes(text) {
			continue
		}
		for _, f := range d.Text(string(text), w.kind(kind), where) {
			f.Where.Pointer = where.Pointer + w.pointer()
			all = keep(all, trust.Fingerprinted(f))
		}
	}
	return all
}

// shortestText is how long a text is at least in which something may hide, in bytes.
const shortestText = 12

// A walker goes through the texts of a JSON value without decoding it.
type walker struct {
	value  []byte
	inside []level // the arrays and objects around the text
	plain  []byte  // the text without escapes
}

// walkers are those that are not in use.
var walkers = sync.Pool{New: func() any { return new(walker) }}

func (w *walker) release() {
	const most = 64 << 10
	clear(w.inside[:cap(w.inside)])
	w.value, w.inside = nil, w.inside[:0]
	if cap(w.plain) > most {
		w.plain = nil
	}
	walkers.Put(w)
}

// A level is an array or an object that is open.
type level struct {
	array bool
	key   []byte // of the member, as it stands between its quotes
	index int    // of the element
}

// A span is one text between its quotes, or the name of a member.
type span struct {
	start, end int
	name       bool
}

// texts yields the texts in their order. While it does, inside tells where the text stands.
func (w *walker) texts(yield func(span) bool) {
	for i := 0; i < len(w.value); i++ {
		top := len(w.inside) - 1
		switch w.value[i] {
		case '{':
			w.inside = append(w.inside, level{})
		case '[':
			w.inside = append(w.inside, level{array: true})
		case '}', ']':
			if top < 0 {
				return
			}
			w.inside = w.inside[:top]
		case ',':
			if top >= 0 {
				w.inside[top].index++
			}
		case '"':
			at := span{start: i + 1, end: quoteEnd(w.value, i+1)}
			if at.end == len(w.value) {
				return
			}
			if top >= 0 && !w.inside[top].array && isKey(w.value, at.end+1) {
				w.inside[top].key, at.name = w.value[at.start:at.end], true
			}
			if !yield(at) {
				return
			}
			i = at.end
		}
	}
}

// quoteEnd returns where the text ends in which i stands: at its quote, or at the end of what is no JSON.
func quoteEnd(value []byte, i int) int {
	for i < len(value) {
		n := bytes.IndexByte(value[i:], '"')
		if n < 0 {
			break
		}
		back := bytes.IndexByte(value[i:i+n], '\\')
		if back < 0 {
			return i + n
		}
		i += back + 2
	}
	return len(value)
}

// isKey reports whether a colon follows.
func isKey(value []byte, i int) bool {
	for i < len(value) && (value[i] == ' ' || value[i] == '\n' || value[i] == '\t' || value[i] == '\r') {
		i++
	}
	return i < len(value) && value[i] == ':'
}

// below reports whether the text stands below a member of the outermost object with that name.
func (w *walker) below(name string) bool { return len(w.inside) > 1 && string(w.inside[0].key) == name }

func (w *walker) icon() bool { return w.below("icons") }

// kind returns what a text of an element of that kind is.
func (w *walker) kind(of Kind) Kind {
	if of == Description && (w.below("inputSchema") || w.below("outputSchema") || w.below("arguments")) {
		return Argument
	}
	return of
}

// pointer returns where the text stands, as a JSON Pointer (RFC 6901). The name of a member stands where its value does.
func (w *walker) pointer() string {
	var b strings.Builder
	for _, l := range w.inside {
		b.WriteByte('/')
		if l.array {
			b.WriteString(strconv.Itoa(l.index))
			continue
		}
		key := string(l.key)
		if strings.IndexByte(key, '\\') >= 0 {
			key = string(wire.AppendUnquoted(nil, []byte(`"`+key+`"`)))
		}
		b.WriteString(escapes.Replace(key))
	}
	return b.String()
}

// escapes are those of JSON Pointers.
var escapes = strings.NewReplacer("~", "~0", "/", "~1")
