package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file speaks the dialect over HTTP, where it needs no handshake, no session and no revision: each request stands alone. On a
// line it goes through the session like everything else.

// prefix begins the methods of the dialect.
const prefix = "mcp."

// mostAnswer bounds one answer, in bytes, as the transport does.
const mostAnswer = 64 << 20

// answers checks what a server answers to a request of the dialect. It is immutable.
var answers = wire.NewScanner(mcp.Vocabulary(), 0)

// message returns a request of the dialect. Each is the only one in its exchange, so that they may have the same id.
func message(method string, params []byte) []byte {
	return wire.Object{}.Text("jsonrpc", "2.0").Member("id", []byte("1")).Text("method", method).Member("params", params).End()
}

// post makes one request of the dialect. The error is an *mcp.Error if the server refuses, a *transport.LostError if the request was lost.
func (c *Client) post(ctx context.Context, method string, params []byte) (json.RawMessage, error) {
	reply, err := c.poster.Ask(ctx, message(method, params))
	switch {
	case errors.Is(err, wire.ErrTooLong):
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q answered with more than %d bytes", c.target.Name, mostAnswer)
	case err != nil:
		dialed, ok := errors.AsType[*net.OpError](err)
		return nil, c.lost(!ok || dialed.Op != "dial", "cannot be reached: %v", err)
	}
	return c.readAnswer(reply)
}

// lost returns the error for a request that was lost on its way.
func (c *Client) lost(sent bool, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	return &transport.LostError{Sent: sent, Err: mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q %s", c.target.Name, what)}
}

// readAnswer reads a response that is one JSON document.
func (c *Client) readAnswer(reply *line.Reply) (json.RawMessage, error) {
	var m wire.Message
	err := answers.Answer(reply.Body, &m)
	switch {
	case err == nil && m.Kind == wire.Failure:
		return nil, mcp.ParseError(m.Bytes(m.Error), nil)
	case err == nil && m.Kind == wire.Result:
		return bytes.Clone(m.Bytes(m.Result)), nil
	}
	return nil, fmt.Errorf("server %q answered %w", c.target.Name, (*line.StatusError)(reply))
}

// hear asks for events over HTTP, and hands them to the stream until it ends.
func (c *Client) hear(ctx context.Context, params []byte, stream *eventStream) error {
	var refused error
	err := c.poster.Listen(ctx, message(methodEvents, params), func(data []byte) error {
		refused = c.eventOf(data, stream)
		return refused
	})
	status, ok := errors.AsType[*line.StatusError](err)
	switch {
	case refused != nil:
		return refused
	case ok:
		if _, err := c.readAnswer((*line.Reply)(status)); err != nil {
			return err
		}
		return c.lost(false, "gives no stream of events")
	case errors.Is(err, io.EOF):
		return c.lost(false, "has ended the stream of events")
	}
	return c.lost(false, "broke off the stream of events: %v", err)
}

// eventOf takes one message of a stream of events. What is none is skipped.
func (c *Client) eventOf(data []byte, stream *eventStream) error {
	var m wire.Message
	switch err := answers.Answer(data, &m); {
	case err != nil:
		c.set.Log.Debug("not a JSON-RPC message; skipped", slog.Any("error", err))
	case m.Kind == wire.Failure:
		return mcp.ParseError(m.Bytes(m.Error), nil)
	case m.Kind == wire.Notification && strings.HasPrefix(string(m.MethodName()), eventPrefix):
		c.happened(stream, string(m.MethodName()), m.Bytes(m.Params))
	}
	return nil
}
