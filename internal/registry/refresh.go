package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/signature"
)

// How often feeds are asked for: those at a URL, files, and any that could not be had.
const (
	feedEvery   = time.Hour
	fileEvery   = time.Minute
	feedRetry   = 5 * time.Minute
	feedTimeout = 30 * time.Second
	feedPause   = 5 * time.Second // between looks whether one is due
)

// refresh keeps the feeds of mcp.yaml up to date. What cannot be had, or does not hold, is told of; what was taken over before stays.
func (r *Registry) refresh(ctx context.Context) {
	due := map[belief.Feed]time.Time{}
	timer := time.NewTicker(feedPause)
	defer timer.Stop()
	for {
		r.refreshDue(ctx, due)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (r *Registry) refreshDue(ctx context.Context, due map[belief.Feed]time.Time) {
	c := r.config()
	if c == nil {
		return
	}
	for feed := range due {
		if !slices.Contains(c.Trust.Feeds, feed) {
			delete(due, feed)
		}
	}
	for _, feed := range c.Trust.Feeds {
		if time.Now().Before(due[feed]) {
			continue
		}
		every := feedEvery
		if !isURL(feed.URL) {
			every = fileEvery
		}
		if _, err := r.Fetch(ctx, c.Dir, feed); err != nil {
			if ctx.Err() != nil {
				return
			}
			r.failed(ctx, feed.URL, err)
			every = min(every, feedRetry)
		}
		due[feed] = time.Now().Add(every)
	}
}

// Fetch gets a feed from where it lies, and takes it over unless it is what was taken over before; paths are those of a file in dir.
func (r *Registry) Fetch(ctx context.Context, dir string, f belief.Feed) (*Taken, error) {
	keys, err := ReadKeys(document.Absolute(dir, f.Key))
	if err != nil {
		return nil, err
	}
	before := r.taken(f.URL)
	text, tag, err := get(ctx, dir, f.URL, before.ETag)
	if err != nil || text == nil { // it has not changed
		return &before, err
	}
	return r.Take(ctx, text, &Demand{Keys: keys, Issuer: f.Issuer, Now: time.Now()}, Taken{Source: f.URL, ETag: tag})
}

// taken returns what was taken over of a source.
func (r *Registry) taken(source string) Taken {
	for _, t := range r.now.Load().Feeds {
		if t.Source == source {
			return t
		}
	}
	return Taken{Source: source}
}

// ReadKeys reads a file of public keys, which is believed itself.
func ReadKeys(name string) (map[string]signature.Key, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of the feed: %w", err)
	}
	set, err := signature.ParseSet(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return signature.Trusting(set)
}

// get reads what lies at a URL or in a file; it is nil if it still has that tag.
func get(ctx context.Context, dir, source, tag string) (text []byte, newTag string, err error) {
	if isURL(source) {
		return download(ctx, source, tag)
	}
	text, err = readFile(document.Absolute(dir, source))
	return text, "", err
}

// Read gets a feed from a URL or a file in the working directory.
func Read(ctx context.Context, source string) ([]byte, error) {
	text, _, err := get(ctx, "", source, "")
	return text, err
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is no regular file")}
	case info.Size() > 2*maxFeed:
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has more than %d bytes", 2*maxFeed)}
	}
	return os.ReadFile(name) //nolint:gosec // the operator names it
}

// download gets what lies at an https URL, or on this machine an http one, from its own host alone: nobody leads elsewhere.
func download(ctx context.Context, source, tag string) ([]byte, string, error) {
	u, err := url.Parse(source)
	if err != nil || u.Hostname() == "" {
		return nil, "", fmt.Errorf("%.200q is no URL of a feed", source)
	}
	if u.Scheme != "https" && !isLocal(source) {
		return nil, "", fmt.Errorf("feeds are fetched over https; %s is not", source)
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	dialer, err := dial.New(dial.Policy{Hosts: []string{host}, Private: []string{host}, Redirects: -1})
	if err != nil {
		return nil, "", fmt.Errorf("fetching the feed: %w", err)
	}
	defer dialer.Close()
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, "", fmt.Errorf("fetching the feed: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	answer, err := dialer.Client().Do(request)
	if err != nil {
		return nil, "", fmt.Errorf("fetching the feed: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	switch {
	case answer.StatusCode == http.StatusNotModified && tag != "":
		return nil, tag, nil
	case answer.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("fetching the feed: %s answers %s", source, answer.Status)
	}
	text, err := dial.Read(answer.Body, 2*maxFeed)
	if err != nil {
		return nil, "", fmt.Errorf("fetching the feed: %w", err)
	}
	return text, short(answer.Header.Get("ETag")), nil
}
