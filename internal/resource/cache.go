package resource

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/cache"
	"github.com/sumun-mcp/sumun/internal/config/offer"
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
	*cache.Cache // by URI

	all      *Resources
	name     string
	ttl      time.Duration
	maxBytes int
}

func (r *Resources) openCaches(of []offer.Resource) (func(), error) {
	var made []*cacheSource
	for _, c := range of {
		o := cache.Options{
			TTL: cmp.Or(c.TTL, defaultTTL), Entries: cmp.Or(c.Entries, defaultEntries), Bytes: cmp.Or(int(c.Bytes), defaultBytes),
		}
		s := &cacheSource{cache.New(o), r, c.Name, o.TTL, min(cmp.Or(int(c.MaxBytes), defaultMaxBytes), o.Bytes)}
		made = append(made, s)
		r.sources = append(r.sources, s)
	}
	return func() {
		for _, s := range made {
			r.server.AddResourceTemplate(&mcp.ResourceTemplate{
				Name: s.name, Title: "Entries of " + s.name, URITemplate: s.prefix() + "{+key}", Meta: metaOf(kindCache, "", 0),
				Description: "An entry by its key; it is made by writing it, and stays for a time",
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
	e := s.Get(uri)
	if e == nil {
		return nil, errNotFound
	}
	return &state{etag: e.ETag, mimeType: e.Type, content: e.Content}, nil
}

func (s *cacheSource) write(_ context.Context, name string, c *change) (string, error) {
	if len(c.content) > s.maxBytes {
		return "", refusal(fmt.Sprintf("the value has %d bytes; this cache takes at most %d", len(c.content), s.maxBytes))
	}
	e := &cache.Entry{Key: name, Content: c.content, Type: cmp.Or(c.mimeType, files.MIMEOf(name, files.IsText(c.content)))}
	e.ETag = etagOf(append([]byte(e.Type+"\n"), c.content...))
	return e.ETag, s.Put(e, func(now *cache.Entry) error {
		if now == nil {
			return c.allow("")
		}
		return c.allow(now.ETag)
	})
}

// wrote lists an entry that is new or has a new value, and tells of those that had to go for it.
func (s *cacheSource) wrote(w *written) {
	if e := s.Get(w.name); e != nil && e.ETag == w.etag { // else somebody was here in between
		s.all.shelf.Put(&mcp.Resource{
			URI: e.Key, Name: s.name + "/" + strings.TrimPrefix(e.Key, s.prefix()), MIMEType: e.Type, Size: int64(len(e.Content)),
			Meta: metaOf(kindCache, w.etag, w.revision),
		}, true)
	}
	for _, uri := range s.Evicted() {
		s.all.gone(uri)
	}
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
		for _, uri := range s.Expired() {
			s.all.gone(uri)
		}
	}
}
