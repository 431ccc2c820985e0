package pipe

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// takeDialect makes the call of a message in the mcp.* dialect. Who subscribes to a
// resource on a line hears of it there.
func (p *pipe) takeDialect(call *mcp.Call) *mcp.Error {
	if err := dialect.Take(call, time.Now()); err != nil {
		return err
	}
	switch call.Method {
	case mcp.MethodUnsubscribeEvents:
		p.hears = new(atomic.Int32)
	case mcp.MethodWatch:
		p.hear(call)
	}
	return nil
}

// hear opens the stream on which a line is told of the resources that it subscribes to,
// unless it has one.
func (p *pipe) hear(watch *mcp.Call) {
	if p.hears.Load() > 0 {
		return
	}
	message := new(wire.Message)
	if err := dialogue.Scan([]byte(`{"jsonrpc":"2.0","id":0,"method":"`+mcp.MethodSubscribeEvents+`","params":{"types":["`+mcp.EventResourceUpdated+`"]}}`), message); err != nil {
		return // it is fine
	}
	call := &mcp.Call{Caller: watch.Caller, Request: message, Transport: p.transport, Remote: p.remote, Line: p.name}
	if err := dialect.Take(call, time.Now()); err != nil {
		return
	}
	ctx, streams := p.notices.Context(), p.hears
	streams.Add(1)
	heard := make(chan struct{})
	begun := sync.OnceFunc(func() { close(heard) })
	p.heard = heard
	p.listening.Go(func() {
		defer streams.Add(-1)
		defer begun()
		// Nobody asked for the stream itself: it has no answer.
		if err := p.Handler.Handle(ctx, call, &reply{pipe: p, call: call, unasked: begun}); err != nil && ctx.Err() == nil {
			p.Log.DebugContext(ctx, "listening ended", slog.Any("error", err))
		}
	})
}

// takeDialectNotice does what a notification in the dialect asks for, which may take as
// long as a request. It is not answered, also when there is no room for it.
func (p *pipe) takeDialectNotice(call *mcp.Call) {
	call.Refused = dialect.Take(call, time.Now())
	_ = p.requests.add(func() {
		ctx := p.calls.Context()
		if err := p.Handler.Handle(ctx, call, dialogue.NoReply{}); err != nil {
			p.Log.DebugContext(ctx, "notification not handled", slog.String("method", call.Method), slog.Any("error", err))
		}
	})
}

// tell sends an event. The first of a stream of events is the answer to the request
// that opened it; what else a server says in mid-call the dialect has no words for.
func (r *reply) tell(notice *wire.Message) {
	if r.call.Method != mcp.MethodSubscribeEvents {
		return
	}
	if string(notice.MethodName()) != mcp.NoticeSubscribed {
		r.pipe.write(func(dst []byte) []byte { return append(dst, notice.Raw...) })
		return
	}
	if r.unasked != nil {
		r.unasked()
		return
	}
	r.answered = true
	r.pipe.calls.Answering(r.id)
	r.pipe.answer(r.batch, func(dst []byte) []byte {
		return dialect.AppendAnswer(dst, r.id, r.call, mcp.Own(notice.Bytes(notice.Params)), time.Now())
	})
}
