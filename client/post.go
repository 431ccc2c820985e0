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
	"net/http"
	"net/url"
	"strings"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file speaks the dialect over HTTP, where it needs no handshake, no session and no revision: each request is a POST that stands
// alone. On a line it goes through the session like everything else.

// prefix begins the methods of the dialect.
const prefix = "mcp."

const (
	mediaJSON   = "application/json"
	mediaEvents = "text/event-stream"
	// mostAnswer bounds one answer, in bytes, as the transport does.
	mostAnswer = 64 << 20
)

// answers checks what a server answers to a request of the dialect. It is immutable.
var answers = wire.NewScanner(mcp.Vocabulary(), 0)

// post makes one request of the dialect. Err is an *mcp.Error if the server refuses, a *transport.LostError if it was lost on its way.
func (c *Client) post(ctx context.Context, method string, params []byte) (json.RawMessage, error) {
	resp, err := c.send(ctx, method, params, mediaJSON)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.readAnswer(resp)
}

// send posts a message and returns the response, whatever its status is.
func (c *Client) send(ctx context.Context, method string, params []byte, accept string) (*http.Response, error) {
	u, err := url.Parse(c.target.URL)
	if err != nil {
		return nil, err
	}
	header := c.opts.header.Clone()
	header.Set("Content-Type", mediaJSON)
	header.Set("Accept", accept)
	body := object{}.text("jsonrpc", "2.0").member("id", []byte("1")).text("method", method).member("params", params).end()
	resp, err := c.carrier.Do(ctx, &http1.Request{Method: http.MethodPost, URL: u, Header: header, Body: body})
	if err != nil {
		dialed, ok := errors.AsType[*net.OpError](err)
		return nil, c.lost(!ok || dialed.Op != "dial", "cannot be reached: %v", err)
	}
	return resp, nil
}

// lost returns the error for a line that broke.
func (c *Client) lost(sent bool, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	return &transport.LostError{Sent: sent, Err: mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q %s", c.target.Name, what)}
}

// readAnswer reads a response that is one JSON document.
func (c *Client) readAnswer(resp *http.Response) (json.RawMessage, error) {
	data, err := wire.AppendAll(nil, resp.Body, resp.ContentLength, mostAnswer)
	switch {
	case errors.Is(err, wire.ErrTooLong):
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q answered with more than %d bytes", c.target.Name, mostAnswer)
	case err != nil:
		return nil, c.lost(true, "broke off its answer: %v", err)
	}
	var m wire.Message
	if err := answers.Answer(data, &m); err != nil || m.Kind != wire.Result && m.Kind != wire.Failure {
		return nil, fmt.Errorf("server %q answered %w", c.target.Name, &line.StatusError{Response: resp, Body: data})
	}
	return resultOf(&m)
}

// resultOf returns the result of an answer, or its error.
func resultOf(m *wire.Message) (json.RawMessage, error) {
	if m.Kind == wire.Failure {
		return nil, mcp.ParseError(m.Bytes(m.Error), nil)
	}
	return bytes.Clone(m.Bytes(m.Result)), nil
}

// hear asks for events over HTTP, and hands them to the stream until it ends.
func (c *Client) hear(ctx context.Context, params []byte, stream *eventStream) error {
	resp, err := c.send(ctx, methodEvents, params, mediaEvents+", "+mediaJSON)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || line.Media(resp.Header) != mediaEvents {
		if _, err := c.readAnswer(resp); err != nil {
			return err
		}
		return c.lost(false, "gives no stream of events")
	}
	for events := wire.NewEventReader(resp.Body, mostAnswer); ; {
		event, err := events.Next()
		switch {
		case errors.Is(err, wire.ErrTooLong):
			continue
		case errors.Is(err, io.EOF):
			return c.lost(false, "has ended the stream of events")
		case err != nil:
			return c.lost(false, "broke off the stream of events: %v", err)
		}
		if len(event.Data) == 0 {
			continue
		}
		if err := c.eventOf(event.Data, stream); err != nil {
			return err
		}
	}
}

// eventOf takes one message of a stream of events. What is none is skipped.
func (c *Client) eventOf(data []byte, stream *eventStream) error {
	var m wire.Message
	switch err := answers.Answer(data, &m); {
	case err != nil:
		c.set.Log.Debug("not a JSON-RPC message; skipped", slog.Any("error", err))
	case m.Kind == wire.Failure:
		_, err := resultOf(&m)
		return err
	case m.Kind == wire.Notification && strings.HasPrefix(string(m.MethodName()), eventPrefix):
		c.happened(stream, string(m.MethodName()), m.Bytes(m.Params))
	}
	return nil
}
