package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Kinds of an [*Error], for errors.Is. A Sumun says which it is in the error's data; of other servers it is told from the
// code of the error or of HTTP, where that is certain.
var (
	ErrUnauthenticated  = errors.New("unauthenticated")
	ErrForbidden        = errors.New("forbidden")
	ErrNotFound         = errors.New("not found")
	ErrInvalidArguments = errors.New("invalid arguments")
	ErrConflict         = errors.New("conflict")
	ErrRateLimited      = errors.New("rate limited")
	ErrBlocked          = errors.New("blocked")
	ErrTimeout          = errors.New("timeout")
	// ErrUnsupported says that the server does not know the method: it has no such ability, or does not speak the dialect.
	ErrUnsupported = errors.New("unsupported")
	// ErrLost says that the line to the server broke, or could not be had.
	ErrLost = errors.New("connection lost")
	// ErrUntrusted says that the server is not who, or offers not what, its owner has signed ([VerifySignature]).
	ErrUntrusted = errors.New("not trusted")
)

// ErrClosed is returned by the methods of a Client that was closed.
var ErrClosed = errors.New("the client was closed")

// The reasons of errors that no server has sent.
const (
	reasonLost      = "lost"
	reasonUntrusted = "untrusted"
)

// kinds are the kinds of errors by their reasons.
var kinds = map[string]error{
	string(mcp.Unauthenticated): ErrUnauthenticated, string(mcp.Forbidden): ErrForbidden, string(mcp.NotFound): ErrNotFound,
	string(mcp.InvalidArguments): ErrInvalidArguments, string(mcp.Conflict): ErrConflict, string(mcp.RateLimited): ErrRateLimited,
	string(mcp.Blocked): ErrBlocked, string(mcp.Timeout): ErrTimeout, string(mcp.Unsupported): ErrUnsupported, reasonLost: ErrLost, reasonUntrusted: ErrUntrusted,
}

// An Error says why a request failed.
type Error struct {
	// Code is the JSON-RPC error code; it is -32603 for errors that no server has sent.
	Code int
	// Reason says in one word what the matter is, as "error.data.reason" of the dialect does; empty where that is not known.
	Reason string
	// Message is what the server says, or what is wrong with it.
	Message string
	// Data is the error's data, or nil.
	Data json.RawMessage
	// MayHaveRun says that the request was sent and nobody knows what became of it, so that it may have had effects: the line broke, or
	// that of a Sumun to the server behind it.
	MayHaveRun bool

	doing string
}

// Error returns what was asked, and why it failed.
func (e *Error) Error() string {
	text := e.Message
	if e.MayHaveRun && e.Data == nil { // else the server says so itself
		text += " (the request may have had effects)"
	}
	if e.doing == "" {
		return text
	}
	return e.doing + ": " + text
}

// Is reports whether target is the kind of the error.
func (e *Error) Is(target error) bool {
	kind, ok := kinds[e.Reason]
	return ok && target == kind
}

// ETag returns the state that a resource is in now, where the error is a conflict and says so; else it is empty.
func (e *Error) ETag() string { return value.Text(e.Data, "etag") }

// failure gives an error of the transport the form in which callers get it.
func failure(ctx context.Context, doing string, r *mcp.Revision, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	told := mcp.AsError(err)
	status, hasStatus := errors.AsType[*line.StatusError](err)
	switch {
	case told == nil && hasStatus:
		told = mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "%v", err)
	case told == nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	e := &Error{Code: told.Code, Message: told.Message, Data: told.Data, doing: doing}
	e.MayHaveRun = string(wire.Get(told.Data, mcp.MayHaveRun)) == "true"
	if lost, ok := errors.AsType[*transport.LostError](err); ok {
		e.Reason, e.MayHaveRun = reasonLost, lost.Sent
		return e
	}
	e.Reason = reasonOf(told, r)
	if hasStatus {
		e.Reason = reasonOfStatus(status.Response.StatusCode)
	}
	return e
}

// reasonOf tells the reason of a server's error: by its own word, else by a code that has one meaning only.
func reasonOf(e *mcp.Error, r *mcp.Revision) string {
	if e.Code == mcp.CodeMethodNotFound {
		return string(mcp.Unsupported)
	}
	if reason, ok := wire.Unquote(wire.Get(e.Data, "reason")); ok {
		return reason
	}
	switch {
	case e.Code == mcp.CodeResourceNotFound && (r == nil || r.NotFound == e.Code):
		return string(mcp.NotFound)
	case len(e.Raw) == 0 && e.Reason != mcp.Upstream: // an error of ours, such as a timeout
		return string(e.Reason)
	}
	return ""
}

// reasonOfStatus tells the reason of an HTTP status that came without an answer.
func reasonOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return string(mcp.Unauthenticated)
	case http.StatusForbidden:
		return string(mcp.Forbidden)
	case http.StatusTooManyRequests:
		return string(mcp.RateLimited)
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return string(mcp.Unsupported) // no MCP there, or not this method: some SDKs answer so to what they do not know
	}
	return ""
}

// A ToolError is the answer of a tool that ran and failed.
type ToolError struct {
	// Tool is the name of the tool, and Result what it answered.
	Tool   string
	Result *Result
}

// Error returns what the tool said.
func (e *ToolError) Error() string {
	const most = 500
	said := e.Result.Text()
	if len(said) > most {
		said = said[:most] + "…"
	}
	return e.Tool + " failed: " + said
}
