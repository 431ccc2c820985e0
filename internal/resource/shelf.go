package resource

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// listCalm is how long a list stays as it is when only the states of what it names have changed: were each line of a log a new list,
// clients would do nothing but list.
const listCalm = 5 * time.Second

// A shelf keeps the server's list of resources. What comes and goes is listed at once, other states after a while.
type shelf struct {
	server *mcp.Server
	serve  mcp.ResourceHandler

	mu     sync.Mutex
	listed map[string]*mcp.Resource
	stale  map[string]*mcp.Resource // listed in an older state
	calm   time.Time                // when states were listed last
}

func newShelf(server *mcp.Server, serve mcp.ResourceHandler) *shelf {
	return &shelf{server: server, serve: serve, listed: map[string]*mcp.Resource{}, stale: map[string]*mcp.Resource{}}
}

// put lists a resource, or its new state; now says that the change is one of our own, which is listed at once.
func (s *shelf) put(resource *mcp.Resource, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.listed[resource.URI]
	if was != nil && was.Size == resource.Size && maps.Equal(was.Meta, resource.Meta) {
		delete(s.stale, resource.URI)
		return
	}
	if was != nil && !now {
		s.stale[resource.URI] = resource
		return
	}
	s.listed[resource.URI] = resource
	delete(s.stale, resource.URI)
	s.server.AddResource(resource, s.serve)
}

// drop takes resources out of the list.
func (s *shelf) drop(uris ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uri := range uris {
		delete(s.listed, uri)
		delete(s.stale, uri)
	}
	slices.Sort(uris)
	s.server.RemoveResources(uris...)
}

// settle lists new states, if the list was calm for long enough.
func (s *shelf) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stale) == 0 || time.Since(s.calm) < listCalm {
		return
	}
	for uri, resource := range s.stale {
		s.listed[uri] = resource
		s.server.AddResource(resource, s.serve)
	}
	clear(s.stale)
	s.calm = time.Now()
}

// run settles the list from time to time until ctx ends.
func (s *shelf) run(ctx context.Context) {
	tick := time.NewTicker(listCalm / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.settle()
		}
	}
}
