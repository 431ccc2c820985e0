package ingress

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// closeGrace is how long calls may go on after the client has closed its end, where
// the options do not say.
const closeGrace = 10 * time.Second

// StdioOptions configures the door for a client on a pipe.
type StdioOptions struct {
	// Handler answers the calls.
	Handler mcp.Handler
	// Caller says who speaks on the pipe. It is asked for each message, since what
	// the caller may do can change meanwhile.
	Caller func() (*mcp.Caller, *mcp.Error)
	// Sessions holds the client's session of the legacy era.
	Sessions *session.Store
	// Parking holds calls that wait for answers, in the modern era.
	Parking *Parking
	// ServerInfo is our name and version: a JSON object.
	ServerInfo []byte
	// LineBytes bounds one message.
	LineBytes int
	// Grace is how long calls may go on after the client has closed its end: 10 seconds unless it is set.
	Grace time.Duration
	// Log takes what goes wrong on the pipe.
	Log *slog.Logger
}

// A pipe is one client that speaks over stdin and stdout, in either era or both.
type pipe struct {
	StdioOptions
	// calls are the client's requests; notices is what it is told besides.
	calls, notices *session.Calls
	// requests are answered a bounded number at once.
	requests queue
	// listening counts the goroutine that answers what listen began.
	listening sync.WaitGroup
	// session is the legacy session; nil before initialize. Only the reading goroutine
	// sets it, and listens, which says that listen was called.
	session *session.Session
	listens bool

	mu  sync.Mutex // orders messages on out
	out io.Writer
	// message and line are used again for each message.
	message, line []byte
}

// ServeStdio answers one client on a pipe until it closes its end or ctx ends.
// Calls in flight are finished when the client has closed its end, and cancelled
// when they take longer than the grace, or when ctx ends (basic/transports, "stdio").
func ServeStdio(ctx context.Context, in io.Reader, out io.Writer, o StdioOptions) error {
	p := &pipe{
		StdioOptions: o, out: out, calls: session.NewCalls(ctx), notices: session.NewCalls(ctx),
	}
	err := p.read(ctx, in)
	p.notices.End()
	late := time.AfterFunc(cmp.Or(o.Grace, closeGrace), p.calls.End)
	p.requests.wait()
	p.listening.Wait()
	late.Stop()
	p.calls.End()
	if p.session != nil {
		p.session.Release()
		p.Sessions.End(p.session)
	}
	return err
}

