package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// dialect answers a message in the mcp.* dialect. Each stands alone, and a lost
// connection cancels it.
func (d *HTTP) dialect(x *exchange) {
	x.call.Header = x.r.Header
	refused := dialect.Take(&x.call, time.Now())
	if refused == nil && x.call.Method == mcp.MethodSubscribeEvents && !accepts(x.r.Header["Accept"], "text/event-stream") {
		refused = mcp.Errorf(mcp.CodeInvalidRequest, mcp.InvalidArguments, "events come as a stream; send the header Accept: text/event-stream")
	}
	x.call.Refused = refused
	ctx, r := x.r.Context(), &dialectReply{x: x}
	d.vigil.begin(&r.watch, r)
	defer d.vigil.end(&r.watch)
	err := d.Handler.Handle(ctx, &x.call, r)
	if x.message.Kind == wire.Notification {
		if err != nil {
			d.Log.DebugContext(ctx, "notification not handled", slog.String("method", x.call.Dialect), slog.Any("error", err))
		}
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	r.finish(ctx, err)
}

// A dialectReply answers one message of the dialect over HTTP: with one JSON document,
// or for events with a stream, which begins with the answer.
type dialectReply struct {
	watch watch
	x     *exchange

	mu sync.Mutex
	// events writes the stream; nil where there is none.
	events *dialogue.EventWriter
	done   bool
}

// Notify sends an event. What else a server says in mid-call has no place in an answer
// of one document.
func (r *dialectReply) Notify(_ context.Context, notice *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.done:
		return dialogue.ErrGone
	case r.x.call.Method != mcp.MethodSubscribeEvents || r.x.message.Kind != wire.Request:
		return nil
	case r.events == nil:
		r.events = dialogue.OpenEvents(r.x.w, true)
		answer := mcp.Own(notice.Bytes(notice.Params))
		return r.events.Event("", dialect.AppendAnswer(nil, r.x.id(), &r.x.call, answer, time.Now()))
	}
	return r.events.Event("", notice.Raw)
}

// Ask refuses: nobody can be asked in the dialect.
func (r *dialectReply) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done sends the result. A stream of events has had its answer, and just ends.
func (r *dialectReply) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	r.done = true
	if x := r.x; r.events == nil && x.message.Kind == wire.Request {
		x.out = dialect.AppendAnswer(x.out[:0], x.id(), &x.call, result, time.Now())
		x.write(http.StatusOK, x.out)
	}
	return nil
}

// alive keeps a stream of events from being taken for a dead one.
func (r *dialectReply) alive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done && r.events != nil {
		_ = r.events.Comment() // a client that left shows in the context
	}
}

// finish sends the error with which the call ended, if it did. A client that has left
// gets none.
func (r *dialectReply) finish(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := ctx.Err() != nil && cutOff(ctx) == nil
	if err == nil || r.done || gone || r.events != nil {
		r.done = true
		return
	}
	r.done = true
	e := translate.Failure(&r.x.call, err)
	r.x.out = dialect.AppendFailure(r.x.out[:0], r.x.id(), &r.x.call, e)
	status := dialect.Status(e)
	r.x.advise(status, e)
	r.x.write(status, r.x.out)
}

// dialectElement answers one message of the dialect that came in an array.
func (d *HTTP) dialectElement(r *legacyReply) {
	call := r.call
	call.Header, call.Session, call.Capabilities, call.ClientInfo = r.x.r.Header, nil, nil, nil
	call.Refused = dialect.Take(call, time.Now())
	if call.Refused == nil && call.Method == mcp.MethodSubscribeEvents {
		call.Refused = dialect.ErrArray()
	}
	ctx := r.x.r.Context()
	err := d.Handler.Handle(ctx, call, &dialectElement{r})
	if err == nil {
		return
	}
	if call.Request.Kind == wire.Notification {
		d.Log.DebugContext(ctx, "notification not handled", slog.String("method", call.Dialect), slog.Any("error", err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.done {
		r.done = true
		r.give(dialect.AppendFailure(nil, r.id(), call, translate.Failure(call, err)))
	}
}

// A dialectElement is the answer to such a message.
type dialectElement struct{ *legacyReply }

// Notify does nothing: what a server says in mid-call has no place in an array.
func (*dialectElement) Notify(context.Context, *wire.Message) error { return nil }

// Ask refuses: nobody can be asked in the dialect.
func (*dialectElement) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done takes the result into the array.
func (r *dialectElement) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	if r.done = true; r.call.Request.Kind == wire.Request {
		r.give(dialect.AppendAnswer(nil, r.id(), r.call, result, time.Now()))
	}
	return nil
}
