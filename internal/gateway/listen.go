package gateway

import (
	"context"
	"log/slog"

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
	if g.hub.Subscribe(call.Session.ID, call.Name) {
		if err := g.watch(ctx, call.Name); err != nil {
			g.hub.Unsubscribe(call.Session.ID, call.Name)
			return err
		}
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
	call.Server = resource.Dest.Server
	dest := resource.Dest
	dest.Name = call.Name
	return g.pool.SubscribeOwn(ctx, dest, call)
}

// watch subscribes to a resource at its server, for everyone who listens here.
func (g *Gateway) watch(ctx context.Context, uri string) error {
	resource, ok := g.plain().catalog.Load().Lookup(mcp.Resource, uri)
	if !ok {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "resource not found: %s", uri)
	}
	return g.pool.Subscribe(ctx, resource.Dest.Server, resource.Dest.Name)
}

func (g *Gateway) unwatch(ctx context.Context, uri string) {
	resource, ok := g.plain().catalog.Load().Lookup(mcp.Resource, uri)
	if !ok {
		return
	}
	if err := g.pool.Unsubscribe(ctx, resource.Dest.Server, resource.Dest.Name); err != nil {
		g.log.DebugContext(ctx, "not unsubscribed", slog.String("uri", uri), slog.Any("error", err))
	}
}

// listen tells a client what changes until the client leaves or the gate closes.
func (g *Gateway) listen(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.draining, cancel)()
	if call.Session != nil {
		return g.hub.Listen(ctx, call.Session.ID, nil, reply)
	}
	filter, err := g.filter(call)
	if err != nil {
		return err
	}
	watched := g.watchAll(ctx, filter)
	defer g.unwatchAll(context.WithoutCancel(ctx), watched)
	filter.Hello = acknowledgement(filter)
	if filter.Empty() {
		err = reply.Notify(ctx, filter.Hello)
	} else {
		err = g.hub.Listen(ctx, "", filter, reply)
	}
	if err != nil {
		return err
	}
	value := append([]byte(`{"resultType":"complete","_meta":{"`+mcp.MetaSubscription+`":`), call.Request.Bytes(call.Request.ID)...)
	return reply.Done(ctx, mcp.Own(append(value, "}}"...)))
}

// filter reads what a modern client wants to be told of, cut to what it may see
// and to what the servers can tell.
func (g *Gateway) filter(call *mcp.Call) (*notice.Filter, error) {
	wanted := call.Member("notifications")
	if len(wanted) == 0 || wanted[0] != '{' {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.notifications must be an object")
	}
	isTrue := func(name string) bool { return string(wire.Get(wanted, name)) == "true" }
	f := &notice.Filter{
		Tools:     isTrue("toolsListChanged"),
		Prompts:   isTrue("promptsListChanged"),
		Resources: isTrue("resourcesListChanged"),
	}
	uris := wire.Get(wanted, "resourceSubscriptions")
	if len(uris) == 0 || uris[0] != '[' {
		return f, nil
	}
	for raw := range wire.Elements(uris) {
		uri, ok := wire.Unquote(raw)
		if _, known := g.plain().catalog.Load().Lookup(mcp.Resource, uri); ok && known && call.Caller.View.Sees(mcp.Resource, uri) {
			f.URIs = append(f.URIs, uri)
		}
	}
	return f, nil
}

// watchAll subscribes to the filter's resources and leaves out of the filter
// those that cannot be watched.
func (g *Gateway) watchAll(ctx context.Context, f *notice.Filter) []string {
	var watched []string
	for _, uri := range f.URIs {
		if g.hub.Watch(uri) {
			if err := g.watch(ctx, uri); err != nil {
				g.hub.Unwatch(uri)
				continue
			}
		}
		watched = append(watched, uri)
	}
	f.URIs = watched
	return watched
}

func (g *Gateway) unwatchAll(ctx context.Context, uris []string) {
	for _, uri := range uris {
		if g.hub.Unwatch(uri) {
			g.unwatch(ctx, uri)
		}
	}
}

// acknowledgement is the first message of a modern stream: what we agreed to tell.
func acknowledgement(f *notice.Filter) *wire.Message {
	raw := []byte(`{"jsonrpc":"2.0","method":"` + mcp.NoticeAcknowledged + `","params":{"notifications":{`)
	for _, wanted := range []struct {
		on   bool
		name string
	}{{f.Tools, "toolsListChanged"}, {f.Prompts, "promptsListChanged"}, {f.Resources, "resourcesListChanged"}} {
		if wanted.on {
			raw = append(separated(raw), `"`+wanted.name+`":true`...)
		}
	}
	if len(f.URIs) > 0 {
		raw = append(separated(raw), `"resourceSubscriptions":[`...)
		for _, uri := range f.URIs {
			raw = wire.AppendQuote(separated(raw), uri)
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
