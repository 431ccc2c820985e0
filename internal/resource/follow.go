package resource

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// maxFollowed is how many resources may be subscribed to at a time: some of them are asked for again and again.
const maxFollowed = 10_000

// followers are the sessions that have subscribed to resources.
type followers struct {
	mu sync.Mutex
	of map[string]map[*sdk.ServerSession]bool // by the resource's name
}

func newFollowers() *followers {
	return &followers{of: map[string]map[*sdk.ServerSession]bool{}}
}

// add notes a follower, unless there are too many resources that somebody follows.
func (f *followers) add(name string, session *sdk.ServerSession) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.of) >= maxFollowed && f.of[name] == nil {
		return errors.New("too many resources are subscribed to; end some of the subscriptions first")
	}
	if f.of[name] == nil {
		f.of[name] = map[*sdk.ServerSession]bool{}
	}
	f.of[name][session] = true
	return nil
}

func (f *followers) remove(name string, session *sdk.ServerSession) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of[name], session)
	if len(f.of[name]) == 0 {
		delete(f.of, name)
	}
}

// names are the resources that somebody follows whose session is one of those that are open; the others are forgotten.
func (f *followers) names(open []*sdk.ServerSession) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, sessions := range f.of {
		maps.DeleteFunc(sessions, func(s *sdk.ServerSession, _ bool) bool { return !slices.Contains(open, s) })
		if len(sessions) == 0 {
			delete(f.of, name)
		}
	}
	return slices.Sorted(maps.Keys(f.of))
}

// subscribe accepts resources whose changes are noticed.
func (r *Resources) subscribe(_ context.Context, req *sdk.SubscribeRequest) error {
	uri := req.Params.URI
	s, name, ok := r.find(uri)
	if !ok || name != uri {
		return sdk.ResourceNotFoundError(uri)
	}
	if l, ok := s.(limited); ok && !l.tells(name) {
		return sdk.ResourceNotFoundError(uri)
	}
	if err := r.follows.add(name, req.Session); err != nil {
		return invalidParams(err)
	}
	return nil
}

func (r *Resources) unsubscribe(_ context.Context, req *sdk.UnsubscribeRequest) error {
	r.follows.remove(req.Params.URI, req.Session)
	return nil
}

// announce tells whoever wants to know that a resource has changed. The server knows who has subscribed to which.
func (r *Resources) announce(name, etag string, revision int64) {
	if r.server != nil {
		params := &sdk.ResourceUpdatedNotificationParams{URI: name}
		if etag != "" {
			params.Meta = sdk.Meta{mcp.MetaETag: etag, mcp.MetaRevisionNumber: revision}
		}
		_ = r.server.ResourceUpdated(r.ctx, params) // what fails it logs
	}
	if r.updated != nil {
		r.updated(name, etag, revision)
	}
}

// startPolls looks at the resources that are followed, of each source that does not tell when they change.
func (r *Resources) startPolls() {
	for _, s := range r.sources {
		if p, ok := s.(polled); ok {
			r.wg.Go(func() { r.poll(s, p.every()) })
		}
	}
}

func (r *Resources) poll(s source, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		for _, name := range r.follows.names(slices.Collect(r.server.Sessions())) {
			if _, ok := s.resolve(name); ok {
				r.look(name)
			}
		}
	}
}

// look reads a resource, so that a change is noticed. What cannot be read now is looked at again later.
func (r *Resources) look(name string) {
	if r.ctx.Err() == nil {
		_, _ = r.read(r.ctx, name, r.ledger.ETag(name)) // the change is told in read
	}
}
