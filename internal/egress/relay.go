package egress

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/serving"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Do sends a call to a server and its answer to reply. It ends as an mcp.Handler does: with one Done, or with an error. A call
// that a lost session has not begun is repeated once, and one that has begun only if the destination says that it may be.
func (p *Pool) Do(ctx context.Context, d mcp.Destination, call *mcp.Call, reply mcp.Reply) error {
	s, err := p.meant(&d)
	if err != nil {
		return err
	}
	f := newFlow(ctx, s, &d, call, reply)
	defer f.end()
	if err := f.enlisted(); err != nil {
		return err
	}
	defer f.server.delist(f)
	err = f.run()
	if e, ok := errors.AsType[*transport.LostError](err); ok && (!e.Sent || d.Repeatable) && f.ctx.Err() == nil {
		err = f.run()
	}
	return f.warned(err)
}

// warned adds to the error of a tool call of which nobody knows what became of it that it may have been done all the same.
func (f *flow) warned(err error) error {
	e := mcp.AsError(err)
	lost, ok := errors.AsType[*transport.LostError](err)
	if ok && !lost.Sent || !ok && (e == nil || e.Reason != mcp.Timeout) || f.dest.Repeatable || f.call.Method != mcp.MethodToolsCall {
		return err
	}
	return mcp.Doubtful(e)
}

// A flow is one call on its way out, and the Sink for what the server says meanwhile.
type flow struct {
	server *server
	dest   *mcp.Destination
	call   *mcp.Call
	reply  mcp.Reply

	ctx    context.Context //nolint:containedctx // of the call
	cancel context.CancelCauseFunc

	place    place
	same     bool // client and server are of one era
	progress bool // the client wants to be told of progress

	// Of calls that cross the eras: how often a request was made, what the next one brings the server, the visits of URLs that
	// the client was asked for, and those that the server is to say the end of.
	round            int
	responses, state []byte
	visits           []string
	visiting         serving.Visits

	mu    sync.Mutex
	timer *time.Timer // ends the call when it has been silent for too long, or takes too long at all
	last  time.Time   // when it has taken too long at all
	asked int         // questions that wait for the client; the call is not silent meanwhile
}

func newFlow(ctx context.Context, s *server, d *mcp.Destination, call *mcp.Call, reply mcp.Reply) *flow {
	f := &flow{server: s, dest: d, call: call, reply: reply, last: time.Now().Add(s.config.MaxRuntime)}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	f.progress = call.Meta("progressToken") != nil
	f.timer = time.AfterFunc(f.patience(), f.expire)
	return f
}

func (f *flow) end() {
	f.timer.Stop()
	f.cancel(nil)
}

// stopping tells that the server is being taken away.
func (s *server) stopping() error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "server %q is being stopped", s.config.Name)
}

// enlist notes a call in flight, unless the server is ending.
func (s *server) enlist(f *flow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return s.stopping()
	}
	s.calls.Add(1)
	s.flows[f] = struct{}{}
	return nil
}

func (s *server) delist(f *flow) {
	s.mu.Lock()
	delete(s.flows, f)
	s.mu.Unlock()
	s.calls.Done()
}

// cut ends the calls in flight.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.flows {
		f.cancel(s.stopping())
	}
}

// patience is how long the call may go on without a sign of the server.
func (f *flow) patience() time.Duration {
	left := time.Until(f.last)
	if f.dest.Timeout > 0 && f.asked == 0 {
		return min(f.dest.Timeout, left)
	}
	return left
}

// touch notes that the call goes on, or that a question was put or answered.
func (f *flow) touch(asked int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked += asked
	f.timer.Reset(f.patience())
}

// expire ends a call that takes too long.
func (f *flow) expire() {
	what := "was silent for " + f.dest.Timeout.String()
	if time.Until(f.last) <= 0 {
		what = "took longer than " + f.server.config.MaxRuntime.String()
	}
	f.cancel(mcp.Errorf(mcp.CodeInternal, mcp.Timeout, "the call of server %q %s and was cancelled", f.server.config.Name, what))
}

