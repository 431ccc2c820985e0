package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/s3"
)

// What holds where the configuration does not say.
const (
	defaultTimeout = 10 * time.Second
	defaultPoll    = time.Minute
)

// maxObjects is how many objects of a store are listed.
const maxObjects = 1_000

// A bucket holds objects by their keys. Its methods may be called concurrently.
type bucket interface {
	// get returns an object; when its etag is known, the content may be missing.
	get(ctx context.Context, key, known string) (*state, error)
	// put makes a change of an object, as writer.write does.
	put(ctx context.Context, key string, c *change) (etag string, err error)
	// list returns the first objects, sorted by key, at most maxObjects.
	list(ctx context.Context) ([]object, error)
	close() error
}

// An object is what a list says of one.
type object struct {
	key  string
	etag string // empty where it is not known
	size int64
}

// An objectSource offers the objects of one resource of type object: sumun://object/NAME/KEY.
type objectSource struct {
	all      *Resources
	name     string
	bucket   bucket
	writable bool
	maxBytes int
	timeout  time.Duration
	poll     time.Duration

	// listing is held while the list is brought up to date, so that its changes come in their order.
	listing sync.Mutex
	listed  map[string]bool // by URI
}

func (r *Resources) openObjects(of []offer.Resource) (func(), error) {
	var opened []*objectSource
	var faults []error
	for _, c := range of {
		s := &objectSource{
			all: r, name: c.Name, writable: c.Write, maxBytes: cmp.Or(int(c.MaxBytes), defaultMaxBytes),
			timeout: cmp.Or(c.Timeout, defaultTimeout), poll: cmp.Or(c.Poll, defaultPoll), listed: map[string]bool{},
		}
		var err error
		if s.bucket, err = openBucket(c, s.maxBytes); err != nil {
			faults = append(faults, fmt.Errorf("opening the objects %q: %w", c.Name, err))
			continue
		}
		opened = append(opened, s)
		r.sources = append(r.sources, s)
	}
	return func() {
		for _, s := range opened {
			s.offer()
		}
	}, errors.Join(faults...)
}

// openBucket opens the store that a resource names.
func openBucket(c offer.Resource, maxBytes int) (bucket, error) {
	if u, err := url.Parse(c.URL); err == nil && u.Scheme == "file" {
		return openDirectory(c, u.Path)
	}
	opened, err := s3.Open(s3.Options{URL: c.URL, AccessKey: c.AccessKey, SecretKey: c.SecretKey, MaxBytes: maxBytes})
	if err != nil {
		return nil, err
	}
	return store{opened}, nil
}

func (s *objectSource) offer() {
	s.all.server.AddResourceTemplate(&mcp.ResourceTemplate{
		Name: s.name, Title: "Objects of " + s.name, Description: "An object by its key, also one that the list is too short for",
		URITemplate: s.prefix() + "{+key}", Meta: metaOf(kindObject, "", 0),
	}, s.all.serve)
	s.all.wg.Go(s.watch)
}

// watch keeps the list true to the store, until the resources are closed.
func (s *objectSource) watch() {
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		if err := s.refresh(); err != nil && s.all.ctx.Err() == nil {
			s.all.log.WarnContext(s.all.ctx, "objects cannot be listed", slog.String("resource", s.name), slog.Any("error", err))
		}
		select {
		case <-s.all.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refresh makes the list that of the objects that are there, and tells what has changed.
func (s *objectSource) refresh() error {
	s.listing.Lock()
	defer s.listing.Unlock()
	ctx, cancel := context.WithTimeout(s.all.ctx, s.timeout)
	defer cancel()
	objects, err := s.bucket.list(ctx)
	if err != nil {
		return err
	}
	before := s.listed
	s.listed = map[string]bool{}
	for _, o := range objects {
		escaped := files.EscapePath(o.key)
		if !validKey(escaped) {
			continue
		}
		uri := s.prefix() + escaped
		s.listed[uri] = true
		s.show(uri, o)
	}
	for uri := range before {
		if !s.listed[uri] {
			s.all.gone(uri)
		}
	}
	return nil
}

// show lists an object and tells if it has changed. A list may be older than what was written while it came, so a change is looked at.
func (s *objectSource) show(uri string, o object) {
	revision := s.all.ledger.Revision(uri)
	if known := s.all.ledger.ETag(uri); known != o.etag && o.etag != "" {
		if known == "" {
			revision, _ = s.all.ledger.See(uri, o.etag)
		} else {
			got, err := s.all.read(s.all.ctx, uri, "")
			if err != nil {
				return
			}
			o.etag, o.size, revision = got.etag, int64(len(got.content)), got.revision
		}
	}
	s.all.shelf.Put(s.resource(uri, o, revision), false)
}

func (s *objectSource) resource(uri string, o object, revision int64) *mcp.Resource {
	return &mcp.Resource{
		URI: uri, Name: s.name + "/" + o.key, MIMEType: files.MIMEByExtension(o.key), Size: o.size, Meta: metaOf(kindObject, o.etag, revision),
	}
}

func (s *objectSource) prefix() string { return "sumun://object/" + s.name + "/" }

func (s *objectSource) kind() string { return kindObject }

func (s *objectSource) close() error { return s.bucket.close() }

func (s *objectSource) resolve(uri string) (string, bool) {
	key, ok := strings.CutPrefix(uri, s.prefix())
	return uri, ok && validKey(key)
}

// key is the key of a URI that resolve has accepted.
func (s *objectSource) key(uri string) string {
	key, _ := files.UnescapePath(strings.TrimPrefix(uri, s.prefix()))
	return key
}

func (s *objectSource) read(ctx context.Context, uri, known string) (*state, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.bucket.get(ctx, s.key(uri), known)
}

func (s *objectSource) write(ctx context.Context, name string, c *change) (string, error) {
	switch {
	case !s.writable:
		return "", errReadOnly
	case len(c.content) > s.maxBytes:
		return "", refusal(fmt.Sprintf("the object has %d bytes; at most %d are taken here", len(c.content), s.maxBytes))
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.bucket.put(ctx, s.key(name), c)
}

// wrote lists the new state of an object.
func (s *objectSource) wrote(w *written) {
	s.listing.Lock()
	defer s.listing.Unlock()
	if !s.listed[w.name] && len(s.listed) >= maxObjects {
		return
	}
	s.listed[w.name] = true
	s.all.shelf.Put(s.resource(w.name, object{key: s.key(w.name), etag: w.etag, size: w.size}, w.revision), true)
}
