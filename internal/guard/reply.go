package guard

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Reply returns a Reply that passes a result of tools/call on only if its structuredContent fits the schema, an outputSchema: otherwise
// Done returns what the client is to be told, as Structured does. Results that are errors of the tool, or have no structuredContent,
// such as those that begin a task or ask something, pass as they are.
func (s *Schema) Reply(to mcp.Reply) mcp.Reply {
	if s == nil {
		return to
	}
	return &checked{to, s}
}

type checked struct {
	mcp.Reply
	schema *Schema
}

// Done ends the call, unless the result does not fit.
func (c *checked) Done(ctx context.Context, result *mcp.Result) error {
	content := wire.Get(result.Value, "structuredContent")
	if content != nil && string(wire.Get(result.Value, "isError")) != "true" {
		if e := c.schema.Structured(content); e != nil {
			return e
		}
	}
	return c.Reply.Done(ctx, result)
}
