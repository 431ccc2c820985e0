// Package dialogue is what all doors share, whatever the transport: how a client's
// message becomes a call in either era, how a legacy client is asked, and how a
// modern one is, whose call goes on while no request of it is under way.
package dialogue

import (
	"bytes"
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxDepth is how deep a message may nest.
const maxDepth = 512

var scanner = wire.NewScanner(mcp.Vocabulary(), maxDepth)

// Errors with which calls and replies end early.
var (
	// ErrGone says that the client no longer waits for the answer.
	ErrGone = errors.New("the client is gone")
	// ErrCancelled is why a call ends that its client cancelled.
	ErrCancelled = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Cancelled, "the client cancelled the call")
)

// Scan reads one message of a client, strictly, into m, which then stands in data.
// Of one that is refused, m has the bytes, and the id if that is sure.
func Scan(data []byte, m *wire.Message) *mcp.Error {
	err := scanner.Request(data, m)
	if err == nil {
		return nil
	}
	m.Raw = data
	if e, ok := errors.AsType[*wire.Error](err); ok {
		m.ID = e.ID
	}
	return refusal(err)
}

// refusal turns the scanner's refusal into ours.
func refusal(err error) *mcp.Error {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return mcp.Errorf(e.Code, mcp.Malformed, "%s at byte %d", e.Reason, e.Offset)
	}
	return mcp.Errorf(mcp.CodeParse, mcp.Malformed, "%v", err)
}

// FillInitialize takes the client's hello out of an initialize request.
func FillInitialize(call *mcp.Call) *mcp.Error {
	name, ok := wire.Unquote(call.Member("protocolVersion"))
	if !ok {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params.protocolVersion must be a string")
	}
	call.Revision = mcp.Negotiate(name)
	call.Capabilities = call.Member("capabilities")
	call.ClientInfo = call.Member("clientInfo")
	return nil
}

// FillSession takes what a legacy client has said of itself from its session.
func FillSession(call *mcp.Call, s *session.Session) {
	call.Session, call.Revision = &s.Session, s.Revision
	call.Capabilities, call.ClientInfo, call.LogLevel = s.Capabilities, s.ClientInfo, s.Level()
}

// FillModern takes what a modern request says of its client out of _meta, over
// whichever transport it came. A notification need not say anything.
func FillModern(call *mcp.Call) *mcp.Error {
	call.ClientInfo = call.Meta(mcp.MetaClientInfo)
	call.Capabilities = call.Meta(mcp.MetaCapabilities)
	if !call.IsNotification() && (len(call.Capabilities) == 0 || call.Capabilities[0] != '{') {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params._meta[%q] must be an object", mcp.MetaCapabilities)
	}
	if call.ClientInfo != nil && call.ClientInfo[0] != '{' {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params._meta[%q] must be an object", mcp.MetaClientInfo)
	}
	if level := call.Meta(mcp.MetaLogLevel); level != nil {
		call.LogLevel, _ = wire.Unquote(level)
	}
	if name, _ := wire.Unquote(call.Meta(mcp.MetaRevision)); name != "" && !knownModern(name) {
		return unsupportedRevision(name)
	}
	return nil
}

func knownModern(name string) bool {
	r := mcp.ParseRevision(name)
	return r != nil && r.Stateless
}

// unsupportedRevision tells a client which revisions it may use instead.
func unsupportedRevision(requested string) *mcp.Error {
	e := mcp.Errorf(mcp.CodeUnsupportedRevision, mcp.Unsupported, "unsupported protocol version %q", requested)
	e.Data = append(e.Data, `{"supported":`...)
	e.Data = mcp.AppendNames(e.Data)
	e.Data = append(e.Data, `,"requested":`...)
	e.Data = append(wire.AppendQuote(e.Data, requested), '}')
	return e
}

// TakeName takes the name of what is addressed out of the parameters.
func TakeName(call *mcp.Call) *mcp.Error {
	method, known := mcp.MethodByName(call.Method)
	if !known || method.NameMember == "" {
		return nil
	}
	name, ok := wire.Unquote(call.Member(method.NameMember))
	if !ok {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params.%s must be a string", method.NameMember)
	}
	call.Name = name
	return nil
}

// CheckMethod refuses methods that the client's revision does not have.
func CheckMethod(call *mcp.Call) *mcp.Error {
	method, known := mcp.MethodByName(call.Method)
	if !known || !method.In(call.Revision) || method.Notice != call.IsNotification() {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known in %s", call.Method, call.Revision.Name)
	}
	return nil
}

// PrepareLegacy checks a legacy request and takes its name; s is nil for a client
// without a session.
func PrepareLegacy(call *mcp.Call, s *session.Session) *mcp.Error {
	if err := CheckMethod(call); err != nil {
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
	return TakeName(call)
}

// TakeAnswer hands a client's answer to the question of its session that waits for
// it. It reports false when none does.
func TakeAnswer(s *session.Session, m *wire.Message) bool {
	id, ok := wire.ParseInt(m.Bytes(m.ID))
	return ok && s.Answer(id, answerOf(m))
}

// answerOf copies a client's answer out of its message.
func answerOf(m *wire.Message) mcp.Answer {
	if m.Kind == wire.Result {
		return mcp.Answer{Result: bytes.Clone(m.Bytes(m.Result))}
	}
	raw := bytes.Clone(m.Bytes(m.Error))
	e := &mcp.Error{Raw: raw, Code: mcp.CodeInternal, Reason: mcp.Upstream}
	if code, ok := wire.ParseInt(wire.Get(raw, "code")); ok {
		e.Code = int(code)
	}
	e.Message, _ = wire.Unquote(wire.Get(raw, "message"))
	return mcp.Answer{Err: e}
}

// NoReply is the reply to a call that gets none: a notification, or a refusal.
type NoReply struct{}

// Notify drops the notification.
func (NoReply) Notify(context.Context, *wire.Message) error { return nil }

// Ask refuses: nobody is there to answer.
func (NoReply) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done drops the result.
func (NoReply) Done(context.Context, *mcp.Result) error { return nil }
