package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/web"
)

// A webSource offers the pages of one resource of type web, under their own addresses: those that the configuration lists, and over HTTPS all
// of the hosts that it names.
type webSource struct {
	*web.Site

	all     *Resources
	name    string
	timeout time.Duration
	poll    time.Duration
}

func (r *Resources) openPages(of []offer.Resource) (func(), error) {
	var opened []*webSource
	var faults []error
	for _, c := range of {
		site, err := web.Open(web.Options{
			URLs: c.URLs, Hosts: c.Hosts, Private: c.Private, MaxBytes: cmp.Or(int(c.MaxBytes), defaultMaxBytes), ETagOf: etagOf,
		})
		if err != nil {
			faults = append(faults, fmt.Errorf("opening the pages %q: %w", c.Name, err))
			continue
		}
		s := &webSource{site, r, c.Name, cmp.Or(c.Timeout, defaultTimeout), cmp.Or(c.Poll, defaultPoll)}
		opened = append(opened, s)
		r.sources = append(r.sources, s)
	}
	return func() {
		for _, s := range opened {
			s.offer()
		}
	}, errors.Join(faults...)
}

// offer lists the pages that are named, and a template for each host.
func (s *webSource) offer() {
	for _, page := range s.URLs {
		_, rest, _ := strings.Cut(page, "://")
		s.all.shelf.Put(&mcp.Resource{URI: page, Name: s.name + "/" + rest, Meta: metaOf(kindWeb, "", 0)}, true)
	}
	for _, host := range s.Hosts {
		if below, ok := strings.CutPrefix(host, "*."); ok {
			host = "{host}." + below
		}
		s.all.server.AddResourceTemplate(&mcp.ResourceTemplate{
			Name: s.name, Title: "Pages of " + s.name, Description: "A page by its address",
			URITemplate: "https://" + host + "/{+path}", Meta: metaOf(kindWeb, "", 0),
		}, s.all.serve)
	}
}

func (s *webSource) kind() string { return kindWeb }

func (s *webSource) close() error { return s.Close() }

func (s *webSource) every() time.Duration { return s.poll }

func (s *webSource) resolve(uri string) (string, bool) { return uri, s.Has(uri) }

func (s *webSource) read(ctx context.Context, uri, known string) (*state, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	page, err := s.Get(ctx, uri, known)
	switch {
	case errors.Is(err, web.ErrNotFound):
		return nil, errNotFound
	case err != nil:
		return nil, err
	}
	mimeType := page.Type
	if u, err := url.Parse(uri); mimeType == "" && err == nil {
		mimeType = files.MIMEOf(u.Path, files.IsText(page.Content))
	}
	return &state{etag: page.ETag, mimeType: mimeType, content: page.Content, unchanged: page.Unchanged}, nil
}
