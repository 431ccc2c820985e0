package gateway

import (
	"context"
	"slices"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// subscribe asks the server that owns a resource to tell of its changes.
func (g *Gateway) subscribe(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Session == nil {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported, "a subscription needs a session")
	}
	resource, ok := g.lookup(ctx, call, mcp.Resource, call.Name)
	if !ok {
		return access.Absent(call)
	}
	if own, err := g.subscribeOwn(ctx, resource, call); err != nil {
		return err
	} else if own {
		return g.empty(ctx, call, reply)
	}
	if err := g.watch(ctx, resource.Dest.Server, call); err != nil {
		return err
	}
	return g.empty(ctx, call, reply)
}

// unsubscribe undoes subscribe.
func (g *Gateway) unsubscribe(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Session == nil {
		return g.empty(ctx, call, reply)
	}
	own := false
	if resource, ok := g.lookup(ctx, call, mcp.Resource, call.Name); ok {
		var err error
		if own, err = g.subscribeOwn(ctx, resource, call); err != nil {
			return err
		}
	}
	if !own && g.hub.Unsubscribe(call.Session.ID, call.Name) {
		g.unwatch(ctx, call.Name)
	}
	return g.empty(ctx, call, reply)
}

// subscribeOwn subscribes through the session that the server has for this client
// alone; it reports false where clients share one.
func (g *Gateway) subscribeOwn(ctx context.Context, resource *catalog.Entry, call *mcp.Call) (bool, error) {
	dest := resource.Dest
	dest.Server, dest.Name = g.router.Home(dest.Server, call), call.Name
	call.Server = dest.Server
	return g.pool.SubscribeOwn(ctx, dest, call)
}

// listen tells a client what changes until the client leaves or the gate closes.
func (g *Gateway) listen(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.draining, cancel)()
	if call.Session != nil {
		return g.hub.Listen(ctx, call.Session.ID, nil, reply)
	}
	filter, err := g.filter(ctx, call)
	if err != nil {
		return err
	}
	g.watchAll(ctx, call, filter)
	defer g.unwatchAll(context.WithoutCancel(ctx), filter.URIs)
	tasks, err := g.tasks.Watch(ctx, call, reply)
	if err != nil {
		return err
	}
	defer tasks.Close()
	filter.Hello = acknowledgement(filter, tasks.Settled(ctx))
	reply = tasks.Greeter()
	if filter.Empty() {
		err = reply.Notify(ctx, filter.Hello)
		tasks.Wait() // until the client leaves, or no server has more to tell
	} else {
		err = g.hub.Listen(ctx, "", filter, reply)
	}
	if err != nil {
		return err
	}
	tasks.Close()
	value := append([]byte(`{"resultType":"complete","_meta":{"`+mcp.MetaSubscription+`":`), call.Request.Bytes(call.Request.ID)...)
	return reply.Done(ctx, mcp.Own(append(value, "}}"...)))
}

// filter reads what a modern client wants to be told of, cut to what it may see
// and to what the servers can tell.
func (g *Gateway) filter(ctx context.Context, call *mcp.Call) (*notice.Filter, error) {
	wanted := call.Member("notifications")
	if len(wanted) == 0 || wanted[0] != '{' {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.notifications must be an object")
	}
	isTrue := func(name string) bool { return string(wire.Get(wanted, name)) == "true" }
	f := &notice.Filter{
		Group:     int(g.shelf(call).to),
		Tools:     isTrue("toolsListChanged"),
		Prompts:   isTrue("promptsListChanged"),
		Resources: isTrue("resourcesListChanged"),
	}
	if f.Tools || f.Prompts || f.Resources {
		// What the client was given before, perhaps before a restart of the gate, is as the
		// lists are now: what differs from them is news.
		g.settle(ctx, call)
	}
	uris := wire.Get(wanted, "resourceSubscriptions")
	if len(uris) == 0 || uris[0] != '[' {
		return f, nil
	}
	offered := g.settle(ctx, call)
	for raw := range wire.Elements(uris) {
		uri, ok := wire.Unquote(raw)
		_, known := offered.Lookup(mcp.Resource, uri)
		if !ok || !known || !call.Caller.View.Sees(mcp.Resource, uri) || slices.Contains(f.URIs, uri) {
			continue
		}
		if err := notice.Bound(len(f.URIs), uri); err != nil {
			return nil, err
		}
		f.URIs = append(f.URIs, uri)
	}
	return f, nil
}

// acknowledgement is the first message of a modern stream: what we agreed to tell, of
// which tasks by the ids that the client gave.
func acknowledgement(f *notice.Filter, tasks []string) *wire.Message {
	raw := []byte(`{"jsonrpc":"2.0","method":"` + mcp.NoticeAcknowledged + `","params":{"notifications":{`)
	for _, wanted := range []struct {
		on   bool
		name string
	}{{f.Tools, "toolsListChanged"}, {f.Prompts, "promptsListChanged"}, {f.Resources, "resourcesListChanged"}} {
		if wanted.on {
			raw = append(separated(raw), `"`+wanted.name+`":true`...)
		}
	}
	for _, wanted := range []struct {
		names []string
		name  string
	}{{f.URIs, "resourceSubscriptions"}, {tasks, "taskIds"}} {
		if len(wanted.names) == 0 {
			continue
		}
		raw = append(separated(raw), `"`+wanted.name+`":[`...)
		for _, name := range wanted.names {
			raw = wire.AppendQuote(separated(raw), name)
		}
		raw = append(raw, ']')
	}
	return notice.Message(append(raw, "}}}"...))
}

// separated appends a comma unless dst ends where a list begins.
func separated(dst []byte) []byte {
	if last := dst[len(dst)-1]; last == '{' || last == '[' {
		return dst
	}
	return append(dst, ',')
}
