package mcp

import (
	"errors"
	"fmt"
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
	Upstream         Reason = "upstream"
	Internal         Reason = "internal"
	Malformed        Reason = "malformed"
	Unsupported      Reason = "unsupported"
	Cancelled        Reason = "cancelled"
	Unavailable      Reason = "unavailable"
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
	// Revision is what the server that sent Raw speaks.
	Revision *Revision
	// Reason is the house's word for it.
	Reason Reason
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf returns an Error of ours.
func Errorf(code int, reason Reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err's *Error, or nil where it has none and the wire must not see it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}
