package access

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Holder returns who holds a key of the store, by this configuration. It implements keyring.Resolver. A scope or a role that is not
// there any more grants nothing.
func (a *Access) Holder(k *keyring.Key) mcp.Caller {
	c := mcp.Caller{ID: k.Name, Given: k.Scopes, Roles: k.Roles}
	if a.naming != nil {
		c.Naming = a.naming(k.Name)
	}
	a.grant(&c, false)
	return c
}

// grant gives a caller the scopes and the view that it has, by this configuration, by what it was given.
func (a *Access) grant(c *mcp.Caller, stepUp bool) {
	c.Scopes = a.Expand(c.Given, c.Roles)
	c.View = a.ViewOf(c.Scopes, stepUp)
}

// againByRing returns who the holder of a key of the store is by this configuration; nil if the key is revoked or has expired.
func (a *Access) againByRing(caller *mcp.Caller) *mcp.Caller {
	if a.ring == nil || caller.Expired() {
		return nil
	}
	now := *caller
	a.grant(&now, false)
	return &now
}

// Expand returns the scopes that scopes and roles are together, in order and each once.
func (a *Access) Expand(scopes, roles []string) []string {
	all := slices.Clone(scopes)
	for _, role := range roles {
		all = append(all, a.roles[role]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// maxViews is how many views are kept for others who were given the same.
const maxViews = 4096

// ViewOf returns what the scopes grant together; one that does not exist grants nothing. Callers that were given the same share a view.
// With stepUp the view also lists what scopes grant that are lacking and marked stepUp, and tells which they are (mcp.View.StepUp).
func (a *Access) ViewOf(scopes []string, stepUp bool) *mcp.View {
	id := strings.Join(scopes, " ") // no scope has a space in it
	if stepUp {
		id += " and more"
	}
	if v, ok := a.views.Load(id); ok {
		return v.(*mcp.View) //nolint:errcheck,forcetypeassert // nothing else is put there
	}
	r := a.rights(scopes)
	if stepUp {
		r.steps = a.steps(scopes)
	}
	if a.viewed.Load() >= maxViews { // tokens may have any of the scopes together
		return r.view()
	}
	v, was := a.views.LoadOrStore(id, r.view())
	if !was {
		a.viewed.Add(1)
	}
	return v.(*mcp.View) //nolint:errcheck,forcetypeassert // nothing else is put there
}

// While is a Middleware that ends what goes on without end, such as a stream of notices, once its caller's key is revoked or has
// expired. Calls that end by themselves may end: they were allowed when they began.
func While(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if lasts := call.Method == mcp.MethodListen || call.Method == mcp.MethodSubscribeEvents; !lasts || call.Caller.Over == nil {
			return next.Handle(ctx, call, reply)
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil) // after a panic too
		over := call.Caller.Over
		var watching sync.WaitGroup
		watching.Go(func() {
			select {
			case <-over:
				cancel(refused("the key is revoked or has expired"))
			case <-ctx.Done():
			}
		})
		err := next.Handle(ctx, call, reply)
		cancel(nil)
		watching.Wait()
		return err
	})
}
