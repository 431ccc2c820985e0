// Package web gets pages over HTTP from hosts that were named, and from nowhere else: connections and redirects are made under a policy
// (package dial), pages are bounded in bytes, and one that is known is asked for on the condition that it has changed.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/dial"
)

const (
	// maxURI is the length of the longest address of a page.
	maxURI = 2048
	// maxValidators is how many pages one Site knows how to ask for again.
	maxValidators = 10_000
)

// Options says which pages a Site has.
type Options struct {
	// URLs are single pages.
	URLs []string
	// Hosts are those of which every page over HTTPS is one: HOST, HOST:PORT, or *.example.com for all below example.com.
	Hosts []string
	// Private are hosts and networks that may have an address that is not public, as in dial.Policy.
	Private []string
	// MaxBytes is how large a page may be. It must be set.
	MaxBytes int
	// ETagOf makes an etag of a content, where the server tells no strong one. It must be set.
	ETagOf func(content []byte) string
}

// A Site gets pages. It may be used concurrently, and must be closed.
type Site struct {
	Options

	dialer *dial.Dialer // for urls and hosts
	pages  *dial.Dialer // decides what is a page of hosts; nil without

	mu         sync.Mutex
	validators map[string]validator // by URI
}

// A validator is how a server is asked whether a page is still as it was (RFC 9110 section 13.1).
type validator struct {
	ours         string // the etag that we tell
	etag         string // the server's, as it wrote it
	lastModified string
}

// A Page is what a server answered.
type Page struct {
	// Content is missing if Unchanged.
	Content []byte
	// ETag is the server's strong etag without its quotes, or that of Options.ETagOf.
	ETag string
	// Type is the media type without parameters, empty where the server tells none.
	Type string
	// Unchanged says that the page is as it was when it had the etag that was known.
	Unchanged bool
}

// ErrNotFound says that there is no such page.
var ErrNotFound = errors.New("there is no such page")

// A Refusal is an error in the caller's words.
type Refusal string //nolint:errname // a RefusalError would say less

// Error returns the words.
func (r Refusal) Error() string { return string(r) }

// Told returns the words: what may be told to whoever asked.
func (r Refusal) Told() string { return string(r) }

// A Failure is what the server of a page has done wrong, in words for the caller.
type Failure string //nolint:errname // as Refusal

// Error returns the words.
func (f Failure) Error() string { return string(f) }

// Told returns the words.
func (f Failure) Told() string { return string(f) }

// Open returns a Site. An error names what cannot be understood.
func Open(o Options) (*Site, error) {
	s := &Site{Options: o, validators: map[string]validator{}}
	var hosts []string
	for _, host := range o.Hosts {
		hosts = append(hosts, withPort(host, "443"))
	}
	var err error
	if len(hosts) > 0 {
		if s.pages, err = dial.New(dial.Policy{Hosts: hosts, Private: o.Private}); err != nil {
			return nil, err
		}
	}
	for _, page := range o.URLs {
		u, err := url.Parse(page)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, withPort(u.Host, "443"), withPort(u.Host, "80")) // one often sends to the other
	}
	s.dialer, err = dial.New(dial.Policy{Hosts: hosts, Private: o.Private})
	return s, err
}

// withPort is a host with a port: its own, if it has one.
func withPort(host, port string) string {
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	return host + ":" + port
}

// Close ends idle connections.
func (s *Site) Close() error {
	s.dialer.Close()
	return nil
}

// Has reports whether a URI is one of the pages.
func (s *Site) Has(uri string) bool { return slices.Contains(s.URLs, uri) || s.isPage(uri) }

// isPage reports whether a URI is a page of one of the hosts, in a spelling without detours: what a rule about addresses sees is what is
// asked for.
func (s *Site) isPage(uri string) bool {
	if s.pages == nil || len(uri) > maxURI || !strings.HasPrefix(uri, "https://") || strings.ContainsAny(uri, `#\`) {
		return false
	}
	u, err := url.Parse(uri)
	if err != nil || u.String() != uri || u.Host != strings.ToLower(u.Host) || strings.HasSuffix(u.Hostname(), ".") || u.Port() == "443" || !strings.HasPrefix(u.Path, "/") {
		return false
	}
	for part := range strings.FieldsFuncSeq(u.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." || strings.ContainsFunc(part, unicode.IsControl) {
			return false
		}
	}
	return s.pages.Check(u) == nil
}

// Get gets a page that is one of the Site's; without its content if it has not changed since it had the etag that is known. The context has
// a deadline. An error that wraps a Refusal may be told to whoever asked.
func (s *Site) Get(ctx context.Context, uri, known string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "sumun")
	before := s.validator(uri)
	conditional := known != "" && before.ours == known
	if conditional {
		before.ask(req.Header)
	}
	res, err := s.dialer.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // only read
	switch {
	case res.StatusCode == http.StatusNotModified && conditional:
		return &Page{ETag: known, Unchanged: true}, nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, ErrNotFound
	case res.StatusCode != http.StatusOK:
		return nil, Failure(fmt.Sprintf("the page answers %d %s; try again later", res.StatusCode, http.StatusText(res.StatusCode)))
	}
	return s.page(uri, res)
}

// page reads a page that has come.
func (s *Site) page(uri string, res *http.Response) (*Page, error) {
	content, err := dial.Read(res.Body, int64(s.MaxBytes))
	switch {
	case errors.Is(err, dial.ErrTooLarge):
		return nil, Refusal(fmt.Sprintf("the page has more than %d bytes, which is the most that is handed out here", s.MaxBytes))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, Failure("the page ended before its end; try again")
	case err != nil:
		return nil, err
	}
	v := validator{ours: strongETag(res.Header.Get("ETag")), etag: res.Header.Get("ETag"), lastModified: res.Header.Get("Last-Modified")}
	if v.ours == "" {
		v.ours = s.ETagOf(content)
	}
	s.remember(uri, v)
	mimeType, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		mimeType = "" // nothing that could be told
	}
	return &Page{Content: content, ETag: v.ours, Type: mimeType}, nil
}

// strongETag is a server's etag without its quotes, if it is a strong one (RFC 9110 section 8.8.3).
func strongETag(etag string) string {
	value, quoted := strings.CutPrefix(strings.TrimSuffix(etag, `"`), `"`)
	if !quoted || value == "" || value == "*" || len(value) > 128 || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
		return ""
	}
	return value
}

// ask puts the conditions into the header of a request.
func (v validator) ask(h http.Header) {
	if v.etag != "" {
		h.Set("If-None-Match", v.etag)
	}
	if v.lastModified != "" {
		h.Set("If-Modified-Since", v.lastModified)
	}
}

func (s *Site) validator(uri string) validator {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.validators[uri]
}

func (s *Site) remember(uri string, v validator) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.validators) >= maxValidators {
		clear(s.validators) // they are asked for as a whole once
	}
	s.validators[uri] = v
}
