// Package conform holds calls of tools to the tools' schemas: arguments before they are sent, results before they are handed on.
package conform

import (
	"context"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Judge holds calls to schemas. It may be used concurrently.
type Judge struct {
	// Checks reports whether what goes into a server's tools and comes out of them is checked here.
	Checks func(server string) bool
	// Log is told of schemas that cannot be checked.
	Log *slog.Logger

	schemas guard.Cache
}

// Call checks the arguments of a call against the tool's schema, and returns the reply that checks its result. Done says that the call has
// been answered already.
func (j *Judge) Call(ctx context.Context, tool *catalog.Entry, call *mcp.Call, reply mcp.Reply) (_ mcp.Reply, done bool, _ error) {
	if !j.Checks(tool.Dest.Server) {
		return reply, false, nil
	}
	input := j.compile(ctx, tool, "inputSchema")
	if fault := input.Arguments(call.Member("arguments")); fault != nil {
		return nil, true, guard.Tell(ctx, call, reply, fault)
	}
	return j.compile(ctx, tool, "outputSchema").Reply(reply), false, nil
}

// Task returns the reply that checks the result of a tool that runs as a task.
func (j *Judge) Task(ctx context.Context, tool *catalog.Entry, call *mcp.Call, reply mcp.Reply) mcp.Reply {
	if !j.Checks(tool.Dest.Server) {
		return reply
	}
	switch call.Method {
	case mcp.MethodTaskResult:
		return j.compile(ctx, tool, "outputSchema").Reply(reply)
	case mcp.MethodTaskGet:
		return j.compile(ctx, tool, "outputSchema").TaskReply(reply)
	}
	return reply
}

// compile returns a schema of a tool, nil if there is none or none that can be checked.
func (j *Judge) compile(ctx context.Context, tool *catalog.Entry, member string) *guard.Schema {
	raw := wire.Get(tool.Said, member)
	if raw == nil {
		return nil
	}
	schema, err := j.schemas.Compile(raw)
	if err != nil {
		j.Log.DebugContext(ctx, "a tool is not checked", slog.String("tool", tool.Name), slog.String("schema", member), slog.Any("error", err))
		return nil
	}
	return schema
}
