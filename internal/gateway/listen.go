package gateway

import (
	"context"
	"slices"
	"sync"

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
	resource, ok := g.stock.Lookup(ctx, call, mcp.Resource, call.Name)
	if !ok {
		return g.absent(call)
	}
	if own, err := g.subscribeOwn(ctx, resource, call); err != nil {
		return err
	} else if own {
		return g.empty(ctx, call, reply)
	}
	if err := g.watches.Subscribe(ctx, call.Session.ID, resource.Dest.Server, call.Name); err != nil {
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
	if resource, ok := g.stock.Lookup(ctx, call, mcp.Resource, call.Name); ok {
		var err error
		if own, err = g.subscribeOwn(ctx, resource, call); err != nil {
			return err
		}
	}
	if !own {
		g.watches.Unsubscribe(ctx, call.Session.ID, call.Name)
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
	reply = &entitled{reply, g, call}
	if call.Session != nil {
		return g.hub.Listen(ctx, call.Session.ID, nil, reply)
	}
	filter, err := g.filter(ctx, call)
	if err != nil {
		return err
	}
	defer g.watches.End(context.WithoutCancel(ctx), filter.URIs)
	tasks, err := g.tasks.Watch(ctx, call, reply)
	if err != nil {
		return err
	}
	defer tasks.Close()
	filter.Acknowledge(tasks.Settled(ctx))
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

// An entitled is the Reply of a stream that tells of resources what its caller may see by the configuration in force, whatever it might
// see when the stream was opened, and ends for a caller who would not be let in any more.
type entitled struct {
	mcp.Reply
	gateway *Gateway
	call    *mcp.Call
}

// Notify passes on what the client is told.
func (e *entitled) Notify(ctx context.Context, m *wire.Message) error {
	now := *e.call
	if now.Caller = e.gateway.setup.Load().access.Again(now.Caller); now.Caller == nil {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "the key of the stream is not known any more")
	}
	if string(m.MethodName()) == mcp.NoticeUpdated {
		now.Settle()
		if uri, _ := wire.Unquote(m.Bytes(m.Member("uri"))); !now.Caller.View.Sees(mcp.Resource, uri) {
			return nil
		}
	}
	return e.Reply.Notify(ctx, m)
}

// filter reads what a modern client wants to be told of, cut to what it may see and to what the servers can tell. It has begun to watch
// the resources, which the caller ends.
func (g *Gateway) filter(ctx context.Context, call *mcp.Call) (*notice.Filter, error) {
	// What the client was given before, perhaps before a restart of the gate, is as the
	// lists are now: what differs from them is news.
	settled := sync.OnceValue(func() *catalog.Catalog { return g.stock.Settle(ctx, call) })
	f, err := notice.ReadFilter(call.Member("notifications"), func(uri string) bool {
		_, known := settled().Lookup(mcp.Resource, uri)
		return known && call.Caller.View.Sees(mcp.Resource, uri)
	})
	if err != nil {
		return nil, err
	}
	if f.Group = int(mcp.AudienceOf(call)); f.Lists() {
		settled()
	}
	f.URIs = slices.DeleteFunc(f.URIs, func(uri string) bool {
		resource, ok := g.stock.Now(call).Lookup(mcp.Resource, uri)
		return !ok || !g.watches.Begin(ctx, resource.Dest.Server, uri)
	})
	return f, nil
}

// tellers are the servers that tell of resources.
type tellers struct{ *Gateway }

// Subscribe asks the replica of a server that tells of the resource.
func (t tellers) Subscribe(ctx context.Context, server, uri string) error {
	return t.pool.Subscribe(ctx, t.router.Watcher(server, uri), uri)
}

// Unsubscribe takes that back.
func (t tellers) Unsubscribe(ctx context.Context, uri string) error {
	return t.pool.Unsubscribe(ctx, uri)
}

// Owners are the servers that have the resource.
func (t tellers) Owners(uri string) []string { return t.stock.Owners(uri) }
