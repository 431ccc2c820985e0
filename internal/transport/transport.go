// Package transport speaks raw JSON-RPC with one MCP server, in both eras, over Streamable HTTP, a WebSocket, the standard input
// and output of a child process, or in this process, and over the HTTP+SSE of the first revision.
//
// A [Session] is opened once the era of the server is found, carries any number of concurrent calls, and hands answers over as
// the bytes that came. It numbers its own requests, answers a server's pings, and says to which call a server's notification or
// question belongs. It repeats nothing and starts nothing anew: that is for who stands on it.
package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Era is one of the two ways to speak MCP.
type Era uint8

// The eras. AnyEra stands for not knowing or not minding.
const (
	AnyEra Era = iota
	Legacy
	Modern
)

// EraOf returns the era that a revision belongs to.
func EraOf(r *mcp.Revision) Era {
	switch {
	case r == nil:
		return AnyEra
	case r.Stateless:
		return Modern
	default:
		return Legacy
	}
}

// String returns "legacy", "modern" or "unknown".
func (e Era) String() string { return [...]string{"unknown", "legacy", "modern"}[e] }

// other returns the era that is tried after e.
func (e Era) other() Era {
	if e == Legacy {
		return Modern
	}
	return Legacy
}

// A Target is one server: exactly one of URL, Command and InProcess is set.
type Target struct {
	// Name is what errors and the log call the server.
	Name string
	// URL is the endpoint of a server that speaks Streamable HTTP, or listens on a WebSocket if the scheme is ws or wss. Header
	// goes with each request to it.
	URL    string
	Header http.Header
	// RoundTripper carries the HTTP requests; sessions with one server should share it (see http1.For). Nil makes one.
	RoundTripper *http1.Transport
	// Events says that the server at an http or https URL speaks HTTP+SSE. Where it does not say so, HTTP+SSE is tried when the
	// server refuses initialize in the way of those that know nothing else; see Session.Events.
	Events bool
	// Command is the program that speaks on its standard input and output.
	Command *sandbox.Command
	// InProcess is a server of the official SDK in this process.
	InProcess *sdk.Server
	// Era is what the server is known to speak, so that it need not be probed.
	Era Era
	// StartTimeout bounds Open; 0 means 30 seconds.
	StartTimeout time.Duration
	// MaxMessage bounds one message of the server, in bytes; 0 means 64 MiB.
	MaxMessage int
	// Log gets what the server writes to its standard error and what is wrong with its messages. Nil is silence.
	Log *slog.Logger
}

// The bounds of a Target that sets none.
const (
	defaultStartTimeout = 30 * time.Second
	defaultMaxMessage   = 64 << 20
)

// withDefaults returns t with its zero bounds filled in.
func (t Target) withDefaults() Target {
	if t.StartTimeout <= 0 {
		t.StartTimeout = defaultStartTimeout
	}
	if t.MaxMessage <= 0 {
		t.MaxMessage = defaultMaxMessage
	}
	if t.Log == nil {
		t.Log = slog.New(slog.DiscardHandler)
	}
	return t
}

// A Hello is what a session says of its client.
type Hello struct {
	// Info and Capabilities are JSON objects: clientInfo and the capabilities. Nil stands for an empty object.
	Info, Capabilities []byte
	// LogLevel is the least severe log message that a modern server may send with a call; empty for none.
	LogLevel string
	// Prefer is the era to try first, Require the only one to try.
	Prefer, Require Era
	// Unsolicited is told what belongs to no call. Nil drops it and refuses questions. Its Notice is never called concurrently
	// for one session over a pipe, and must not block for long.
	Unsolicited Sink
}

// A Sink takes what a server sends besides answers. Messages are valid only during the method.
type Sink interface {
	// Notice takes a notification; a progress notification carries the id of the request as its token. It may be called
	// concurrently.
	Notice(m *wire.Message)
	// Question answers a request of the server with a result or an error. It may be called concurrently, and must return soon
	// after ctx has ended. A nil result without an error sends no answer.
	Question(ctx context.Context, m *wire.Message) (result []byte, err *mcp.Error)
}

// A Request is one call to make.
type Request struct {
	// ID is an id that the session's NextID gave; 0 lets Call take one. It is also the progress token of the call.
	ID int64
	// Method is the JSON-RPC method.
	Method string
	// Name is what a modern request over HTTP repeats in its header Mcp-Name; empty for none.
	Name string
	// Params is a JSON object that has been scanned, or nil, and Patches change it on the way out.
	Params  []byte
	Patches []wire.Patch
	// Header holds further headers for HTTP, such as Mcp-Param-* and the trace.
	Header http.Header
	// Progress asks the server to report progress, by a token in _meta.
	Progress bool
	// Enveloped says that Params and Patches bring all of _meta themselves. Otherwise the session adds what a modern request
	// needs, and the progress token.
	Enveloped bool
}

// A LostError says that the line to the server or the session with it is gone, and with it the call. The server can be asked
// again on a new session.
type LostError struct {
	// Sent says that the server may have begun with the call.
	Sent bool
	// Err is what the client may be told.
	Err *mcp.Error
}

// Error returns the message for the client.
func (e *LostError) Error() string { return e.Err.Error() }

// Unwrap returns the error for the client.
func (e *LostError) Unwrap() error { return e.Err }

// lost returns a LostError with a message for the client.
func lost(sent bool, format string, args ...any) *LostError {
	return &LostError{Sent: sent, Err: mcp.Errorf(mcp.CodeInternal, mcp.Upstream, format, args...)}
}

// upstream returns an error about what the server did.
func upstream(format string, args ...any) *mcp.Error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, format, args...)
}

// Faults counts what was wrong with a server's messages since its session was opened.
type Faults struct {
	// Garbage is what was not a JSON-RPC message; Stray is answers to no call in flight.
	Garbage, Stray int64
	// Dropped is messages that nobody took in time; Refused is questions that belong to no single call.
	Dropped, Refused int64
}

// A conn carries the messages of one session. It is safe for concurrent use.
type conn interface {
	// call sends the request of c and returns the answer to it. It owns body.
	call(ctx context.Context, c *exchange, body *wire.Buffer) (*Answer, error)
	// send sends a notification or an answer of ours. It owns body.
	send(ctx context.Context, method string, body *wire.Buffer) error
	// speak sets the revision of what is sent from now on, and opened tells that the handshake is done. Both are called by the
	// handshake only.
	speak(r *mcp.Revision)
	opened()
	// close ends the line, waits for all that the conn has started, and is bounded in time.
	close(ctx context.Context)
	// done is closed when the line is lost or ended; err tells why.
	done() <-chan struct{}
	err() error
}

// dial opens a line to the server, without a word said.
func dial(ctx context.Context, s *Session) (conn, error) {
	t := &s.target
	switch {
	case t.isSocket():
		return dialSocket(ctx, s)
	case t.URL != "" && t.Events:
		return dialEvents(ctx, s)
	case t.URL != "":
		return dialHTTP(ctx, s)
	case t.Command != nil:
		return startProcess(s)
	case t.InProcess != nil:
		return attach(ctx, s)
	}
	return nil, fmt.Errorf("server %q has neither a URL nor a command", t.Name)
}
