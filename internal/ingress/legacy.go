package ingress

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

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
	if err := fillInitialize(&x.call); err != nil {
		x.refuse(http.StatusBadRequest, err)
		return
	}
	s, err := d.Sessions.Create(session.Hello{
		Caller: x.call.Caller, Revision: x.call.Revision,
		Capabilities: cloneOf(x.call.Capabilities), ClientInfo: cloneOf(x.call.ClientInfo),
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

// fillInitialize takes the client's hello out of an initialize request.
func fillInitialize(call *mcp.Call) *mcp.Error {
	name, ok := wire.Unquote(call.Member("protocolVersion"))
	if !ok {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params.protocolVersion must be a string")
	}
	call.Revision = mcp.Negotiate(name)
	call.Capabilities = call.Member("capabilities")
	call.ClientInfo = call.Member("clientInfo")
	return nil
}

func cloneOf(b []byte) []byte { return append([]byte(nil), b...) }

// legacy answers a message of the legacy era that is not initialize.
func (d *HTTP) legacy(x *exchange, header string) {
	if header != "" && mcp.ParseRevision(header) == nil {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported,
			"the header %s names %q, which is not supported", headerRevision, header))
		return
	}
	token := x.r.Header.Get(headerSession)
	if token == "" {
		d.sessionless(x, header)
		return
	}
	s, ok := d.session(x, token)
	if !ok {
		return
	}
	defer s.Release()
	switch x.message.Kind {
	case wire.Result, wire.Failure:
		d.takeAnswer(x, s)
	case wire.Notification:
		d.takeNotice(x, s)
	default:
		d.answerLegacy(x, s)
	}
}

// session finds the session of a request, or refuses the request.
func (d *HTTP) session(x *exchange, token string) (*session.Session, bool) {
	s, err := d.Sessions.Get(token, x.call.Caller)
	switch {
	case err == nil:
		x.call.Session, x.call.Revision = &s.Session, s.Revision
		x.call.Capabilities, x.call.ClientInfo = s.Capabilities, s.ClientInfo
		x.call.LogLevel = s.Level()
		return s, true
	case errors.Is(err, session.ErrForeign):
		x.refuse(http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the session belongs to another caller"))
	default:
		x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "%v; initialize again", err))
	}
	return nil, false
}

// sessionless serves clients that never initialize: the few methods that need
// nothing of a session.
func (d *HTTP) sessionless(x *exchange, header string) {
	x.call.Revision = mcp.Unnamed()
	if header != "" {
		x.call.Revision = mcp.ParseRevision(header)
	}
	switch x.call.Method {
	case mcp.MethodToolsList, mcp.MethodToolsCall, mcp.MethodPing:
	default:
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed,
			"%s needs a session: initialize first and send the header %s", x.call.Method, headerSession))
		return
	}
	d.answerLegacy(x, nil)
}

// takeAnswer hands a client's answer to the question that waits for it.
func (d *HTTP) takeAnswer(x *exchange, s *session.Session) {
	id, ok := wire.ParseInt(x.message.Bytes(x.message.ID))
	if !ok || !s.Answer(id, answerOf(&x.message)) {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "no question of that id waits for an answer"))
		return
	}
	x.w.WriteHeader(http.StatusAccepted)
}

// answerOf copies a client's answer out of its message.
func answerOf(m *wire.Message) mcp.Answer {
	if m.Kind == wire.Result {
		return mcp.Answer{Result: cloneOf(m.Bytes(m.Result))}
	}
	raw := cloneOf(m.Bytes(m.Error))
	e := &mcp.Error{Raw: raw, Code: mcp.CodeInternal, Reason: mcp.Upstream}
	if code, ok := wire.ParseInt(wire.Get(raw, "code")); ok {
		e.Code = int(code)
	}
	e.Message, _ = wire.Unquote(wire.Get(raw, "message"))
	return mcp.Answer{Err: e}
}

// takeNotice handles a client's notification. Cancellation is the door's own affair.
func (d *HTTP) takeNotice(x *exchange, s *session.Session) {
	x.w.WriteHeader(http.StatusAccepted)
	if x.call.Method == mcp.NoticeCancelled {
		s.Cancel(x.call.Member("requestId"), errCancelled)
		return
	}
	if checkMethod(&x.call) != nil {
		return // a notification is never answered, not even an unknown one
	}
	if err := d.Handler.Handle(s.Context(), &x.call, noReply{}); err != nil {
		d.Log.DebugContext(s.Context(), "notification not handled", slog.String("method", x.call.Method), slog.Any("error", err))
	}
}

// errCancelled is why a call ends that its client cancelled.
var errCancelled = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Cancelled, "the client cancelled the call")

// answerLegacy answers a request. The call goes on when the connection is lost;
// s is nil for a client without a session. It reports whether the call ended well.
func (d *HTTP) answerLegacy(x *exchange, s *session.Session) bool {
	if err := prepareLegacy(&x.call, s); err != nil {
		x.refuse(http.StatusOK, err)
		return false
	}
	ctx, done, err := x.begin(s)
	if err != nil {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err))
		return false
	}
	defer done()
	reply := &legacyReply{x: x, session: s}
	err = d.Handler.Handle(ctx, &x.call, reply)
	reply.finish(ctx, err)
	return err == nil
}

// begin returns the context of a call, which a lost connection does not end, but the
// session's end, the client's cancellation or the end of the house.
func (x *exchange) begin(s *session.Session) (context.Context, func(), error) {
	if s != nil {
		return s.Begin(x.id())
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

// prepareLegacy checks a request and takes its name.
func prepareLegacy(call *mcp.Call, s *session.Session) *mcp.Error {
	if err := checkMethod(call); err != nil {
		return err
	}
	if call.Method == mcp.MethodSetLevel && s != nil {
		level, _ := wire.Unquote(call.Member("level"))
		if mcp.Severity(level) < 0 {
			return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params.level must be one of debug, info, notice, warning, error, critical, alert, emergency")
		}
		s.SetLevel(level)
		call.LogLevel = level
	}
	return takeName(call)
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
