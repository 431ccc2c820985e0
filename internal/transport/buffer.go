package transport

import (
	"io"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// mostKept is the size above which a buffer is left to the garbage collector, so that one large message does not stay for ever.
const mostKept = 256 << 10

// answers and eventReaders are free lists: they hold no state of their own.
var (
	eventReaders = sync.Pool{New: func() any { return new(wire.EventReader) }}
	answers      = sync.Pool{New: func() any { return new(Answer) }}
)

// An Answer is one message of a server with the memory it lies in.
type Answer struct {
	// Message is what came; it is valid until Release.
	Message wire.Message
	buf     []byte
}

// newAnswer returns an Answer without a message.
func newAnswer() *Answer { return answers.Get().(*Answer) } //nolint:errcheck // as above

// Release gives the memory of the message back. Nothing of it may be used afterwards.
func (a *Answer) Release() {
	if a == nil {
		return
	}
	if cap(a.buf) > mostKept {
		a.buf = nil
	}
	a.Message.Kind, a.Message.Raw = wire.Invalid, nil
	answers.Put(a)
}

// scan reads the message that lies in a.buf.
func (a *Answer) scan(s *wire.Scanner) error { return s.Answer(a.buf, &a.Message) }

// Result returns the result of the answer, nil if it is an error.
func (a *Answer) Result() []byte { return a.Message.Bytes(a.Message.Result) }

// Err returns the error object of the answer as an error, nil if it is a result. It shares no memory with the answer.
func (a *Answer) Err(r *mcp.Revision) *mcp.Error {
	if a.Message.Kind != wire.Failure {
		return nil
	}
	m := &a.Message
	e := mcp.ParseError(m.Bytes(m.Error), r)
	e.Answer = &wire.Message{Kind: m.Kind, Raw: slices.Clone(m.Raw), ID: m.ID, Error: m.Error}
	return e
}

// fill reads a whole body into a; wire.ErrTooLong if it is larger than most. Size is what the peer says of it, or negative.
func (a *Answer) fill(r io.Reader, size int64, most int) error {
	var err error
	a.buf, err = wire.AppendAll(a.buf[:0], r, size, most)
	return err
}

// answersTo reports whether m can be the answer to c, which came on c's own line: an error may have no id.
func answersTo(c *exchange, m *wire.Message) bool {
	switch m.Kind {
	case wire.Failure:
		return !m.ID.Ok() || wire.OwnID(m.Bytes(m.ID)) == c.id
	case wire.Result:
		return wire.OwnID(m.Bytes(m.ID)) == c.id
	default:
		return false
	}
}
