package mcp

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// JSON-RPC error codes (JSON-RPC 2.0 section 5.1) and those of MCP.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
	// CodeResourceNotFound is the legacy era's code for a missing resource.
	CodeResourceNotFound = -32002
	// CodeURLElicitation asks a legacy client to visit a URL first.
	CodeURLElicitation = -32042
	// CodeHeaderMismatch says that headers and body disagree (modern era).
	CodeHeaderMismatch = -32020
	// CodeMissingCapability says that the client did not declare what the call needs (modern era).
	CodeMissingCapability = -32021
	// CodeUnsupportedRevision says that we do not speak the revision (modern era).
	CodeUnsupportedRevision = -32022
)

// A Reason says in one word why a call failed, whatever the revision. It
// decides the HTTP status and stands in the audit record.
type Reason string

// The reasons of design/dialect.md, and the ones a door has of its own.
const (
	Unauthenticated  Reason = "unauthenticated"
	Forbidden        Reason = "forbidden"
	NotFound         Reason = "not-found"
	InvalidArguments Reason = "invalid-arguments"
	RateLimited      Reason = "rate-limited"
	Timeout          Reason = "timeout"
	Conflict         Reason = "conflict"
	Blocked          Reason = "blocked"
	Upstream         Reason = "upstream"
	Internal         Reason = "internal"
	Malformed        Reason = "malformed"
	Unsupported      Reason = "unsupported"
	Cancelled        Reason = "cancelled"
	Unavailable      Reason = "unavailable"
	// InsufficientScope says that the caller can do it once it has asked for more scopes (RFC 6750 section 3.1).
	InsufficientScope Reason = "insufficient-scope"
	// Forged, Stolen and Replayed say that a retry brought state that is not ours, not
	// the caller's, or was used before. Honest clients do none of it.
	Forged   Reason = "forged-state"
	Stolen   Reason = "stolen-state"
	Replayed Reason = "replayed-state"
	// ApprovalDenied and ApprovalExpired say that a person did not allow the call, or nobody in time.
	ApprovalDenied  Reason = "approval-denied"
	ApprovalExpired Reason = "approval-expired"
)

// An Error is the only error that crosses the wire. Any other error becomes
// "internal error" with the call's id, under which the log tells more.
type Error struct {
	// Code is the JSON-RPC error code.
	Code int
	// Message is what the client is told.
	Message string
	// Data is the error's data as JSON, or nil.
	Data []byte
	// Raw is the whole error object as a server sent it; it is relayed instead of
	// the fields above where the client's revision allows.
	Raw []byte
	// Answer is the server's whole answer, in which Raw stands, so that it can be
	// relayed byte for byte; nil where there is none.
	Answer *wire.Message
	// Revision is what the server that sent Raw speaks.
	Revision *Revision
	// Reason is the house's word for it.
	Reason Reason
	// Challenge is what an answer over HTTP says in WWW-Authenticate (RFC 9110 section 11.6.1) where it is more than the scheme.
	Challenge string
	// Scopes are those of which any one would do, where the Reason is InsufficientScope.
	Scopes []string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf returns an Error of ours.
func Errorf(code int, reason Reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// MayHaveRun is the member of an error's data that says whether the call may have had
// effects although it failed, so that a program does not make it again.
const MayHaveRun = "mayHaveRun"

// Doubtful returns an Error of ours about a call of which nobody knows whether it was
// done: the server was sent it and did not answer.
func Doubtful(e *Error) *Error {
	return &Error{Code: e.Code, Reason: e.Reason, Message: e.Message + "; the call may have had effects", Data: []byte(`{"` + MayHaveRun + `":true}`)}
}

// AsError returns err's *Error, or nil where it has none and the wire must not see it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// ParseError reads a JSON-RPC error object that has been scanned, from a peer of
// that revision. The result shares no memory with it.
func ParseError(object []byte, r *Revision) *Error {
	raw := bytes.Clone(object)
	e := &Error{Raw: raw, Revision: r, Reason: Upstream, Code: CodeInternal}
	if code, ok := wire.ParseInt(wire.Get(raw, "code")); ok {
		e.Code = int(code)
	}
	e.Message, _ = wire.Unquote(wire.Get(raw, "message"))
	e.Data = wire.Get(raw, "data")
	return e
}

// AppendError appends a JSON-RPC error object (JSON-RPC 2.0 section 5.1).
func AppendError(dst []byte, e *Error) []byte {
	if len(e.Raw) > 0 {
		return append(dst, e.Raw...)
	}
	dst = wire.AppendInt(append(dst, `{"code":`...), int64(e.Code))
	dst = wire.AppendQuote(append(dst, `,"message":`...), e.Message)
	if len(e.Data) > 0 {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	return append(dst, '}')
}
