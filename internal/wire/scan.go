package wire

import (
	"hash/maphash"
	"sync"
)

// DefaultDepth is the depth of nesting that the house accepts unless it is configured otherwise. An empty object is one deep.
const DefaultDepth = 512

// A Vocabulary names the members that the house reads in params and in the "_meta" of params. "_meta" itself is always
// one of Params. [Scanner.Request] refuses members that a careless decoder would take for one of them.
type Vocabulary struct{ Params, Meta []string }

// A Scanner checks messages. It is immutable and safe for concurrent use; make it once with [NewScanner].
type Scanner struct {
	request, answer, value rules

	depth  int
	seed   maphash.Seed
	passes sync.Pool // of *pass
}

// rules are what differs between the three kinds of scan.
type rules struct {
	loneSurrogates bool          // "\ud800" without its other half passes
	nullID         bool          // a failure may have no id, or null
	names          [roles]*names // the names whose twins are refused, by the role of the object; nil where none are
}

// NewScanner returns a scanner that guards the names of v and accepts at most maxDepth nested arrays and objects
// ([DefaultDepth] if it is not positive).
func NewScanner(v Vocabulary, maxDepth int) *Scanner {
	if maxDepth <= 0 {
		maxDepth = DefaultDepth
	}
	envelope := newNames("jsonrpc", "id", "method", "params", "result", "error")
	s := &Scanner{depth: maxDepth, seed: maphash.MakeSeed()}
	s.request.names[roleEnvelope] = envelope
	s.request.names[roleParams] = newNames(append([]string{metaName}, v.Params...)...)
	s.request.names[roleParamsMeta] = newNames(v.Meta...)
	s.answer = rules{loneSurrogates: true, nullID: true}
	s.answer.names[roleEnvelope] = envelope
	return s
}

// Request scans what a client sends, or anything that must be read alike by everyone: requests, notifications, and
// answers to the requests of a server. It fills m with what it finds.
//
// It refuses, with an *[Error]: what RFC 8259 does not allow, invalid UTF-8, a byte order mark, trailing bytes and too deep
// nesting ([CodeParse]); and ([CodeInvalid]) escapes of lone surrogates, duplicate members at any depth (names compared
// unescaped), escaped member names in the envelope, members whose names equal a name of the envelope or the vocabulary but
// for case or escapes, a version that is not "2.0", an id that is not a string or an integer, params or error that are not
// an object, an array of messages, and a mixture of request and answer. Unknown members of the envelope pass.
//
// After an error m holds Raw only. A message is read to its end even when a fault was found, so that what is not JSON is
// always told as such, and so that Error.ID is found when it stands last.
func (s *Scanner) Request(data []byte, m *Message) error { return s.message(data, m, &s.request) }

// Answer scans what a server sends: answers, notifications, and requests to the client. It is [Scanner.Request] except that
// escapes of lone surrogates pass (JavaScript cuts strings within a pair), that the vocabulary is not guarded, and that a
// failure may have no id or null.
func (s *Scanner) Answer(data []byte, m *Message) error { return s.message(data, m, &s.answer) }

// Value checks any one JSON value as strictly as [Scanner.Request] does: grammar, UTF-8, depth, surrogates, trailing bytes,
// and duplicate members at every depth.
func (s *Scanner) Value(data []byte) error {
	p := s.begin(data, nil, &s.value)
	defer s.end(p)
	if p.root(rolePlain); p.err.Code != 0 {
		return p.refusal()
	}
	return nil
}

func (s *Scanner) message(data []byte, m *Message, r *rules) error {
	m.reset(data)
	p := s.begin(data, m, r)
	defer s.end(p)
	p.message()
	if p.err.Code != 0 {
		err := p.refusal()
		m.reset(data)
		return err
	}
	return nil
}

func (s *Scanner) begin(data []byte, m *Message, r *rules) *pass {
	p, ok := s.passes.Get().(*pass)
	if !ok {
		p = new(pass)
	}
	p.data, p.msg, p.rules, p.depth, p.seed = data, m, r, s.depth, s.seed
	return p
}

// end gives the scratch space of p back, unless a hostile message has made it large.
func (s *Scanner) end(p *pass) {
	const most = 4096 // keys; slots of the table
	kept := pass{keys: p.keys[:0], table: p.table, buf: p.buf[:0]}
	if cap(kept.keys) > most {
		kept.keys = nil
	}
	if cap(kept.table) > 2*most {
		kept.table = nil
	}
	if cap(kept.buf) > 4*most {
		kept.buf = nil
	}
	*p = kept
	s.passes.Put(p)
}

// failed is the offset that the reading methods of a pass return when the bytes are not JSON.
const failed = -1

// A pass is the state of one scan. Its reading methods take the offset where something begins and return the offset behind
// it, or failed. Bytes that are not JSON end the scan; other faults are noted, the first counts, and the scan goes on.
type pass struct {
	data  []byte
	msg   *Message // nil if only a value is checked
	rules *rules
	depth int // the most that is accepted
	seed  maphash.Seed

	keys  []key  // of the objects that are open, the innermost last
	table []int  // finds duplicates in a large object
	buf   []byte // an unescaped or folded key

	version Span // the value of "jsonrpc"
	idTwice bool // "id" is there more than once, or nearly
	err     Error
}

// fail ends the scan: the bytes are not JSON.
func (p *pass) fail(at int, reason string) int {
	p.err = Error{Code: CodeParse, Reason: reason, Offset: at}
	return failed
}

// fault notes why the message is not acceptable although it is JSON.
func (p *pass) fault(at int, reason string) {
	if p.err.Code == 0 {
		p.err = Error{Code: CodeInvalid, Reason: reason, Offset: at}
	}
}

// refusal returns what was found, with the id if that is sure. It is not if the scan has ended early: another may follow.
func (p *pass) refusal() *Error {
	err := p.err
	if p.msg != nil && err.Code != CodeParse && !p.idTwice && p.goodID() {
		err.ID = p.msg.ID
	}
	return &err
}

// at returns the byte at i, or 0, which is nowhere valid outside of a string, behind the end.
func (p *pass) at(i int) byte {
	if i < len(p.data) {
		return p.data[i]
	}
	return 0
}

// root reads the one value of the data, and that nothing but white space follows it.
func (p *pass) root(r role) {
	i := p.value(p.space(0), 0, r)
	if i == failed {
		return
	}
	if i = p.space(i); i < len(p.data) {
		p.fail(i, "more bytes follow the end of the message")
	}
}
