package approve

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// refusal is what a client is told whose call was not allowed.
func refusal(r *Request) *mcp.Error {
	if r.State == Denied {
		text := fmt.Sprintf("%s was not run: %s denied it", r.Name, byWhom(r))
		if r.Reason != "" {
			text += " (" + r.Reason + ")"
		}
		return told(mcp.ApprovalDenied, text+"; do not try it again unless you are asked to", r)
	}
	text := fmt.Sprintf("%s was not run: nobody allowed it within %s", r.Name, r.Until.Sub(r.Asked).Round(time.Second))
	if r.Reason != "" {
		text = fmt.Sprintf("%s was not run: it waited to be allowed, and %s", r.Name, r.Reason)
	}
	switch r.By {
	case byHost:
		text += "; the person in front of the client decides, when the client asks"
	case byEither:
		text += "; the person in front of the client decides when the client asks, or who runs the gateway, with sumun approve"
	default:
		text += "; who runs the gateway decides, with sumun approve"
	}
	return told(mcp.ApprovalExpired, text, r)
}

func told(reason mcp.Reason, text string, r *Request) *mcp.Error {
	e := mcp.Errorf(mcp.CodeInvalidRequest, reason, "%s", text)
	e.Data = wire.Object(nil).Text("approval", r.ID).Text("state", string(r.State)).End()
	return e
}

// keyOver is why a call is not made that waited when its caller's key was revoked.
const keyOver = "the key was revoked or has expired while the call waited"

func errKeyOver(r *Request) *mcp.Error {
	return &mcp.Error{
		Code: mcp.CodeInvalidRequest, Reason: mcp.Unauthenticated, Message: r.Name + " was not run: " + keyOver, Data: []byte(`{"reason":"unauthenticated"}`),
	}
}

func errClosing() *mcp.Error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway is being stopped, so nobody can allow the call")
}

// unavailable is what a client is told whose call nobody can allow now: what is not sure is not done.
func (a *Approvals) unavailable(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	a.Log.ErrorContext(ctx, "a call that needs approval is refused", slog.String("when", doing), slog.Any("error", err))
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the call needs to be allowed by a person, and the gateway's store does not answer; try again in a while")
}

// refuse tells the client why its call was not made: a client of the standard whose person or policy said no by the result of the tool, so
// that its model can tell and does not try again (server/tools, "Error Handling"); everybody else by an error.
func (v *visit) refuse(ctx context.Context, err error) error {
	e := mcp.AsError(err)
	if e == nil || v.call.Dialect != "" || v.call.Method != mcp.MethodToolsCall || e.Reason != mcp.ApprovalDenied && e.Reason != mcp.ApprovalExpired {
		return err
	}
	v.call.Withheld = e.Reason
	var o wire.Object
	if v.call.Revision.ResultType {
		o = o.Text("resultType", "complete")
	}
	text := wire.Object(nil).Text("type", "text").Text("text", e.Message).End()
	value := o.Member("isError", []byte("true")).Member("content", append(append([]byte{'['}, text...), ']')).End()
	return v.reply.Done(ctx, mcp.Own(value))
}
