package ingress

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A pipeReply answers a request of a client on a pipe, in the era of the request.
type pipeReply struct {
	pipe    *pipe
	session *session.Session // nil for a client that never initialized
	call    *mcp.Call
	done    atomic.Bool
}

// Notify sends a notification.
func (r *pipeReply) Notify(_ context.Context, notice *wire.Message) error {
	if r.done.Load() {
		return errGone
	}
	r.pipe.write(func(dst []byte) []byte { return translate.AppendNotice(dst, notice, r.call) })
	return nil
}

// Ask sends the questions and waits for the answers.
func (r *pipeReply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if r.session == nil || r.call.Revision.Stateless {
		return nil, mcp.ErrUnsupported
	}
	return askAll(ctx, r.session, questions, func(message []byte) error {
		r.pipe.write(func(dst []byte) []byte { return append(dst, message...) })
		return nil
	})
}

// Done sends the result.
func (r *pipeReply) Done(_ context.Context, result *mcp.Result) error {
	if r.done.Swap(true) {
		return errGone
	}
	r.pipe.write(func(dst []byte) []byte {
		return translate.AppendAnswer(dst, r.id(), r.call, result, r.pipe.ServerInfo)
	})
	return nil
}

// finish sends the error with which the call ended, if it did. A call that the
// client cancelled gets no answer (basic/utilities/cancellation).
func (r *pipeReply) finish(ctx context.Context, err error) {
	if r.done.Swap(true) || err == nil || errors.Is(context.Cause(ctx), errCancelled) {
		return
	}
	e := translate.Failure(r.call, err)
	r.pipe.write(func(dst []byte) []byte { return translate.AppendFailure(dst, r.id(), e) })
}

func (r *pipeReply) id() []byte { return r.call.Request.Bytes(r.call.Request.ID) }
