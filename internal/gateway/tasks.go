package gateway

import (
	"context"
	"slices"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/task"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file is about calls that run as tasks, of both eras: each stays within its era
// (docs/protocol.md, "Tasks"), and clients know a task by a sealed id only.

// run sends a tool call to its server: to be run as a task where the client asks for
// that and the server has tasks. Who was told that there are none is not heeded; who
// was told that there are some may not ask for one of a tool that has none
// (basic/utilities/tasks, "Tool-Level Negotiation", "Task Support and Handling").
func (g *Gateway) run(ctx context.Context, tool *catalog.Entry, call *mcp.Call, reply mcp.Reply) error {
	dest, asked := tool.Dest, call
	c := g.stock.Now(call)
	its, able := c.Tasks(dest.Server), call.Revision.Tasks && call.Session != nil
	if call.Member("task") != nil {
		switch {
		case able && its.Call:
			dest.Task = true
		case able && c.RunsTasks(call.Revision):
			return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported,
				"tool %q cannot be run as a task; call it without params.task", call.Name)
		case !call.Revision.Stateless || !tool.SpeaksModern():
			ordinary, err := task.Ordinary(call)
			if err != nil {
				return err
			}
			call = ordinary
		}
	}
	if call.Revision.Stateless || tool.SpeaksModern() || able && its.Call {
		reply = g.tasks.Reply(call, reply)
	}
	defer func() { asked.Server = call.Server }()
	return g.router.Send(ctx, route.Request{
		Call: call, Reply: reply, Kind: mcp.Tool, Dest: dest, Offered: tool.Offered, Things: c,
	})
}

// followTask sends a call to the server that runs the task. Who waits for the result
// waits as long as a call may take.
func (g *Gateway) followTask(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	dest := mcp.Destination{Server: call.Server, Name: call.Task}
	if call.Method != mcp.MethodTaskCancel {
		if err := g.stock.Held(ctx, call); err != nil {
			return err
		}
	}
	if tool, ok := g.stock.Now(call).Lookup(mcp.Tool, call.Name); ok {
		if call.Method != mcp.MethodTaskResult {
			dest.Timeout = tool.Dest.Timeout
		}
		reply = g.schemas.Task(ctx, tool, call, reply)
	}
	return g.do(ctx, dest, call, g.tasks.Reply(call, reply))
}

// listTasks answers with the tasks that the client has begun in its session. Servers
// that it shares with others may list theirs too: what the session has not begun is
// left out.
func (g *Gateway) listTasks(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	c := g.stock.Settle(ctx, call)
	if call.Session == nil || !c.ListsTasks() {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known: no server here lists tasks", call.Method)
	}
	if call.Member("cursor") != nil {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "unknown cursor: the list comes in one page")
	}
	servers := slices.DeleteFunc(g.tasks.Book.Servers(call.Session.ID), func(server string) bool { return !c.Tasks(route.ServerOf(server)).List })
	value := []byte(`{"tasks":[`)
	for _, one := range g.tasks.List(ctx, call, servers) {
		value = append(wire.Separate(value), one...)
	}
	return reply.Done(ctx, mcp.Own(append(value, "]}"...)))
}

// Task tells the owner of a task how it is now.
func (e events) Task(server, of string, m *wire.Message) {
	if owner, told, ok := e.tasks.Status(server, of, m); ok {
		e.hub.Tell(owner, told)
	}
}
