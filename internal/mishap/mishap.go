// Package mishap is what becomes of calls that go wrong in ways that are none of the client's business: panics, errors of the house, and
// what a door has refused.
package mishap

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/task"
)

// Recover turns panics and errors that are none of the client's business into an
// internal error, and logs them under the call's id.
func Recover(log *slog.Logger) mcp.Middleware {
	return func(next mcp.Handler) mcp.Handler {
		return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) (err error) {
			defer func() {
				if p := recover(); p != nil {
					log.ErrorContext(ctx, "a call panicked", slog.String("call", call.ID), slog.String("method", call.Method),
						slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
					err = internal(call)
				}
			}()
			return explain(ctx, log, call, next.Handle(ctx, call, reply))
		})
	}
}

// explain makes an error one that the wire may see.
func explain(ctx context.Context, log *slog.Logger, call *mcp.Call, err error) error {
	switch {
	case err == nil || mcp.AsError(err) != nil:
		return err
	case ctx.Err() != nil:
		if cause := mcp.AsError(context.Cause(ctx)); cause != nil {
			return cause
		}
		return mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the call was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return mcp.Errorf(mcp.CodeInternal, mcp.Timeout, "the call took too long")
	}
	log.ErrorContext(ctx, "a call failed", slog.String("call", call.ID), slog.String("method", call.Method), slog.Any("error", err))
	return internal(call)
}

func internal(call *mcp.Call) *mcp.Error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Internal, "internal error; the gateway's log tells more under %s", call.ID)
}

// Refuse ends the way of a call that its door refused.
func Refuse(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Refused != nil {
			if task.Addressed(call) {
				call.Name = "" // the record shows no id that opens something
			}
			return call.Refused
		}
		return next.Handle(ctx, call, reply)
	})
}
