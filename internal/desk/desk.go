// Package desk answers what the mcp.* dialect asks the gate itself: what there is to be
// used, what the gate is, and what happens (design/dialect.md). The hall hands it the
// catalogue and the way to the servers.
package desk

import (
	"context"
	"log/slog"
	"slices"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Options is what a Desk works with.
type Options struct {
	// Catalog returns what there is for the client of a call, once every server was tried.
	Catalog func(ctx context.Context, call *mcp.Call) *catalog.Catalog
	// Group is that of the lists which the client of a call is shown (notice.Hub).
	Group func(call *mcp.Call) int
	// Again returns who a caller is by now, and nil for one that is not let in any more.
	Again func(*mcp.Caller) *mcp.Caller
	// Hub brings notices.
	Hub *notice.Hub
	// Watch has the hub told of the updates of the resource that the call names, for the
	// call's session; Unwatch undoes it for a session that has gone.
	Watch   func(ctx context.Context, call *mcp.Call) error
	Unwatch func(ctx context.Context, uris []string)
	// Pin tells what is known of the description of a tool, given as its server lists it
	// for the client of the call.
	Pin func(call *mcp.Call, server string, said []byte) dialect.Pin
	// Version is the program's version.
	Version string
	// Draining ends when streams are to end.
	Draining context.Context //nolint:containedctx // of the gate
	// Log takes what is worth knowing of streams.
	Log *slog.Logger
}

// A Desk answers. Its methods may be called concurrently.
type Desk struct {
	Options
	streams streams
}

// New returns a Desk.
func New(o Options) *Desk { return &Desk{Options: o} }

// Handle answers a call of one of the methods that the desk knows.
func (d *Desk) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	switch call.Method {
	case mcp.MethodSubscribeEvents:
		return d.tell(ctx, call, reply)
	case mcp.MethodToolDescribe:
		return d.describe(ctx, call, reply)
	}
	value, err := d.answer(ctx, call)
	if err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own(value))
}

func (d *Desk) answer(ctx context.Context, call *mcp.Call) ([]byte, error) {
	switch call.Method {
	case mcp.MethodListTools:
		return d.tools(ctx, call), nil
	case mcp.MethodListPrompts:
		return d.prompts(ctx, call), nil
	case mcp.MethodListResources:
		return d.resources(ctx, call)
	case mcp.MethodServerInfo:
		return d.info(ctx, call), nil
	case mcp.MethodWatch:
		return []byte("{}"), d.watch(ctx, call)
	case mcp.MethodUnwatch:
		d.unwatch(ctx, call)
		return []byte("{}"), nil
	case mcp.MethodUnsubscribeEvents:
		return []byte("{}"), d.untell(call)
	}
	return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known", call.Method)
}

// tools is mcp.tool.list: always the whole list.
func (d *Desk) tools(ctx context.Context, call *mcp.Call) []byte {
	dst := []byte{'['}
	for e := range d.Catalog(ctx, call).Seen(mcp.Tool, call.Caller.View) {
		dst = dialect.AppendTool(wire.Separate(dst), e.Name, e.Raw, d.Pin(call, e.Dest.Server, e.Said))
	}
	return append(dst, ']')
}

// describe is one element of the list.
func (d *Desk) describe(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	e, ok := d.Catalog(ctx, call).Lookup(mcp.Tool, call.Name)
	if !ok {
		return mcp.Absent(mcp.Tool, call.Name, call.Revision)
	}
	return reply.Done(ctx, mcp.Own(dialect.AppendTool(nil, e.Name, e.Raw, d.Pin(call, e.Dest.Server, e.Said))))
}

func (d *Desk) prompts(ctx context.Context, call *mcp.Call) []byte {
	dst := []byte{'['}
	for e := range d.Catalog(ctx, call).Seen(mcp.Prompt, call.Caller.View) {
		dst = dialect.AppendPrompt(wire.Separate(dst), e.Name, e.Raw)
	}
	return append(dst, ']')
}

// info tells what the gate is.
func (d *Desk) info(ctx context.Context, call *mcp.Call) []byte {
	dst := wire.AppendQuote([]byte(`{"name":"sumun","title":"Sumun","version":`), d.Version)
	dst = mcp.AppendNames(append(dst, `,"revisions":`...))
	dst = append(append(dst, `,"capabilities":`...), d.Catalog(ctx, call).Capabilities(call.Revision)...)
	dst = append(dst, `,"methods":[`...)
	for _, name := range slices.Sorted(slices.Values(dialect.Names())) {
		dst = wire.AppendQuote(wire.Separate(dst), name)
	}
	dst = append(dst, `],"events":[`...)
	for _, name := range Events {
		dst = wire.AppendQuote(wire.Separate(dst), name)
	}
	return append(dst, "]}"...)
}
