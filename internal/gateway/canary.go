package gateway

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// watchAnswers has servers asked now and then whether their answers say more than they should.
func (g *Gateway) watchAnswers(ctx context.Context) {
	if g.parts.Bridge {
		return
	}
	g.answers.Watch(ctx, answers.Canaries{
		Every:   func() time.Duration { return g.Config().Trust.Canaries },
		Servers: func() []string { return slices.Sorted(maps.Keys(g.setup.Load().servers)) },
		Ask: func(ctx context.Context, server string) ([]trust.Answer, error) {
			return probe.Answers(ctx, &canary{g, server}, probe.Rounds{})
		},
	})
}

// canaryPatience is how long one call of a canary may take.
const canaryPatience = 30 * time.Second

// A canary calls tools of one server as the gateway itself, through what concerns all calls but limits and approvals.
type canary struct {
	*Gateway

	server string
}

// List returns the tools that the server offers to anyone, as it says them.
func (c *canary) List(context.Context) ([]json.RawMessage, error) {
	var tools []json.RawMessage
	for e := range c.tools() {
		tools = append(tools, e.Said)
	}
	return tools, nil
}

// tools yields the server's tools.
func (c *canary) tools() iter.Seq[*catalog.Entry] {
	return func(yield func(*catalog.Entry) bool) {
		for e := range c.stock.Plain().Seen(mcp.Tool, &mcp.View{Whole: true}) {
			if e.Dest.Server == c.server && !yield(e) {
				return
			}
		}
	}
}

// Call calls a tool by the name that the server has for it.
func (c *canary) Call(ctx context.Context, tool string, arguments json.RawMessage) (text string, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, canaryPatience)
	defer cancel()
	for e := range c.tools() {
		if e.Dest.Name == tool {
			return c.call(ctx, e.Name, arguments)
		}
	}
	return "", false, access.Absent(&mcp.Call{Method: mcp.MethodToolsCall, Name: tool})
}

// call calls a tool by its full name.
func (c *canary) call(ctx context.Context, name string, arguments json.RawMessage) (text string, failed bool, err error) {
	params := wire.Object(nil).Text("name", name).Member("arguments", arguments).End()
	request := wire.Object(nil).Text("jsonrpc", "2.0").Member("id", []byte("1")).Text("method", mcp.MethodToolsCall).Member("params", params).End()
	call := &mcp.Call{
		Caller: &mcp.Caller{ID: "canary", View: &mcp.View{Whole: true}}, Revision: mcp.Latest(), Capabilities: []byte("{}"), ClientInfo: c.info,
		Method: mcp.MethodToolsCall, Name: name, Request: new(wire.Message), Transport: "inproc",
	}
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request(request, call.Request); err != nil {
		return "", false, err
	}
	heard := &answers.Heard{}
	if err := c.inward().Handle(ctx, call, heard); err != nil {
		e := mcp.AsError(err)
		if e == nil || e.Raw == nil {
			return "", false, err
		}
		return e.Message, true, nil
	}
	return heard.Text, heard.Failed, nil
}

// inward is what calls of the gateway itself go through: they are on record, and what comes back is inspected.
func (g *Gateway) inward() mcp.Handler {
	return mcp.Chain(mcp.HandlerFunc(g.dispatch), g.name, g.metrics.Middleware, g.record, g.recover, g.answers.Middleware)
}
