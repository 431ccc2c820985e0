package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// callTool sends a tool call to the server that has the tool.
func (g *Gateway) callTool(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	tool, ok := g.lookup(ctx, call, mcp.Tool, call.Name)
	if !ok {
		return access.Absent(call)
	}
	arguments := call.Member("arguments")
	if twin := tool.Twin(arguments); twin != "" {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments,
			"argument %q differs only by case from one that the tool takes; use the tool's spelling", twin)
	}
	if call.Transport == "http" && call.Revision.HeaderRules {
		if err := mcp.CheckHeaders(call.Header, tool.Dest.Headers, arguments); err != nil {
			return err
		}
	}
	return g.run(ctx, tool, call, reply)
}

// getPrompt sends the call to the server that has the prompt.
func (g *Gateway) getPrompt(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	prompt, ok := g.lookup(ctx, call, mcp.Prompt, call.Name)
	if !ok {
		return access.Absent(call)
	}
	return g.forward(ctx, prompt, call, reply)
}

// readResource sends the call to the server that owns the URI. A URI that no
// server lists goes to the only server with resources, if there is just one:
// servers need not list what they serve.
func (g *Gateway) readResource(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if resource, ok := g.lookup(ctx, call, mcp.Resource, call.Name); ok {
		return g.forward(ctx, resource, call, reply)
	}
	server, ok := g.shelf(call).catalog.Load().OnlyResourceServer()
	if !ok {
		return access.Absent(call)
	}
	call.Server = server
	return g.pool.Do(ctx, mcp.Destination{Server: server, Name: call.Name}, call, reply)
}

// complete sends the call to the server that has the prompt or template.
func (g *Gateway) complete(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	entry, err := g.settle(ctx, call).Ref(call.Member("ref"), call.Name)
	if err != nil {
		return err
	}
	call.Name = entry.Name
	return g.forward(ctx, entry, call, reply)
}

func (g *Gateway) forward(ctx context.Context, entry *catalog.Entry, call *mcp.Call, reply mcp.Reply) error {
	call.Server = entry.Dest.Server
	return g.pool.Do(ctx, entry.Dest, call, reply)
}