// read takes messages until the client closes its end or ctx ends. Reading from
// a pipe cannot be interrupted, so it has a goroutine of its own, which ends with
// the process when ctx ends first.
func (p *pipe) read(ctx context.Context, in io.Reader) error {
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() { failed <- readLines(ctx, in, p.LineBytes, lines) }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			if line == nil {
				p.refuse(nil, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "the message is longer than %d bytes", p.LineBytes))
				continue
			}
			p.take(line)
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// readLines sends each line on lines, nil for one that is too long.
func readLines(ctx context.Context, in io.Reader, limit int, lines chan<- []byte) error {
	reader := wire.NewLineReader(in, limit)
	for {
		line, err := reader.Next()
		switch {
		case errors.Is(err, wire.ErrTooLong):
			line = nil
		case err != nil:
			return err
		default:
			line = cloneOf(line)
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take scans one message and starts what it asks for.
func (p *pipe) take(line []byte) {
	m := new(wire.Message)
	if err := scanner.Request(line, m); err != nil {
		m.Raw, m.ID = line, idOf(err)
		p.refuse(m, scanError(err))
		return
	}
	caller, refused := p.Caller()
	if refused != nil {
		p.refuse(m, refused)
		return
	}
	call := &mcp.Call{Caller: caller, Request: m, Method: string(m.MethodName()), Transport: "stdio"}
	switch m.Kind {
	case wire.Result, wire.Failure:
		p.takeAnswer(m)
	case wire.Notification:
		p.takeNotice(call)
	default:
		p.start(call)
	}
}

// refuse puts a message that is no call on record and says why.
func (p *pipe) refuse(m *wire.Message, e *mcp.Error) {
	call := &mcp.Call{Refused: e, Transport: "stdio"}
	call.Caller, _ = p.Caller() // a message is refused whoever it is from
	// The chain's own answer to a refused call is that refusal.
	_ = p.Handler.Handle(p.calls.Context(), call, noReply{})
	id := []byte("null")
	if m != nil && m.ID.Ok() {
		id = m.Bytes(m.ID)
	}
	p.write(func(dst []byte) []byte { return translate.AppendFailure(dst, id, e) })
}

func (p *pipe) takeAnswer(m *wire.Message) {
	id, ok := wire.ParseInt(m.Bytes(m.ID))
	if !ok || p.session == nil || !p.session.Answer(id, answerOf(m)) {
		p.Log.DebugContext(p.calls.Context(), "an answer came to no question of ours")
	}
}

func (p *pipe) takeNotice(call *mcp.Call) {
	if call.Method == mcp.NoticeCancelled {
		p.calls.Cancel(call.Member("requestId"), errCancelled)
		return
	}
	if err := p.fill(call); err != nil || checkMethod(call) != nil {
		return // a notification is never answered, not even a wrong one
	}
	if call.Method == mcp.NoticeInitialized && p.session != nil && !p.listens {
		p.listens = true
		p.listen()
	}
	ctx := p.calls.Context()
	if err := p.Handler.Handle(ctx, call, noReply{}); err != nil {
		p.Log.DebugContext(ctx, "notification not handled", slog.String("method", call.Method), slog.Any("error", err))
	}
}

// fill takes what the call says of its client, by the era in which it speaks.
func (p *pipe) fill(call *mcp.Call) *mcp.Error {
	s := p.session
	switch {
	case call.Meta(mcp.MetaRevision) != nil || (s == nil && call.Method != mcp.MethodInitialize):
		call.Revision = mcp.Latest()
		return fillModern(call)
	case call.Method == mcp.MethodInitialize:
		return fillInitialize(call)
	}
	call.Session, call.Revision = &s.Session, s.Revision
	call.Capabilities, call.ClientInfo, call.LogLevel = s.Capabilities, s.ClientInfo, s.Level()
	return nil
}

// prepare checks a request and opens the session with initialize.
func (p *pipe) prepare(call *mcp.Call) *mcp.Error {
	if err := p.fill(call); err != nil {
		return err
	}
	if call.Revision.Stateless {
		if err := checkMethod(call); err != nil {
			return err
		}
		if err := takeName(call); err != nil {
			return err
		}
		return resume(p.Parking, call)
	}
	if call.Method == mcp.MethodInitialize {
		return p.initialize(call)
	}
	return prepareLegacy(call, p.session)
}

func (p *pipe) initialize(call *mcp.Call) *mcp.Error {
	if p.session != nil {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "initialize was sent already")
	}
	s, err := p.Sessions.Create(session.Hello{
		Caller: call.Caller, Revision: call.Revision, Capabilities: call.Capabilities, ClientInfo: call.ClientInfo,
	})
	if err == nil {
		// Held until the pipe closes, so that it does not expire.
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
func (p *pipe) start(call *mcp.Call) {
	if err := p.prepare(call); err != nil {
		call.Refused = err
	}
	ctx, done, err := p.calls.Begin(call.Request.Bytes(call.Request.ID))
	if err != nil {
		p.refuse(call.Request, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err))
		return
	}
	s := p.session
	answer := func() {
		defer done()
		if ctx.Err() != nil { // cancelled while it waited
			call.Refused = cmp.Or(call.Refused, mcp.AsError(context.Cause(ctx)), errTooLate)
		}
		r := &pipeReply{pipe: p, session: s, call: call}
		if parkable(call) {
			r.finish(ctx, converse(ctx, p.Parking, p.Handler, call, r))
			return
		}
		r.finish(ctx, p.Handler.Handle(ctx, call, r))
	}
	switch {
	case call.Method == mcp.MethodPing:
		answer() // waits for nothing, and asks whether we still listen
	case !p.requests.add(answer):
		done()
		p.refuse(call.Request, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable,
			"too many calls at once; wait for answers before asking for more"))
	}
}

// errTooLate is why a call is not begun any more.
var errTooLate = mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the call was cancelled before it began")

// listen tells the client of a legacy session what belongs to no call, until the pipe closes.
func (p *pipe) listen() {
	s, ctx := p.session, p.notices.Context()
	call := &mcp.Call{
		Caller: s.Caller, Session: &s.Session, Revision: s.Revision, Method: mcp.MethodListen, Transport: "stdio",
		Capabilities: s.Capabilities, ClientInfo: s.ClientInfo,
	}
	p.listening.Go(func() {
		err := p.Handler.Handle(ctx, call, &pipeReply{pipe: p, session: s, call: call})
		if err != nil && ctx.Err() == nil {
			p.Log.DebugContext(ctx, "listening ended", slog.Any("error", err))
		}
	})
}

// write writes one message.
func (p *pipe) write(compose func(dst []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.message = compose(p.message[:0])
	p.line = wire.AppendLine(p.line[:0], p.message)
	if _, err := p.out.Write(p.line); err != nil {
		p.Log.DebugContext(p.calls.Context(), "answer not delivered", slog.Any("error", err))
	}
	if cap(p.message) > keptBuffer {
		p.message, p.line = nil, nil
	}
}
