package translate

import (
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// AppendFailure appends a JSON-RPC error message under the client's id: a server's own as the bytes that came.
func AppendFailure(dst, id []byte, e *mcp.Error) []byte {
	if e.Answer != nil && e.Answer.ID.Ok() {
		return wire.AppendPatched(dst, e.Answer.Raw, wire.Patch{Span: e.Answer.ID, With: id})
	}
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return append(mcp.AppendError(append(dst, `,"error":`...), e), '}')
}

// Failure returns the error with which a call has ended as its client is told it: servers of the other era use codes that the
// client does not know, and what is not an mcp.Error is none of its business.
func Failure(call *mcp.Call, err error) *mcp.Error {
	e := mcp.AsError(err)
	modern := call.Revision == nil || call.Revision.Stateless
	switch {
	case e == nil:
		return internal(call)
	case e.Raw == nil || e.Revision == nil || e.Revision.Stateless == modern:
		return e
	case modern:
		return toModernCode(e)
	}
	return toLegacyCode(call, e)
}

func toModernCode(e *mcp.Error) *mcp.Error {
	switch e.Code {
	case mcp.CodeResourceNotFound:
		return recode(e, mcp.CodeInvalidParams)
	case mcp.CodeURLElicitation, mcp.CodeHeaderMismatch, mcp.CodeUnsupportedRevision:
		return recode(e, mcp.CodeInternal) // of a legacy server they do not mean what they mean in the modern era
	}
	return e
}

func toLegacyCode(call *mcp.Call, e *mcp.Error) *mcp.Error {
	switch {
	case e.Code == mcp.CodeInvalidParams && call.Method == mcp.MethodRead:
		return recode(e, call.Revision.NotFound)
	case e.Code == mcp.CodeMissingCapability:
		return recode(e, mcp.CodeInvalidParams)
	case e.Code == mcp.CodeHeaderMismatch || e.Code == mcp.CodeUnsupportedRevision:
		return recode(e, mcp.CodeInternal)
	}
	return e
}

// recode returns a server's error under another code.
func recode(e *mcp.Error, code int) *mcp.Error {
	return &mcp.Error{Code: code, Message: e.Message, Data: e.Data, Reason: e.Reason}
}

// internal is what a client is told of an error that is none of its business.
func internal(call *mcp.Call) *mcp.Error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Internal, "internal error; the gateway's log tells more under %s", call.ID)
}
