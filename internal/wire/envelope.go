package wire

import "bytes"

// A role says what an object is in a message, and so what is noted of its members.
type role uint8

const (
	rolePlain      role = iota // nothing that this package knows
	roleEnvelope               // the message itself
	roleParams                 // the params of a request or notification
	roleParamsMeta             // their "_meta"
	roleBody                   // the result or error of an answer
	roleBodyMeta               // its "_meta"
	roles
)

const metaName = "_meta"

// child returns the role of the value of a member.
func (p *pass) child(r role, key Span) role {
	name := p.data[key.Start:key.End]
	switch r {
	case roleEnvelope:
		switch string(name) {
		case "params":
			return roleParams
		case "result", "error":
			return roleBody
		}
	case roleParams, roleBody:
		if KeyEqual(name, metaName) {
			return r + 1
		}
	default:
	}
	return rolePlain
}

// note remembers a member of an object that has a role; inner is the role of the member's value.
func (p *pass) note(r, inner role, m Member) {
	if r == roleEnvelope {
		p.noteEnvelope(m)
		return
	}
	if guarded := p.rules.names[r]; guarded != nil {
		p.checkName(guarded, m.Key)
	}
	if r == roleParamsMeta || r == roleBodyMeta {
		p.msg.meta.add(m)
		return
	}
	p.msg.members.add(m)
	if inner != rolePlain {
		p.msg.metaAt = m.Value
	}
}

func (p *pass) noteEnvelope(m Member) {
	name := p.data[m.Key.Start:m.Key.End]
	switch string(name) {
	case "jsonrpc":
		p.version = m.Value
	case "id":
		p.idTwice = p.idTwice || p.msg.ID.Ok()
		p.msg.ID = m.Value
	case "method":
		p.msg.Method = m.Value
	case "params":
		p.msg.Params = m.Value
	case "result":
		p.msg.Result = m.Value
	case "error":
		p.msg.Error = m.Value
	default:
		p.noteUnknown(m.Key)
	}
}

// noteUnknown passes a member of the envelope that JSON-RPC does not know, unless its name is escaped or nearly known. If it
// could be read as the id then the id is not sure.
func (p *pass) noteUnknown(key Span) {
	name := p.data[key.Start:key.End]
	if bytes.IndexByte(name, '\\') >= 0 {
		p.fault(key.Start, "member name "+shown(name)+" is escaped")
	}
	p.checkName(p.rules.names[roleEnvelope], key)
	p.idTwice = p.idTwice || string(p.buf) == "id"
}

// message reads a whole message and says what kind it is.
func (p *pass) message() {
	switch i := p.space(0); p.at(i) {
	case '{':
	case '[':
		p.fault(i, "batches (arrays of messages) are not accepted here")
	default:
		p.fault(i, "a message must be an object")
	}
	p.root(roleEnvelope)
	if p.err.Code == 0 {
		p.judge()
	}
}

// judge checks the members of the envelope, and with each other.
func (p *pass) judge() {
	m := p.msg
	if string(m.Bytes(p.version)) != `"2.0"` {
		p.fault(p.version.Start, `jsonrpc must be "2.0"`)
		return
	}
	kind := p.kind()
	switch kind {
	case Request, Notification:
		p.judgeCall()
	case Result, Failure:
		p.judgeAnswer(kind)
	default: // kind has told why
	}
	if p.err.Code == 0 {
		m.Kind = kind
	}
}

// kind tells from the members that are there what the message is.
func (p *pass) kind() Kind {
	m := p.msg
	switch {
	case m.Method.Ok() && (m.Result.Ok() || m.Error.Ok()):
		p.fault(m.Method.Start, "it has a method and is also an answer")
	case m.Result.Ok() && m.Error.Ok():
		p.fault(m.Error.Start, "it has both a result and an error")
	case m.Method.Ok() && m.ID.Ok():
		return Request
	case m.Method.Ok():
		return Notification
	case m.Params.Ok():
		p.fault(m.Params.Start, "it has params but no method")
	case m.Result.Ok():
		return Result
	case m.Error.Ok():
		return Failure
	default:
		p.fault(0, "it has neither a method nor a result nor an error")
	}
	return Invalid
}

func (p *pass) judgeCall() {
	m := p.msg
	method := m.Bytes(m.Method)
	switch {
	case method[0] != '"':
		p.fault(m.Method.Start, "method must be a string")
	case bytes.IndexByte(method, '\\') >= 0:
		p.fault(m.Method.Start, "method must not contain escapes")
	case m.ID.Ok() && !p.goodID():
		p.fault(m.ID.Start, "id must be a string or an integer")
	case m.Params.Ok() && p.data[m.Params.Start] != '{':
		p.fault(m.Params.Start, "params must be an object")
	}
}

func (p *pass) judgeAnswer(kind Kind) {
	m := p.msg
	if kind == Failure && p.rules.nullID && string(m.Bytes(m.ID)) == "null" {
		m.ID = Span{}
	}
	mayLack := kind == Failure && p.rules.nullID
	switch {
	case !m.ID.Ok() && !mayLack:
		p.fault(0, "an answer must have an id")
	case m.ID.Ok() && !p.goodID():
		p.fault(m.ID.Start, "id must be a string or an integer")
	case kind == Failure && p.data[m.Error.Start] != '{':
		p.fault(m.Error.Start, "error must be an object")
	}
}

// goodID reports whether the id is there, and a string or an integer without fraction and exponent, of any size.
func (p *pass) goodID() bool {
	id := p.msg.Bytes(p.msg.ID)
	if len(id) == 0 {
		return false
	}
	if id[0] == '"' {
		return true
	}
	if id[0] == '-' {
		id = id[1:]
	}
	for _, c := range id {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
