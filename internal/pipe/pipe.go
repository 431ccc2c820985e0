// Package pipe has the doors for clients that keep one conversation: over standard
// input and output, over a WebSocket, and over the older HTTP+SSE. On each of them
// whole messages go both ways, and what is lost with the line stays lost. What is
// common to them is a pipe; what differs is how a message is carried.
package pipe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	outward "github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// keptBuffer is the largest buffer that is kept for the next message.
const keptBuffer = 64 << 10

// Options configures the doors.
type Options struct {
	// Handler answers the calls.
	Handler mcp.Handler
	// Sessions holds the clients' sessions of the legacy era.
	Sessions *session.Store
	// Parking holds calls that wait for answers, in the modern era.
	Parking *dialogue.Parking
	// ServerInfo is our name and version: a JSON object.
	ServerInfo []byte
	// MessageBytes bounds one message of a client. It is asked for each of a WebSocket,
	// and once for a pipe.
	MessageBytes func() int
	// Elsewhere is the gateway that answers the dialect, where this one is but a bridge to
	// it; nil everywhere else.
	Elsewhere *outward.Post
	// Log takes what goes wrong on a line.
	Log *slog.Logger
}

// A line is how messages come and go.
type line struct {
	// transport is what the record calls it, and remote is the client's address.
	transport, remote string
	// workspace is the URI of the directory that the client works in, if it is known.
	workspace string
	// who says who speaks. It is asked for each message, since what the caller may do
	// can change meanwhile.
	who func() (*mcp.Caller, *mcp.Error)
	// send carries one message to the client. One goroutine at a time calls it. What an
	// error means for the line is its own affair.
	send func(message []byte) error
	// legacy says that only messages of the legacy era are carried.
	legacy bool
}

// A pipe is one client and its conversation with us, in either era or both.
type pipe struct {
	Options
	line
	// calls are the client's requests; notices is what it is told besides.
	calls, notices *session.Calls
	// requests are answered a bounded number at once.
	requests queue
	// listening counts the goroutine that answers what listen began.
	listening sync.WaitGroup
	// name tells the line apart from others in the dialect; hears counts the streams of
	// events that it has, or is about to have, since it last ended some. Only who takes
	// messages reads and sets hears, and counts up.
	name  string
	hears *atomic.Int32
	// heard is closed once the last stream that hear opened has begun; nil before there is
	// one.
	heard chan struct{}
	// session is the legacy session; nil before initialize. Only who takes messages
	// sets it, and listens, which says that listen was called.
	session *session.Session
	listens bool

	mu sync.Mutex // orders messages to the client
	// message is used again for each message.
	message []byte
}

func newPipe(ctx context.Context, o Options, l line) *pipe {
	return &pipe{
		Options: o, line: l, name: rand.Text(), hears: new(atomic.Int32), calls: session.NewCalls(ctx), notices: session.NewCalls(ctx),
	}
}

// close ends the conversation once no further message is taken: calls in flight are
// finished, or cancelled when they take longer than the grace.
func (p *pipe) close(grace time.Duration) {
	p.notices.End()
	late := time.AfterFunc(grace, p.calls.End)
	p.finish()
	late.Stop()
	p.calls.End()
	if p.session != nil {
		p.session.Release()
		p.Sessions.End(p.session)
	}
}

// finish begins no further call, and waits for those in flight.
func (p *pipe) finish() {
	p.requests.close()
	p.requests.wait()
	p.listening.Wait()
}

// drain answers what is in flight, and begins nothing; what the client says meanwhile
// is still heard. A conversation that has no end ends with its line.
func (p *pipe) drain() {
	p.notices.End()
	p.requests.close()
	p.requests.wait()
}

// take reads what the client has sent: one message, or where its revision has them
// an array of several. Messages are taken one after the other.
func (p *pipe) take(data []byte) {
	if wire.IsBatch(data) {
		p.takeBatch(data)
		return
	}
	m := new(wire.Message)
	if err := dialogue.Scan(data, m); err != nil {
		p.refuse(m, err, nil)
		return
	}
	p.receive(m, nil)
}

