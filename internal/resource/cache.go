package resource

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/files"
)

// What holds of a cache where the configuration does not say.
const (
	defaultTTL      = time.Hour
	defaultEntries  = 1_000
	defaultBytes    = 16 << 20
	defaultMaxBytes = 4 << 20
)

// maxKeyBytes is the length of the longest key of an entry or object.
const maxKeyBytes = 1024

// A cacheSource keeps the entries of one resource of type cache, in memory: cache://NAME/KEY.
type cacheSource struct {
	all      *Resources
	name     string
	ttl      time.Duration
	entries  int
	bytes    int
	maxBytes int

	mu      sync.Mutex
	known   map[string]*list.Element
	order   *list.List // of *cached, the one that was not used for the longest time last
	size    int        // of all contents
	evicted []string   // URIs of entries that had to go, which is not told yet
}

// A cached entry is one key with its value.
type cached struct {
	uri, etag, mimeType string
	content             []byte
	over                time.Time
}

func (r *Resources) openCaches(of []config.Resource) (func(), error) {
	var made []*cacheSource
	for _, c := range of {
		s := &cacheSource{
			all: r, name: c.Name, ttl: cmp.Or(c.TTL, defaultTTL), entries: cmp.Or(c.Entries, defaultEntries),
			bytes: cmp.Or(int(c.Bytes), defaultBytes), maxBytes: cmp.Or(int(c.MaxBytes), defaultMaxBytes),
			known: map[string]*list.Element{}, order: list.New(),
		}
		made = append(made, s)
		r.sources = append(r.sources, s)
	}
	return func() {
		for _, s := range made {
			r.server.AddResourceTemplate(&mcp.ResourceTemplate{
				Name: s.name, Title: "Entries of " + s.name, URITemplate: s.prefix() + "{+key}", Meta: metaOf(kindCache, "", 0),
				Description: fmt.Sprintf("An entry by its key; it stays for %v after it was written, and is made by writing it", s.ttl),
			}, r.serve)
			r.wg.Go(func() { s.sweep(r.ctx) })
		}
	}, nil
}

func (s *cacheSource) prefix() string { return "cache://" + s.name + "/" }

func (s *cacheSource) kind() string { return kindCache }

func (s *cacheSource) close() error { return nil }

func (s *cacheSource) resolve(uri string) (string, bool) {
	key, ok := strings.CutPrefix(uri, s.prefix())
	return uri, ok && validKey(key)
}

// validKey reports whether a part of a URI is a key in its only spelling, as files have paths: without empty parts, . and .., and without
// control characters.
func validKey(escaped string) bool {
	key, ok := files.UnescapePath(escaped)
	return ok && len(key) <= maxKeyBytes && utf8.ValidString(key) && !strings.ContainsFunc(key, unicode.IsControl) && !hasParent(key)
}

func hasParent(key string) bool {
	for part := range strings.SplitSeq(key, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

func (s *cacheSource) read(_ context.Context, uri, _ string) (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.known[uri]
	if at == nil {
		return nil, errNotFound
	}
	e, _ := at.Value.(*cached)
	if time.Now().After(e.over) { // sweep removes it
		return nil, errNotFound
	}
	s.order.MoveToFront(at)
	return &state{etag: e.etag, mimeType: e.mimeType, content: e.content}, nil
}

func (s *cacheSource) write(_ context.Context, name string, c *change) (string, error) {
	if most := min(s.maxBytes, s.bytes); len(c.content) > most {
		return "", refusal(fmt.Sprintf("the value has %d bytes; this cache takes at most %d", len(c.content), most))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, now := s.known[name], ""
	if at != nil {
		if e, _ := at.Value.(*cached); time.Now().Before(e.over) {
			now = e.etag
		}
	}
	if err := c.allow(now); err != nil {
		return "", err
	}
	if at != nil {
		s.remove(at)
	}
	mimeType := cmp.Or(c.mimeType, files.MIMEOf(name, files.IsText(c.content)))
	e := &cached{uri: name, mimeType: mimeType, content: c.content, over: time.Now().Add(s.ttl)}
	e.etag = etagOf(append([]byte(mimeType+"\n"), c.content...))
	s.known[name] = s.order.PushFront(e)
	s.size += len(e.content)
	for s.order.Len() > s.entries || s.size > s.bytes {
		last, _ := s.order.Back().Value.(*cached)
		s.evicted = append(s.evicted, last.uri)
		s.remove(s.order.Back())
	}
	return e.etag, nil
}

// remove forgets an entry. The caller holds mu.
func (s *cacheSource) remove(at *list.Element) {
	e, _ := s.order.Remove(at).(*cached)
	delete(s.known, e.uri)
	s.size -= len(e.content)
}

// wrote lists an entry that is new or has a new value, and tells of those that had to go for it.
func (s *cacheSource) wrote(w *written) {
	for _, uri := range s.list(w) {
		s.all.gone(uri)
	}
}

// list lists an entry, and returns the entries that had to go.
func (s *cacheSource) list(w *written) (evicted []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	evicted, s.evicted = s.evicted, nil
	if at := s.known[w.name]; at != nil { // else somebody's larger entry came in between
		e, _ := at.Value.(*cached)
		s.all.shelf.put(&mcp.Resource{
			URI: e.uri, Name: s.name + "/" + strings.TrimPrefix(e.uri, s.prefix()), MIMEType: e.mimeType, Size: int64(len(e.content)),
			Meta: metaOf(kindCache, w.etag, w.revision),
		}, true)
	}
	return evicted
}

// sweep removes entries whose time is over, until ctx ends.
func (s *cacheSource) sweep(ctx context.Context) {
	tick := time.NewTicker(min(max(s.ttl/4, 100*time.Millisecond), time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, uri := range s.expired() {
			s.all.gone(uri)
		}
	}
}

// expired removes the entries whose time is over and returns their URIs.
func (s *cacheSource) expired() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []string
	for uri, at := range s.known {
		if e, _ := at.Value.(*cached); time.Now().After(e.over) {
			gone = append(gone, uri)
			s.remove(at)
		}
	}
	return gone
}
