package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxAnswer bounds one answer or event of the gateway, in bytes.
const maxAnswer = 64 << 20

// rpcCommand is the verb rpc: one request in the mcp.* dialect.
func (a *app) rpcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rpc METHOD [JSON]",
		Short: "Ask the gateway something in the mcp.* dialect",
		Long: `Ask the gateway something in the mcp.* dialect and print the result.

The parameters are one JSON object, or - to read it from standard input. Of
mcp.event.subscribe one event a line is printed until the verb is interrupted.
The exit code is 5 when a tool says that it failed.`,
		Example: "  sumun rpc mcp.server.info\n" +
			"  sumun rpc mcp.resource.write '{\"uri\":\"cache://notes/today\",\"content\":\"milk\"}'\n" +
			"  sumun rpc mcp.event.subscribe '{\"types\":[\"toolsChanged\"]}'",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			params := "{}"
			if len(args) == 2 {
				params = args[1]
			}
			return a.rpc(cmd.Context(), args[0], params)
		},
	}
}

func (a *app) rpc(ctx context.Context, method, params string) error {
	if !strings.Contains(method, ".") && method != "routing" {
		return &exit.Error{
			Code: exit.Usage, Msg: method + " is no method of the mcp.* dialect",
			Hint: "`sumun rpc mcp.server.info` lists those that are; for tools/list and its like there are `sumun tool list` and so on",
		}
	}
	if params == "-" {
		text, err := io.ReadAll(io.LimitReader(a.stdin, maxAnswer))
		if err != nil {
			return fmt.Errorf("reading the parameters: %w", err)
		}
		params = string(text)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(params), &object); err != nil || object == nil {
		return &exit.Error{Code: exit.Usage, Msg: "the parameters are not a JSON object", Err: err, Hint: `write them as '{"key":"value"}'`}
	}
	answer, err := a.post(ctx, method, params)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return a.printEvents(ctx, method, answer.Body)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	result, err := resultOf(method, body)
	if err != nil {
		return err
	}
	if a.JSON {
		_, err = a.Data.Write(append(result, '\n'))
	} else {
		err = a.printRaw(result)
	}
	metadata := wire.Get(result, "metadata")
	if err == nil && dialect.Canonical(method) == mcp.MethodInvoke && string(wire.Get(metadata, "isError")) == "true" {
		return a.toolFailed(terminal.Text(metadata, "toolId"))
	}
	return err
}

// post sends the request to the gateway that the user means.
func (a *app) post(ctx context.Context, method, params string) (*http.Response, error) {
	to, err := a.findGateway(ctx)
	if err != nil {
		return nil, err
	}
	if to == nil {
		return nil, &exit.Error{Code: exit.Unreachable, Msg: "no gateway runs here", Hint: "start one with `sumun serve`, or name one with --url"}
	}
	body := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","id":1,"method":`), method)
	body = append(append(append(body, `,"params":`...), params...), '}')
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if dialect.Canonical(method) == mcp.MethodSubscribeEvents {
		request.Header.Set("Accept", "text/event-stream, application/json")
	}
	if to.Key != "" {
		request.Header.Set("Authorization", "Bearer "+to.Key)
	}
	answer, err := to.Carrier.RoundTrip(request)
	if err != nil {
		return nil, dialError(to, err)
	}
	return answer, nil
}

// printEvents prints the events of a stream, one a line, until it ends or the user
// interrupts it.
func (a *app) printEvents(ctx context.Context, method string, stream io.Reader) error {
	events := wire.NewEventReader(stream, maxAnswer)
	for first := true; ; first = false {
		event, err := events.Next()
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil //nolint:nilerr // the user, or the gateway, has ended it
		case err != nil:
			return &exit.Error{Code: exit.Unreachable, Msg: "the stream of events broke", Err: err}
		case first:
			if _, err := resultOf(method, event.Data); err != nil {
				return err
			}
			continue
		}
		if _, err := a.Data.Write([]byte(terminal.Harmless(string(event.Data)) + "\n")); err != nil {
			return err
		}
	}
}

// resultOf returns the result in an answer; an error becomes a failure with its exit code.
func resultOf(method string, body []byte) ([]byte, error) {
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Message string
			Data    struct{ Reason mcp.Reason }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Result == nil && answer.Error == nil {
		return nil, &exit.Error{Code: exit.Unexpected, Msg: "what answers is no gateway", Err: err, Target: method}
	}
	if answer.Error == nil {
		return answer.Result, nil
	}
	e := &exit.Error{Code: exit.Failed, Msg: answer.Error.Message, Target: method}
	switch answer.Error.Data.Reason {
	case mcp.Unauthenticated, mcp.Forbidden:
		e.Code, e.Hint = exit.Denied, "show another key with --key or SUMUN_KEY"
	case mcp.RateLimited:
		e.Code, e.Hint = exit.Denied, hintLimited
	case mcp.NotFound, mcp.InvalidArguments:
		e.Hint = "`sumun rpc mcp.server.info` lists the methods, docs/dialect.md tells of each"
	default: // the message says what to do
	}
	return nil, e
}