// receive starts what a message asks for. The answer goes into the batch, if the
// message is of one.
func (p *pipe) receive(m *wire.Message, b *batch) {
	if p.Elsewhere != nil && dialect.Speaks(m) {
		p.pass(m, b)
		return
	}
	caller, refused := p.who()
	if refused != nil {
		p.refuse(m, refused, b)
		return
	}
	call := &mcp.Call{
		Caller: caller, Request: m, Method: string(m.MethodName()), Transport: p.transport, Remote: p.remote, Line: p.name, Workspace: p.workspace,
	}
	switch m.Kind {
	case wire.Result, wire.Failure:
		if p.session == nil || !dialogue.TakeAnswer(p.session, m) {
			p.Log.DebugContext(p.calls.Context(), "an answer came to no question of ours")
		}
	case wire.Notification:
		p.takeNotice(call)
	default:
		p.start(call, b)
	}
}

// refuse puts a message that is no call on record and says why; m is nil for one
// that was not read.
func (p *pipe) refuse(m *wire.Message, e *mcp.Error, b *batch) {
	p.note(e)
	id := []byte("null")
	if m != nil && m.ID.Ok() {
		id = m.Bytes(m.ID)
	}
	p.answer(b, func(dst []byte) []byte { return dialect.AppendRefusal(dst, id, m, e) })
}

// note puts on record that something was refused.
func (p *pipe) note(e *mcp.Error) {
	call := &mcp.Call{Refused: e, Transport: p.transport, Remote: p.remote}
	call.Caller, _ = p.who() // a message is refused whoever it is from
	// The chain's own answer to a refused call is that refusal.
	_ = p.Handler.Handle(p.calls.Context(), call, dialogue.NoReply{})
}

func (p *pipe) takeNotice(call *mcp.Call) {
	if dialect.Speaks(call.Request) {
		p.takeDialectNotice(call)
		return
	}
	if call.Method == mcp.NoticeCancelled {
		p.calls.Cancel(call.Member("requestId"), dialogue.ErrCancelled)
		return
	}
	if err := p.fill(call); err != nil || dialogue.CheckMethod(call) != nil {
		return // a notification is never answered, not even a wrong one
	}
	if call.Method == mcp.NoticeInitialized && p.session != nil && !p.listens {
		p.listens = true
		p.listen()
	}
	ctx := p.calls.Context()
	if err := p.Handler.Handle(ctx, call, dialogue.NoReply{}); err != nil {
		p.Log.DebugContext(ctx, "notification not handled", slog.String("method", call.Method), slog.Any("error", err))
	}
}

// fill takes what the call says of its client, by the era in which it speaks.
func (p *pipe) fill(call *mcp.Call) *mcp.Error {
	modern := call.Meta(mcp.MetaRevision) != nil || (p.session == nil && call.Method != mcp.MethodInitialize)
	switch {
	case modern && p.legacy:
		call.Revision = mcp.LatestLegacy()
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed,
			"HTTP+SSE carries the legacy era only: initialize first; POST modern requests to the endpoint itself")
	case modern:
		call.Revision = mcp.Latest()
		return dialogue.FillModern(call)
	case call.Method == mcp.MethodInitialize:
		return dialogue.FillInitialize(call)
	}
	dialogue.FillSession(call, p.session)
	return nil
}

// prepare checks a request and opens the session with initialize.
func (p *pipe) prepare(call *mcp.Call) *mcp.Error {
	if dialect.Speaks(call.Request) {
		return p.takeDialect(call)
	}
	if err := p.fill(call); err != nil {
		return err
	}
	if call.Revision.Stateless {
		if err := dialogue.CheckMethod(call); err != nil {
			return err
		}
		if err := dialogue.TakeName(call); err != nil {
			return err
		}
		return dialogue.Resume(p.Parking, call)
	}
	if call.Method == mcp.MethodInitialize {
		return p.initialize(call)
	}
	return dialogue.PrepareLegacy(call, p.session)
}

func (p *pipe) initialize(call *mcp.Call) *mcp.Error {
	if p.session != nil {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "initialize was sent already")
	}
	s, err := p.Sessions.Create(session.Hello{
		Caller: call.Caller, Revision: call.Revision,
		Capabilities: bytes.Clone(call.Capabilities), ClientInfo: bytes.Clone(call.ClientInfo),
	})
	if err == nil {
		// Held until the line ends, so that it does not expire.
		s, err = p.Sessions.Get(s.Token, call.Caller)
	}
	if err != nil {
		return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "%v", err)
	}
	p.session, call.Session = s, &s.Session
	return nil
}

