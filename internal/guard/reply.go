package guard

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Reply returns a Reply that passes a result of tools/call on only if its structuredContent fits the schema, an outputSchema, which
// promises one: otherwise Done returns what the client is to be told, as Structured does. Results that are errors of the tool, or
// begin a task or ask something, pass as they are.
func (s *Schema) Reply(to mcp.Reply) mcp.Reply {
	if s == nil {
		return to
	}
	return &checked{to, s, false}
}

// TaskReply is Reply for a call that asks for the state of a task, in which the tool's result stands once there is one.
func (s *Schema) TaskReply(to mcp.Reply) mcp.Reply {
	if s == nil {
		return to
	}
	return &checked{to, s, true}
}

type checked struct {
	mcp.Reply
	schema *Schema
	// inlined says that the tool's result stands in the state of its task.
	inlined bool
}

// Done ends the call, unless the result does not fit.
func (c *checked) Done(ctx context.Context, result *mcp.Result) error {
	value := result.Value
	if c.inlined {
		value = wire.Get(value, "result")
	}
	if value != nil && promised(value) {
		content := wire.Get(value, "structuredContent")
		if content == nil {
			return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the tool's result has no structuredContent, which its outputSchema promises")
		}
		if e := c.schema.Structured(content); e != nil {
			return e
		}
	}
	return c.Reply.Done(ctx, result)
}

// promised reports whether a result is what an outputSchema speaks of.
func promised(result []byte) bool {
	kind := wire.Get(result, "resultType")
	return (kind == nil || wire.IsString(kind, "complete")) &&
		string(wire.Get(result, "isError")) != "true" && wire.Get(result, "task") == nil
}
