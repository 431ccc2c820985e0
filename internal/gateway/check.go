package gateway

import (
	"context"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// checks reports whether what goes into a server's tools and comes out of them is
// checked here: our own do not all check it, and others where the configuration says so.
func (g *Gateway) checks(server string) bool {
	if isOwn(server) {
		return true
	}
	configured := g.setup.Load().servers[server]
	return configured != nil && configured.Tools.Check
}

// checkCall checks the arguments of a call against the tool's schema, and returns the
// reply that checks its result.
func (g *Gateway) checkCall(ctx context.Context, tool *catalog.Entry, call *mcp.Call, reply mcp.Reply) (_ mcp.Reply, done bool, _ error) {
	if !g.checks(tool.Dest.Server) {
		return reply, false, nil
	}
	input := g.compile(ctx, tool, "inputSchema")
	if fault := input.Arguments(call.Member("arguments")); fault != nil {
		return nil, true, guard.Tell(ctx, call, reply, fault)
	}
	return g.compile(ctx, tool, "outputSchema").Reply(reply), false, nil
}

// checkTask returns the reply that checks the result of a tool that runs as a task.
func (g *Gateway) checkTask(ctx context.Context, tool *catalog.Entry, call *mcp.Call, reply mcp.Reply) mcp.Reply {
	if !g.checks(tool.Dest.Server) {
		return reply
	}
	switch call.Method {
	case mcp.MethodTaskResult:
		return g.compile(ctx, tool, "outputSchema").Reply(reply)
	case mcp.MethodTaskGet:
		return g.compile(ctx, tool, "outputSchema").TaskReply(reply)
	}
	return reply
}

// compile returns a schema of a tool, nil if there is none or none that can be checked.
func (g *Gateway) compile(ctx context.Context, tool *catalog.Entry, member string) *guard.Schema {
	raw := wire.Get(tool.Said, member)
	if raw == nil {
		return nil
	}
	schema, err := g.schemas.Compile(raw)
	if err != nil {
		g.log.DebugContext(ctx, "a tool is not checked", slog.String("tool", tool.Name), slog.String("schema", member), slog.Any("error", err))
		return nil
	}
	return schema
}
