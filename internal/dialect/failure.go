package dialect

import (
	"net/http"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// AppendFailure appends the error with which a call of the dialect ended, with its reason
// in data.
func AppendFailure(dst, id []byte, call *mcp.Call, e *mcp.Error) []byte {
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = wire.AppendInt(append(dst, `,"error":{"code":`...), int64(e.Code))
	dst = wire.AppendQuote(append(dst, `,"message":`...), e.Message)
	dst = wire.AppendQuote(append(dst, `,"data":{"reason":`...), string(reasonOf(call, e)))
	switch {
	case len(e.Data) == 0:
	case e.Data[0] == '{':
		for key, value := range wire.Members(e.Data) {
			if !wire.KeyEqual(key, "reason") {
				dst = append(append(append(dst, `,"`...), key...), `":`...)
				dst = append(dst, value...)
			}
		}
	default:
		dst = appendMember(dst, "detail", e.Data)
	}
	return append(dst, "}}}"...)
}

// AppendRefusal appends the error with which a door refuses a message. It has its reason in data, as the dialect wants it, unless the
// message was read and is of the standard; m is nil for one that was not read.
func AppendRefusal(dst, id []byte, m *wire.Message, e *mcp.Error) []byte {
	if m == nil || m.Kind == wire.Invalid || Speaks(m) {
		return AppendFailure(dst, id, &mcp.Call{}, e)
	}
	return translate.AppendFailure(dst, id, e)
}

// reasonOf returns the reason as the dialect has it, which tells fewer apart. Of a server
// that does not say one only the code is known.
func reasonOf(call *mcp.Call, e *mcp.Error) mcp.Reason {
	if said := saidReason(e); said != "" {
		return said
	}
	invalid := e.Reason == mcp.Upstream && e.Code == mcp.CodeInvalidParams
	switch {
	case invalid && call.Method == mcp.MethodRead, e.Reason == mcp.Upstream && e.Code == mcp.CodeResourceNotFound:
		return mcp.NotFound
	case invalid:
		return mcp.InvalidArguments
	}
	switch e.Reason {
	case mcp.Unauthenticated, mcp.Forbidden, mcp.NotFound, mcp.InvalidArguments, mcp.Conflict, mcp.RateLimited, mcp.Blocked,
		mcp.Timeout, mcp.Upstream, mcp.Internal,
		mcp.ApprovalDenied, mcp.ApprovalExpired:
		return e.Reason
	case mcp.Malformed, mcp.Forged, mcp.Stolen, mcp.Replayed:
		return mcp.InvalidArguments
	case mcp.Unsupported:
		return mcp.NotFound
	case mcp.Cancelled:
		return mcp.Timeout
	case mcp.Unavailable:
		if wire.IsString(wire.Get(e.Data, "reason"), string(mcp.Unavailable)) {
			return e.Reason // it is the gateway itself that cannot tell
		}
		return mcp.Upstream
	case mcp.InsufficientScope:
		return mcp.Forbidden
	}
	return mcp.Internal
}

// ErrArray refuses to open a stream of events in an array of messages, which is answered
// when the last of them has ended.
func ErrArray() *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidRequest, mcp.InvalidArguments, "a stream of events must not be asked for in an array; send the message by itself")
}

// saidReason returns the reason that a server gives in the data of its error, as our own
// do. It cannot speak for the gateway: who may come in is not told by servers.
func saidReason(e *mcp.Error) mcp.Reason {
	if e.Reason != mcp.Upstream || len(e.Data) == 0 || e.Data[0] != '{' {
		return ""
	}
	word, _ := wire.Unquote(wire.Get(e.Data, "reason"))
	switch r := mcp.Reason(word); r {
	case mcp.NotFound, mcp.InvalidArguments, mcp.Conflict, mcp.Timeout, mcp.Upstream:
		return r
	default:
		return ""
	}
}

// Status is the HTTP status of an error.
func Status(e *mcp.Error) int {
	switch e.Reason {
	case mcp.Unauthenticated:
		return http.StatusUnauthorized
	case mcp.Forbidden, mcp.InsufficientScope:
		return http.StatusForbidden
	case mcp.RateLimited:
		return http.StatusTooManyRequests
	default: // it is told in the answer
		return http.StatusOK
	}
}
