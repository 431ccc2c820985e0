// Package shelf keeps the list of resources of a server of the official SDK: what comes and goes is listed at once, other states after a
// while, so that a file that is written all the time does not make clients do nothing but list.
package shelf

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

// A Shelf keeps a server's list of resources. Its methods may be called concurrently.
type Shelf struct {
	server *mcp.Server
	serve  mcp.ResourceHandler

	mu     sync.Mutex
	listed map[string]*mcp.Resource
	stale  map[string]*mcp.Resource // listed in an older state
	calm   time.Time                // when states were listed last
}

// New returns the list of a server, with no resources in it. Those that are put are read by serve.
func New(server *mcp.Server, serve mcp.ResourceHandler) *Shelf {
	return &Shelf{server: server, serve: serve, listed: map[string]*mcp.Resource{}, stale: map[string]*mcp.Resource{}}
}

// Put lists a resource, or its new state; now says that the change is one of our own, which is listed at once.
func (s *Shelf) Put(resource *mcp.Resource, now bool) {
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

// Drop takes resources out of the list.
func (s *Shelf) Drop(uris ...string) {
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
func (s *Shelf) settle() {
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

// Run settles the list from time to time until ctx ends.
func (s *Shelf) Run(ctx context.Context) {
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
