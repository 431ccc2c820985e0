package pipe

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A reply answers a request of a client on a pipe, in the era of the request.
type reply struct {
	pipe    *pipe
	session *session.Session // nil for a client that never initialized
	call    *mcp.Call
	id      []byte // the client's
	batch   *batch // nil for a request that came by itself
	done    atomic.Bool
	// Of a stream of events: unasked is what is done once it has begun, of one that no
	// request asked for, and answered says that the request which did has its answer.
	unasked  func()
	answered bool
}

// Notify sends a notification.
func (r *reply) Notify(_ context.Context, notice *wire.Message) error {
	if r.done.Load() {
		return dialogue.ErrGone
	}
	if r.call.Dialect != "" {
		r.tell(notice)
		return nil
	}
	if translate.Tells(notice, r.call) {
		r.pipe.write(func(dst []byte) []byte { return translate.AppendNotice(dst, notice, r.call) })
	}
	return nil
}

// Ask sends the questions and waits for the answers.
func (r *reply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if r.session == nil || r.call.Revision.Stateless {
		return nil, mcp.ErrUnsupported
	}
	return dialogue.AskAll(ctx, r.session, questions, func(message []byte) error {
		r.pipe.write(func(dst []byte) []byte { return append(dst, message...) })
		return nil
	})
}

// Done sends the result.
func (r *reply) Done(_ context.Context, result *mcp.Result) error {
	if r.done.Swap(true) {
		return dialogue.ErrGone
	}
	if r.unasked != nil || r.answered {
		return nil
	}
	r.pipe.calls.Answering(r.id)
	r.pipe.answer(r.batch, func(dst []byte) []byte {
		if r.call.Dialect != "" {
			return dialect.AppendAnswer(dst, r.id, r.call, result, time.Now())
		}
		return translate.AppendAnswer(dst, r.id, r.call, result, r.pipe.ServerInfo)
	})
	return nil
}

// finish sends the error with which the call ended, if it did. A call that the
// client cancelled gets no answer (basic/utilities/cancellation).
func (r *reply) finish(ctx context.Context, err error) {
	if r.done.Swap(true) || err == nil || r.answered || errors.Is(context.Cause(ctx), dialogue.ErrCancelled) {
		return
	}
	e := translate.Failure(r.call, err)
	r.pipe.calls.Answering(r.id)
	r.pipe.answer(r.batch, func(dst []byte) []byte {
		if r.call.Dialect != "" {
			return dialect.AppendFailure(dst, r.id, r.call, e)
		}
		return translate.AppendFailure(dst, r.id, e)
	})
}
