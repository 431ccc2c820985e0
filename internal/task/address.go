package task

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Middleware finds the task that a call addresses by the id that the client was given, before anything is decided on it: the call is then
// one of the tool that the task runs.
func (t *Tasks) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if !call.Revision.Stateless && call.Meta(mcp.MetaRelatedTask) != nil {
			unrelated, err := Unrelated(call)
			if err != nil {
				return err
			}
			call.Request = unrelated.Request
		}
		if Addressed(call) {
			if err := t.address(ctx, call); err != nil {
				return err
			}
		}
		return next.Handle(ctx, call, reply)
	})
}

// Addressed reports whether a call names a task, by the id that the client was given.
func Addressed(call *mcp.Call) bool {
	method, _ := mcp.MethodByName(call.Method)
	return method.NameMember == "taskId"
}

func (t *Tasks) address(ctx context.Context, call *mcp.Call) error {
	token := call.Name
	call.Name = "" // the record shows no id that opens something
	if call.Caller == nil {
		return Unknown(mcp.Unauthenticated, token)
	}
	if err := t.mayAddress(ctx, call); err != nil {
		return err
	}
	ref, err := t.Open(call, token)
	switch {
	case errors.Is(err, ErrForeign):
		return Unknown(mcp.Stolen, token)
	case errors.Is(err, ErrForged) && t.Sealer.IsOurs(token):
		return Unknown(mcp.Forged, token)
	case err != nil || !call.Caller.View.Sees(mcp.Tool, ref.Tool):
		return Unknown(mcp.NotFound, token)
	}
	call.Asked, call.Name, call.Task, call.Server = token, ref.Tool, ref.ID, ref.Server
	return nil
}

// mayAddress refuses calls about tasks of clients that cannot have any.
func (t *Tasks) mayAddress(ctx context.Context, call *mcp.Call) error {
	if !t.Able(ctx, call) || !call.Revision.Stateless && call.Session == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known: no server here has tasks", call.Method)
	}
	if call.Revision.Stateless && !Declares(call.Capabilities) {
		return ErrUndeclared()
	}
	return nil
}