// start answers a request, at once or when those before it leave room: what the
// client says meanwhile, such as its answers to what they ask, is heard.
func (p *pipe) start(call *mcp.Call, b *batch) {
	if err := p.prepare(call); err != nil {
		call.Refused = err
	} else if b != nil && call.Method == mcp.MethodSubscribeEvents {
		call.Refused = dialect.ErrArray()
	}
	ctx, done, err := p.calls.Begin(call.Request.Bytes(call.Request.ID))
	if err != nil {
		lapse(call)
		p.refuse(call.Request, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err), b)
		return
	}
	r := &reply{pipe: p, session: p.session, call: call, batch: b, id: call.Request.Bytes(call.Request.ID)}
	b.begin()
	heard := p.heard
	answer := func() {
		defer b.end()
		defer done()
		if call.Method == mcp.MethodWatch && heard != nil { // from its answer on, the client is told
			select {
			case <-heard:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil { // cancelled while it waited
			call.Refused = cmp.Or(call.Refused, mcp.AsError(context.Cause(ctx)), errTooLate)
		}
		r.finish(ctx, dialogue.Handle(ctx, p.Parking, p.Handler, call, r))
	}
	if call.Refused != nil || call.Method == mcp.MethodPing {
		answer() // such calls wait for nothing
		return
	}
	if call.Method == mcp.MethodSubscribeEvents {
		streams := p.hears
		streams.Add(1)
		p.listening.Go(func() { // it goes on until the line ends, and is not one of those that are bounded
			defer streams.Add(-1)
			defer context.AfterFunc(p.notices.Context(), done)()
			answer()
		})
		return
	}
	if refused := p.requests.add(answer); refused != nil {
		done()
		lapse(call)
		p.refuse(call.Request, refused, b)
		b.end()
	}
}

// lapse ends the parked call with which a request was to go on that is not begun: its
// token is used up.
func lapse(call *mcp.Call) {
	if call.Resume != nil && call.Resume.Lapse != nil {
		call.Resume.Lapse()
	}
}

// errTooLate is why a call is not begun any more.
var errTooLate = mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the call was cancelled before it began")

// listen tells the client of a legacy session what belongs to no call, until the line ends.
func (p *pipe) listen() {
	s, ctx := p.session, p.notices.Context()
	call := &mcp.Call{
		Caller: s.Caller, Session: &s.Session, Revision: s.Revision, Method: mcp.MethodListen, Transport: p.transport, Remote: p.remote,
		Capabilities: s.Capabilities, ClientInfo: s.ClientInfo,
	}
	p.listening.Go(func() {
		err := p.Handler.Handle(ctx, call, &reply{pipe: p, session: s, call: call})
		for lost, ok := isLost(err); ok && ctx.Err() == nil; lost, ok = isLost(err) {
			p.write(lost.AppendWarning)
			err = p.Handler.Handle(ctx, call, &reply{pipe: p, session: s, call: call})
		}
		if err != nil && ctx.Err() == nil {
			p.Log.DebugContext(ctx, "listening ended", slog.Any("error", err))
		}
	})
}

// isLost reports whether listening ended since the client was too slow. A pipe has no stream that could be opened anew, so the client is
// told in words.
func isLost(err error) (*notice.LostError, bool) { return errors.AsType[*notice.LostError](err) }

// answer says the last of a request: in its batch, if it is of one, or by itself.
func (p *pipe) answer(b *batch, compose func(dst []byte) []byte) {
	if b != nil {
		b.add(compose(nil))
		return
	}
	p.write(compose)
}

// write sends one message.
func (p *pipe) write(compose func(dst []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.message = compose(p.message[:0])
	if err := p.send(p.message); err != nil {
		p.Log.DebugContext(p.calls.Context(), "answer not delivered", slog.Any("error", err))
	}
	if cap(p.message) > keptBuffer {
		p.message = nil
	}
}