// run makes the call once: with as many requests as it takes where the server asks something by the end of one.
func (f *flow) run() error {
	at, err := f.server.choose(f.ctx, f.call)
	if err != nil {
		return err
	}
	answered := false
	defer func() { at.back(answered) }()
	f.place = at
	f.same = at.session.Revision().Stateless == f.call.Revision.Stateless
	if state := f.call.Member("requestState"); !f.same && f.call.Revision.Stateless && state != nil && string(state) != "null" {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Forged, "params.requestState is refused: server %q gives none", f.server.config.Name)
	}
	at.link.setLevel(f.ctx, at.session, f.call.LogLevel, !at.link.shared)
	if !at.link.shared {
		defer at.link.serving.Serve(f.ctx, f)()
	}
	for f.round = 0; f.round < maxRounds; f.round++ {
		var again bool
		again, answered, err = f.once(at.session)
		if !again || err != nil {
			return err
		}
	}
	return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q asked more than %d times in one call", f.server.config.Name, maxRounds)
}

// once makes one request and passes its answer on, unless that is a question for a client of the other era, or of the dialect: then it asks
// the client, and the request is to be made again. Answered says that the server has done with the request.
func (f *flow) once(session *transport.Session) (again, answered bool, err error) {
	a, err := session.Call(f.ctx, f.request(session.NextID()), f)
	if err != nil {
		return false, false, err
	}
	defer a.Release()
	revision := session.Revision()
	if e := a.Err(revision); e != nil {
		if f.same || e.Code != mcp.CodeURLElicitation || revision.Stateless {
			return false, true, e
		}
		return true, true, f.visitURLs(e)
	}
	result := a.Result()
	if f.dest.Task {
		f.place.link.keep()
	}
	if !f.same {
		if fault := translate.Fault(result, revision); fault != "" {
			return false, true, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the answer of server %q %s", f.server.config.Name, fault)
		}
	}
	if (!f.same || f.call.Dialect != "") && revision.InputRequired && isQuestion(result) {
		return true, true, f.consult(result) // the client has no way to come back with answers
	}
	f.visited()
	return false, true, f.reply.Done(f.ctx, &mcp.Result{Value: result, Message: &a.Message, Revision: revision, Shared: f.place.link.shared})
}

// request puts the call into the words of the server.
func (f *flow) request(id int64) transport.Request {
	out := translate.Request{
		Call: f.call, Dest: f.dest, To: f.place.session.Revision(), Token: id, Info: f.server.pool.info,
		Responses: f.responses, State: f.state,
	}
	r := transport.Request{ID: id, Method: f.call.Method, Enveloped: true}
	r.Params, r.Patches = out.Params()
	r.Name, r.Header = out.Header()
	return r
}

// Notice passes on a notification that belongs to the call.
func (f *flow) Notice(m *wire.Message) {
	switch string(m.MethodName()) {
	case mcp.NoticeProgress:
		f.touch(0)
		if !f.progress && f.call.Method != mcp.MethodTaskResult { // which tells of the progress of another call
			return
		}
	case mcp.NoticeMessage:
		if !f.wants(m) {
			return
		}
	case mcp.NoticeElicited:
		if !f.same {
			f.elicited(m)
			return
		}
	}
	_ = f.reply.Notify(f.ctx, m) // a client that is gone cancels the call by the rules of its era
}

// wants reports whether the client has asked for a log message. A modern client that names no level wants none; a legacy one
// leaves it to the server.
func (f *flow) wants(m *wire.Message) bool {
	if f.call.LogLevel == "" {
		return !f.call.Revision.Stateless
	}
	return severe(m, f.call.LogLevel)
}

// Question puts a server's question to the client of the call. On a session that clients share the server was told that nobody
// can be asked.
func (f *flow) Question(ctx context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	q := question(m)
	if f.place.link.shared || !f.can(q) {
		return f.server.refuse(m)
	}
	if !f.same {
		q = translate.ModernQuestion(q)
	}
	answers, err := f.ask(ctx, []mcp.Question{q})
	if !f.same && (errors.Is(err, mcp.ErrExpired) || mcp.AsError(err) != nil) {
		f.cancel(f.unanswered(err)) // nobody waits for the call any more, or it may ask no more
		return nil, nil             //nolint:nilerr // the call ends with the error, and the server is told that it was cancelled
	}
	return f.server.answer(m, answers, err)
}

// ask puts questions to the client. The call is not silent meanwhile.
func (f *flow) ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	f.touch(1)
	defer f.touch(-1)
	return f.reply.Ask(ctx, questions)
}
