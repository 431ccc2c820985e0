package transport

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// scanner reads what servers send. It is immutable.
var scanner = wire.NewScanner(mcp.Vocabulary(), 0)

// courtesy bounds what is said for politeness only: a cancellation, the end of a session.
const courtesy = 2 * time.Second

// A Session is a conversation with one server: a legacy session, or any number of modern requests. It is safe for concurrent
// use, and must be closed.
type Session struct {
	target Target
	hello  Hello
	log    *slog.Logger

	// Set by the handshake, before Open returns.
	revision                   *mcp.Revision
	info, capabilities, advice []byte
	envelope                   []byte // the members of _meta that a modern request must carry

	conn  conn
	ids   wire.IDs
	table *table
	root  context.Context //nolint:containedctx // ends when the session is closed
	end   context.CancelFunc
	work  sync.WaitGroup // questions that belong to no call

	once   sync.Once // of Close
	mu     sync.Mutex
	closed bool           // no call begins any more
	calls  sync.WaitGroup // those that have begun

	inFlight                        atomic.Int64
	garbage, stray, dropped, denied atomic.Int64
}

// Revision returns what the server speaks with this session.
func (s *Session) Revision() *mcp.Revision { return s.revision }

// Events reports whether the server is spoken to over HTTP+SSE, so that Target.Events can be set the next time.
func (s *Session) Events() bool { return s.target.Events }

// Info returns what the server calls itself: a JSON object, or nil.
func (s *Session) Info() []byte { return s.info }

// Capabilities returns what the server can do: a JSON object, or nil.
func (s *Session) Capabilities() []byte { return s.capabilities }

// Instructions returns the server's advice on its use as a JSON string, or nil.
func (s *Session) Instructions() []byte { return s.advice }

// Done is closed when the line to the server is lost or the session was closed.
func (s *Session) Done() <-chan struct{} { return s.conn.done() }

// Err tells why the line was lost, nil while it holds.
func (s *Session) Err() error { return s.conn.err() }

// InFlight returns how many calls wait for their answer; a stream of changes waits for none.
func (s *Session) InFlight() int { return int(s.inFlight.Load()) }

// NextID returns an id for a Request.
func (s *Session) NextID() int64 { return s.ids.Next() }

// Faults returns what was wrong with the server's messages so far.
func (s *Session) Faults() Faults {
	return Faults{
		Garbage: s.garbage.Load(), Stray: s.stray.Load(),
		Dropped: s.dropped.Load(), Refused: s.denied.Load(),
	}
}

// Call makes a request and waits for its answer, which may be an error object and which the caller must release. What the
// server sends meanwhile and what belongs to the call goes to sink, which is not used after Call has returned; nil drops it. When ctx ends
// first the server is told so and Call returns the cause. Other errors are a *[LostError] or an *[mcp.Error].
func (s *Session) Call(ctx context.Context, r Request, sink Sink) (*Answer, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	if r.Method != mcp.MethodListen {
		s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
	}
	if r.ID == 0 {
		r.ID = s.ids.Next()
	}
	c := newExchange(ctx, r.ID, &r, sink)
	defer c.leave()
	a, err := s.conn.call(ctx, c, s.compose(&r, c.id))
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return a, err
}

// Notify sends a notification. Params is a JSON object that has been scanned, or nil.
func (s *Session) Notify(ctx context.Context, method string, params []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.conn.send(ctx, method, s.compose(&Request{Method: method, Params: params}, 0))
}

// Close ends the session: it tells the server where there is a way to, ends the process if it is one's own, and waits for all
// that the session has started. It is bounded in time. Calls in flight end with an error. A Sink must not call it.
func (s *Session) Close() {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.conn.close(s.root)
		s.end()
		s.work.Wait()
	})
}

// begin notes that a call begins, unless the session is closed.
func (s *Session) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return lost(false, "the session with server %q was closed", s.target.Name)
	}
	s.calls.Add(1)
	return nil
}

// cancellation returns the notification that nobody waits for the call any more.
func (s *Session) cancellation(id int64) *wire.Buffer {
	params := wire.AppendInt([]byte(`{"requestId":`), id)
	return s.compose(&Request{Method: mcp.NoticeCancelled, Params: append(params, '}')}, 0)
}

// compose writes a message: a request if id is not 0, else a notification.
func (s *Session) compose(r *Request, id int64) *wire.Buffer {
	params, patches := r.Params, r.Patches
	if meta := s.meta(r, id); len(meta) > 0 {
		if len(params) == 0 {
			params = []byte("{}")
		}
		patches = append([]wire.Patch{mcp.AddMeta(params, meta)}, patches...)
	}
	const envelope = 128
	size := envelope + len(params)
	for _, p := range patches {
		size += len(p.With)
	}
	b := wire.NewBuffer(size)
	b.Bytes = append(b.Bytes, `{"jsonrpc":"2.0"`...)
	if id != 0 {
		b.Bytes = wire.AppendInt(append(b.Bytes, `,"id":`...), id)
	}
	b.Bytes = wire.AppendQuote(append(b.Bytes, `,"method":`...), r.Method)
	if len(params) > 0 {
		b.Bytes = wire.AppendPatched(append(b.Bytes, `,"params":`...), params, patches...)
	}
	b.Bytes = append(b.Bytes, '}')
	return b
}

// meta returns the members that the session adds to _meta.
func (s *Session) meta(r *Request, id int64) []byte {
	if r.Enveloped {
		return nil
	}
	var members []byte
	if r.Progress && id != 0 {
		members = wire.AppendInt(append(members, `"progressToken":`...), id)
	}
	if len(s.envelope) > 0 && id != 0 {
		if len(members) > 0 {
			members = append(members, ',')
		}
		members = append(members, s.envelope...)
	}
	return members
}
