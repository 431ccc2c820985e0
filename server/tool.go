package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// RegisterTool offers a tool that a function of yours does. In is a struct, a map, or any; its JSON Schema is told to clients,
// and only arguments that fit it reach the handler: what does not fit is told to the caller, each with its JSON Pointer. Out is
// the answer: of a struct or a map clients get JSON and its schema, of a string a text, of anything else its JSON as text.
//
// An error of the handler is the answer of a tool that failed (isError), with the error's text: the model reads it and can
// correct its call. An error of ctx, which ends when the call is cancelled, is told to nobody.
func RegisterTool[In, Out any](s *Server, name string, handler func(ctx context.Context, args In, c *Context) (Out, error), options ...Option) {
	s.register("tool "+name, func() error {
		if err := checkName(name); err != nil {
			return err
		}
		a := described(options)
		input, err := inputOf[In](a)
		if err != nil {
			return err
		}
		output, err := outputOf[Out]()
		if err != nil {
			return err
		}
		tool := &sdk.Tool{
			Name: name, Title: a.title, Description: a.description, InputSchema: input.JSON(), Annotations: &a.annotations,
		}
		if output != nil {
			tool.OutputSchema = output
		}
		return s.add(tool, func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			result, err := callTool(ctx, s, req, input, handler)
			if err == nil && output != nil && !result.IsError && result.StructuredContent == nil { // a nil pointer or map
				return declared.Fail(errors.New("the tool has no answer")), nil
			}
			return result, err
		})
	})
}

// add offers a tool, and makes an error of the panic with which the SDK refuses one.
func (s *Server) add(tool *sdk.Tool, handler sdk.ToolHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	s.own.AddTool(tool, handler)
	return nil
}

// outputOf returns the schema of answers if they are objects.
func outputOf[Out any]() (json.RawMessage, error) {
	raw, err := schemaOf[Out]()
	if err != nil {
		return nil, fmt.Errorf("the answer: %w", err)
	}
	var about struct {
		Type any `json:"type"`
	}
	if raw == nil {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &about); err != nil {
		return nil, fmt.Errorf("the answer: %w", err)
	}
	if about.Type != "object" {
		return nil, nil // such an answer is a text
	}
	return raw, nil
}

// callTool answers one call.
func callTool[In, Out any](ctx context.Context, s *Server, req *sdk.CallToolRequest, input *declared.Schema, handler func(context.Context, In, *Context) (Out, error)) (*sdk.CallToolResult, error) {
	args, err := decode[In](input, req.Params.Arguments)
	if err != nil {
		return declared.Fail(err), nil
	}
	c := newContext(req.Session, req.Params.Meta, req.Params.GetProgressToken())
	out, err := guarded(ctx, s, "tool "+req.Params.Name, func() (Out, error) { return handler(ctx, args, c) })
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil, ctx.Err() // nobody waits any more
	case isWire(err):
		return nil, err
	default:
		return declared.Fail(err), nil
	}
	result, err := answer(any(out))
	if err != nil {
		s.log.ErrorContext(ctx, "a tool's answer is not JSON", slog.String("tool", req.Params.Name), slog.Any("error", err))
		return declared.Fail(errors.New("the answer cannot be told as JSON")), nil
	}
	if next := c.changed(); next != nil {
		result.Meta = sdk.Meta{mcp.MetaSampling: next}
	}
	return result, nil
}

// answer makes a result of what a handler returns.
func answer(out any) (*sdk.CallToolResult, error) {
	if text, ok := out.(string); ok {
		return declared.Text(text), nil
	}
	value, err := encode(out)
	if err != nil {
		return nil, err
	}
	return declared.JSON(value, nil)
}

// encode returns v as JSON, with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
