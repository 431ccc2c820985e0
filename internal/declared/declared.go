// Package declared has what tools without code have in common, whether they make a request or run a command: texts with placeholders for
// arguments, the schema that arguments are read with, and answers.
//
// What a tool does with an argument is safe wherever it comes from: schemas make calls clear, but what keeps an argument in its place is
// how it is put there, by who puts it there.
package declared

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
)

// A Tool is a tool to offer. Do does one call: an error is told to the model, which can then correct its call.
type Tool struct {
	About *mcp.Tool // InputSchema and OutputSchema are Schema's and Output's
	Input *Schema
	Do    func(ctx context.Context, args Arguments) (*mcp.CallToolResult, error)
}

// About returns what clients are told of a tool of the configuration. Hints are those of annotations, or else those of implied.
func About(t *offer.Tool, implied mcp.ToolAnnotations) *mcp.Tool {
	hints := implied
	for _, h := range []struct {
		from *bool
		to   *bool
	}{{t.Annotations.ReadOnly, &hints.ReadOnlyHint}, {t.Annotations.Idempotent, &hints.IdempotentHint}} {
		if h.from != nil {
			*h.to = *h.from
		}
	}
	if t.Annotations.Destructive != nil {
		hints.DestructiveHint = t.Annotations.Destructive
	}
	if t.Annotations.OpenWorld != nil {
		hints.OpenWorldHint = t.Annotations.OpenWorld
	}
	about := &mcp.Tool{Name: t.Name, Title: t.Title, Description: t.Description, Annotations: &hints}
	if len(t.OutputSchema) > 0 {
		about.OutputSchema = t.OutputSchema
	}
	return about
}

// NewServer returns a server without tools yet. Its list may change when changing says so.
func NewServer(title, version string, changing bool) *mcp.Server {
	return mcp.NewServer(&mcp.Implementation{Name: "sumun", Title: title, Version: version}, &mcp.ServerOptions{
		Logger:       slog.New(slog.DiscardHandler), // it logs sessions, which the gateway does itself
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{ListChanged: changing}},
		// Who may see a tool is not for a shared cache to decide.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	})
}

// Add offers a tool. It replaces one of that name. The error says what the tool cannot be offered for.
func Add(s *mcp.Server, t *Tool) (err error) {
	about := *t.About
	about.InputSchema = t.Input.JSON()
	if out, err := compileOutput(about.OutputSchema); err != nil {
		return fmt.Errorf("the outputSchema of %s: %w", about.Name, err)
	} else if out != nil {
		about.OutputSchema = out
	}
	defer func() { // the SDK panics where a schema has annotations for headers that it cannot use
		if p := recover(); p != nil {
			err = fmt.Errorf("offering %s: %v", about.Name, p)
		}
	}()
	s.AddTool(&about, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, err := t.Input.Read(req.Params.Arguments)
		if err != nil {
			return Fail(err), nil
		}
		result, err := t.Do(ctx, args)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil, ctx.Err() // nobody waits any more
			}
			return Fail(err), nil
		}
		return result, nil
	})
	return nil
}
