package transport

import (
	"context"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// receive deals with a message of the server that is not an answer. The call c is the one it belongs to, nil if it belongs to
// none. It runs in the goroutine that may wait for c's sink; a question gets a goroutine of its own.
func (s *Session) receive(c *exchange, a *Answer) {
	m := &a.Message
	if m.Kind == wire.Request {
		s.question(c, a)
		return
	}
	defer a.Release()
	if string(m.MethodName()) == mcp.NoticeCancelled {
		s.table.end(string(m.Bytes(m.Member("requestId"))))
		return
	}
	if c != nil && !c.listens() && mcp.IsChange(string(m.MethodName())) {
		c = nil // whatever stream it came on, it is about the server
	}
	switch {
	case c != nil && c.enter():
		defer c.inside.Done()
		c.sink.Notice(m)
	case c == nil && s.hello.Unsolicited != nil:
		s.hello.Unsolicited.Notice(m)
	default:
		s.dropped.Add(1)
	}
}

// split yields the messages in data: one, unless the revision allows several in an array.
func (s *Session) split(r *mcp.Revision, data []byte, yield func([]byte)) {
	if !isBatch(r, data) {
		yield(data)
		return
	}
	messages, err := scanner.Batch(data, mostBatch)
	if err != nil {
		s.foul(data, err)
		return
	}
	for _, one := range messages {
		yield(one)
	}
}

// mostBatch bounds the messages in one array of a server, which may be as many as it was asked and some news.
const mostBatch = 1000

// isBatch reports whether data is an array of messages and the revision allows it.
func isBatch(r *mcp.Revision, data []byte) bool { return r != nil && r.Batch && wire.IsBatch(data) }

// question answers a request of the server, in a goroutine of its own unless it is a ping. It owns a.
func (s *Session) question(c *exchange, a *Answer) {
	m := &a.Message
	if string(m.MethodName()) == mcp.MethodPing {
		s.answer(s.root, m, []byte("{}"), nil)
		a.Release()
		return
	}
	sink, parent, wait := s.hello.Unsolicited, s.root, &s.work
	if c != nil {
		if !c.enter() {
			s.refuse(a, "the call is over")
			return
		}
		defer c.inside.Done()
		sink, parent, wait = c.sink, c.questions(), &c.inside
	}
	if sink == nil {
		s.refuse(a, "nobody here answers questions")
		return
	}
	ctx, cancel := context.WithCancel(parent)
	id := string(m.Bytes(m.ID))
	if err := s.table.open(id, cancel); err != nil {
		cancel()
		s.refuse(a, err.Error())
		return
	}
	wait.Go(func() {
		defer a.Release()
		result, err := sink.Question(ctx, m)
		over := ctx.Err() != nil    // the server has taken the question back, or its call is over
		if s.table.end(id); !over { // from the answer on the server may use the id again
			s.answer(s.root, m, result, err)
		}
	})
}

// refuse answers a question that cannot be put to anyone. It owns a.
func (s *Session) refuse(a *Answer, why string) {
	defer a.Release()
	s.denied.Add(1)
	s.log.LogAttrs(s.root, slog.LevelDebug, "question refused", slog.String("method", string(a.Message.MethodName())),
		slog.String("reason", why))
	s.answer(s.root, &a.Message, nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "cannot be asked: %s", why))
}

// answer sends our answer to a request of the server. It is bounded in time.
func (s *Session) answer(ctx context.Context, m *wire.Message, result []byte, err *mcp.Error) {
	if result == nil && err == nil {
		return
	}
	const envelope = 128
	b := wire.NewBuffer(envelope + len(result))
	b.Bytes = append(append(b.Bytes, `{"jsonrpc":"2.0","id":`...), m.Bytes(m.ID)...)
	if err != nil {
		b.Bytes = mcp.AppendError(append(b.Bytes, `,"error":`...), err)
	} else {
		b.Bytes = append(append(b.Bytes, `,"result":`...), result...)
	}
	b.Bytes = append(b.Bytes, '}')
	ctx, cancel := context.WithTimeout(ctx, courtesy)
	defer cancel()
	if err := s.conn.send(ctx, "", b); err != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "answer to the server not sent", slog.Any("error", err))
	}
}

// tellCancelled tells a legacy server that nobody waits for c any more, after the call has returned. It is called by the call.
func (s *Session) tellCancelled(ctx context.Context, c *exchange) {
	s.table.forget(c.id)
	body := s.cancellation(c.id)
	s.calls.Go(func() { // this call is one of them, so that nobody has waited for them yet
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), courtesy)
		defer cancel()
		if err := s.conn.send(ctx, mcp.NoticeCancelled, body); err != nil {
			s.log.LogAttrs(ctx, slog.LevelDebug, "cancellation not sent", slog.Any("error", err))
		}
	})
}

// foul counts and logs what is not a message of JSON-RPC, shortened.
func (s *Session) foul(data []byte, why error) {
	const shown = 200
	if n := s.garbage.Add(1); n > 20 && n&(n-1) != 0 {
		return // after the first few, only each time that the number has doubled
	}
	s.log.LogAttrs(s.root, slog.LevelWarn, "not a JSON-RPC message; skipped", slog.String("server", s.target.Name),
		slog.String("text", string(data[:min(len(data), shown)])), slog.Any("error", why))
}

// astray counts and logs an answer to no call in flight. It owns a.
func (s *Session) astray(a *Answer) {
	defer a.Release()
	if s.table.isLate(wire.OwnID(a.Message.Bytes(a.Message.ID))) {
		return
	}
	if n := s.stray.Add(1); n > 20 && n&(n-1) != 0 {
		return
	}
	const shown = 40
	id := a.Message.Bytes(a.Message.ID)
	s.log.LogAttrs(s.root, slog.LevelWarn, "answer to no call in flight; dropped", slog.String("server", s.target.Name),
		slog.String("id", string(id[:min(len(id), shown)])))
}
