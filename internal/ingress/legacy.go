package ingress

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// initialize opens a session of the legacy era (basic/lifecycle).
func (d *HTTP) initialize(x *exchange) {
	if x.message.Kind != wire.Request {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "initialize must be a request"))
		return
	}
	if err := dialogue.FillInitialize(&x.call); err != nil {
		x.refuse(http.StatusBadRequest, err)
		return
	}
	s, err := d.Sessions.Create(session.Hello{
		Caller: x.call.Caller, Revision: x.call.Revision,
		Capabilities: bytes.Clone(x.call.Capabilities), ClientInfo: bytes.Clone(x.call.ClientInfo),
	})
	if err != nil {
		x.refuse(http.StatusServiceUnavailable, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "%v", err))
		return
	}
	x.call.Session = &s.Session
	x.w.Header().Set(headerSession, s.Token)
	if !d.answerLegacy(x, s) {
		d.Sessions.End(s)
	}
}

// legacy answers a message of the legacy era that is not initialize.
func (d *HTTP) legacy(x *exchange, header string) {
	s, ok := d.legacyClient(x, header)
	if !ok {
		return
	}
	if s == nil {
		d.sessionless(x)
		return
	}
	defer s.Release()
	switch x.message.Kind {
	case wire.Result, wire.Failure:
		d.takeAnswer(x, s)
	case wire.Notification:
		x.w.WriteHeader(http.StatusAccepted)
		d.handleNotice(&x.call, s)
	default:
		d.answerLegacy(x, s)
	}
}

// session finds the session of a request, or refuses the request.
func (d *HTTP) session(x *exchange, token string) (*session.Session, bool) {
	s, err := d.Sessions.Get(token, x.call.Caller)
	if err != nil {
		x.refuseSession(err)
		return nil, false
	}
	x.adopt(s)
	return s, true
}

// adopt lets a request belong to a session.
func (x *exchange) adopt(s *session.Session) {
	x.call.Session, x.call.Revision = &s.Session, s.Revision
	x.call.Capabilities, x.call.ClientInfo = s.Capabilities, s.ClientInfo
	x.call.LogLevel = s.Level()
}

// refuseSession says why there is no session for a request.
func (x *exchange) refuseSession(err error) {
	if errors.Is(err, session.ErrForeign) {
		x.refuse(http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the session belongs to another caller"))
		return
	}
	x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "%v; initialize again", err))
}

// sessionless serves clients that never initialize: the few methods that need
// nothing of a session.
func (d *HTTP) sessionless(x *exchange) {
	if err := needsSession(x.call.Method); err != nil {
		x.refuse(http.StatusBadRequest, err)
		return
	}
	d.answerLegacy(x, nil)
}

// needsSession refuses what cannot be done without a session.
func needsSession(method string) *mcp.Error {
	switch method {
	case mcp.MethodToolsList, mcp.MethodToolsCall, mcp.MethodPing:
		return nil
	}
	return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed,
		"%s needs a session: initialize first and send the header %s", method, headerSession)
}

var errNoQuestion = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "no question of that id waits for an answer")

// takeAnswer hands a client's answer to the question that waits for it.
func (d *HTTP) takeAnswer(x *exchange, s *session.Session) {
	if !dialogue.TakeAnswer(s, &x.message) {
		x.refuse(http.StatusBadRequest, errNoQuestion)
		return
	}
	x.w.WriteHeader(http.StatusAccepted)
}

// handleNotice handles a client's notification. Cancellation is the door's own affair.
func (d *HTTP) handleNotice(call *mcp.Call, s *session.Session) {
	if call.Method == mcp.NoticeCancelled {
		s.Cancel(call.Member("requestId"), dialogue.ErrCancelled)
		return
	}
	if dialogue.CheckMethod(call) != nil {
		return // a notification is never answered, not even an unknown one
	}
	if err := d.Handler.Handle(s.Context(), call, dialogue.NoReply{}); err != nil {
		d.Log.DebugContext(s.Context(), "notification not handled", slog.String("method", call.Method), slog.Any("error", err))
	}
}

// answerLegacy answers a request. The call goes on when the connection is lost;
// s is nil for a client without a session. It reports whether the call ended well.
func (d *HTTP) answerLegacy(x *exchange, s *session.Session) bool {
	if err := dialogue.PrepareLegacy(&x.call, s); err != nil {
		x.refuse(http.StatusOK, err)
		return false
	}
	ctx, done, err := x.begin(s, x.id())
	if err != nil {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err))
		return false
	}
	defer done()
	both := &struct {
		post  legacyPost
		reply legacyReply
	}{post: legacyPost{x: x, session: s}} // in one piece of memory
	post, reply := &both.post, &both.reply
	reply.legacyPost, reply.call = post, &x.call
	d.vigil.begin(&post.watch, post)
	defer d.vigil.end(&post.watch)
	err = d.Handler.Handle(ctx, &x.call, reply)
	reply.finish(ctx, err)
	return err == nil
}

// begin returns the context of a call, which a lost connection does not end, but the
// session's end, the client's cancellation or the end of the house.
func (x *exchange) begin(s *session.Session, id []byte) (context.Context, func(), error) {
	if s != nil {
		return s.Begin(id)
	}
	request := x.r.Context()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(request))
	stop := context.AfterFunc(request, func() {
		if why := cutOff(request); why != nil {
			cancel(why)
		}
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}, nil
}

// endSession ends a session at the client's wish.
func (d *HTTP) endSession(x *exchange) {
	s, ok := d.session(x, x.r.Header.Get(headerSession))
	if !ok {
		return
	}
	s.Release()
	d.Sessions.End(s)
	x.w.WriteHeader(http.StatusNoContent)
}
