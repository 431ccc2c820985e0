// Package wire handles the bytes of JSON-RPC messages: it scans them once, strictly, and tells where their parts lie; it
// writes them again with a few places changed; and it frames them as server-sent events or as lines.
//
// It knows JSON (RFC 8259), JSON-RPC 2.0, event streams (WHATWG HTML, section 9.2) and lines of JSON. It does not know MCP.
// Nothing is decoded that the caller does not ask for, so unknown members, spellings of numbers and the order of members
// survive a relay.
//
// A message that [Scanner.Request] accepts is read in the same way by every JSON decoder: it has no duplicate member at any
// depth, no member whose name differs only by case from one that the house reads, no invalid UTF-8 and no lone surrogate.
package wire

// A Span is a half-open range of bytes in a message. The zero Span means that the part is absent.
type Span struct{ Start, End int }

// Ok reports whether the part that s describes is present.
func (s Span) Ok() bool { return s.End > 0 }

// A Member is one member of an object: its key as it stands between the quotes (escapes included) and its value.
type Member struct{ Key, Value Span }

// Kind says what a message is.
type Kind uint8

// The kinds of JSON-RPC messages.
const (
	Invalid      Kind = iota // not scanned, or refused
	Request                  // has a method and an id
	Notification             // has a method and no id
	Result                   // an answer with "result"
	Failure                  // an answer with "error"
)

// A Message is one scanned JSON-RPC message. Its spans point into Raw, which it shares with the caller. A Message is
// meant to be reused: scanning into it allocates nothing. It must not be read while it is being scanned into.
type Message struct {
	Kind Kind
	Raw  []byte

	// Spans of the values of the envelope's members. Those of strings include the quotes. ID is absent in a
	// notification, and in a failure whose id is null.
	ID, Method, Params, Result, Error Span

	members memberList // of params, result or error
	metaAt  Span       // the value of their "_meta"
	meta    memberList // its members, if it is an object
}

// Bytes returns the bytes of s, which alias Raw; nil if s is absent.
func (m *Message) Bytes(s Span) []byte {
	if !s.Ok() {
		return nil
	}
	return m.Raw[s.Start:s.End]
}

// MethodName returns the method without its quotes. It contains no escapes, since the scanner refuses them there.
// The bytes alias Raw; the name is nil for an answer.
func (m *Message) MethodName() []byte {
	if !m.Method.Ok() {
		return nil
	}
	return m.Raw[m.Method.Start+1 : m.Method.End-1]
}

// Member returns the value of a member of params (of a request or notification), of result or of error. Names are
// compared with the unescaped key. It is absent too if the params, result or error is not an object.
func (m *Message) Member(name string) Span { return m.members.find(m.Raw, m.Body(), name) }

// MetaSpan returns the value of the member "_meta" of params, result or error, whatever its type.
func (m *Message) MetaSpan() Span { return m.metaAt }

// Meta returns the value of a member of "_meta"; it is absent too if "_meta" is absent or not an object.
func (m *Message) Meta(name string) Span { return m.meta.find(m.Raw, m.metaAt, name) }

// Body returns the span of params, result or error, whichever the kind of message has.
func (m *Message) Body() Span {
	switch m.Kind {
	case Request, Notification:
		return m.Params
	case Result:
		return m.Result
	case Failure:
		return m.Error
	default:
		return Span{}
	}
}

// reset forgets the last message and prepares m for data.
func (m *Message) reset(data []byte) {
	m.Kind, m.Raw = Invalid, data
	m.ID, m.Method, m.Params, m.Result, m.Error, m.metaAt = Span{}, Span{}, Span{}, Span{}, Span{}, Span{}
	m.members.n, m.meta.n = 0, 0
}

// A memberList remembers the members of one object, as many as fit; an object with more is walked again when asked.
type memberList struct {
	n  int // how many the object has
	at [16]Member
}

func (l *memberList) add(m Member) {
	if l.n < len(l.at) {
		l.at[l.n] = m
	}
	l.n++
}

// find returns the value of the member called name of the object that lies at span of raw.
func (l *memberList) find(raw []byte, object Span, name string) Span {
	if l.n > len(l.at) {
		return find(raw, object, name)
	}
	for i := range l.n {
		if m := &l.at[i]; KeyEqual(raw[m.Key.Start:m.Key.End], name) {
			return m.Value
		}
	}
	return Span{}
}

// find is the slow way: it walks the object that lies at span of raw.
func find(raw []byte, object Span, name string) Span {
	for m := range MemberSpans(raw[object.Start:object.End]) {
		key := raw[object.Start+m.Key.Start : object.Start+m.Key.End]
		if KeyEqual(key, name) {
			return Span{object.Start + m.Value.Start, object.Start + m.Value.End}
		}
	}
	return Span{}
}
