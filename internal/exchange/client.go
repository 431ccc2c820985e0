package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Official is the official registry.
const Official = "https://registry.modelcontextprotocol.io"

// What is read of a registry is bounded.
const (
	pageSize   = 100
	maxPage    = 32 << 20
	maxRecords = 200_000
	patience   = time.Minute
)

// A Client reads one registry.
type Client struct {
	// URL is where the registry is, with or without /v0.1 or /v0.1/servers behind.
	URL string
	// Key is shown to it as a bearer token; empty shows nothing.
	Key string
	// Carrier carries the requests; nil is http.DefaultTransport.
	Carrier http.RoundTripper
}

// A Query says which records are wanted.
type Query struct {
	// Search is a part of the name, and Version an exact version or latest; empty takes all.
	Search, Version string
	// Since takes records only that have changed since then, deleted ones too.
	Since time.Time
}

// ErrNone says that a registry has no such server.
var ErrNone = errors.New("the registry has no such server")

// All yields the records that are wanted, page by page. After an error nothing follows.
func (c *Client) All(ctx context.Context, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		values := url.Values{"limit": {strconv.Itoa(pageSize)}}
		for name, value := range map[string]string{"search": q.Search, "version": q.Version} {
			if value != "" {
				values.Set(name, value)
			}
		}
		if !q.Since.IsZero() {
			values.Set("updated_since", q.Since.UTC().Format(time.RFC3339Nano))
		}
		seen, n := map[string]bool{}, 0
		for {
			var page struct {
				Servers  []Record `json:"servers"`
				Metadata struct {
					NextCursor string `json:"nextCursor"`
				} `json:"metadata"`
			}
			if err := c.get(ctx, "/servers?"+values.Encode(), &page); err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range page.Servers {
				if !yield(r, nil) {
					return
				}
			}
			next := page.Metadata.NextCursor
			if n += len(page.Servers); next == "" {
				return
			}
			if seen[next] || n > maxRecords || len(page.Servers) == 0 {
				yield(Record{}, fmt.Errorf("%s goes round in circles, or has more than %d records", c.URL, maxRecords))
				return
			}
			seen[next] = true
			values.Set("cursor", next)
		}
	}
}

// One returns one version of a server, or its latest.
func (c *Client) One(ctx context.Context, name, version string) (*Record, error) {
	if version == "" {
		version = "latest"
	}
	r := &Record{}
	if err := c.get(ctx, "/servers/"+url.PathEscape(name)+"/versions/"+url.PathEscape(version), r); err != nil {
		return nil, err
	}
	return r, nil
}

// base is the URL of the API.
func (c *Client) base() string {
	at := strings.TrimRight(c.URL, "/")
	at = strings.TrimSuffix(at, "/servers")
	if !strings.HasSuffix(at, "/v0.1") {
		at += "/v0.1"
	}
	return at
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	at := c.base() + path
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is no URL of a registry", c.URL)
	case u.Scheme != "https" && !loopback(u.Hostname()):
		return fmt.Errorf("%s: a registry is asked over https only, since what it lists is run here", c.URL)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.URL, err)
	}
	r.Header.Set("Accept", "application/json")
	if c.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.Key)
	}
	client := &http.Client{Transport: c.Carrier, CheckRedirect: func(to *http.Request, _ []*http.Request) error {
		if to.URL.Host != u.Host || to.URL.Scheme != u.Scheme {
			return errors.New("it leads to another registry")
		}
		return nil
	}}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the registry: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxPage+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading %s: %w", at, err)
	case len(data) > maxPage:
		return fmt.Errorf("%s has more than %d bytes", at, maxPage)
	case answer.StatusCode == http.StatusNotFound && strings.Contains(path, "/versions/"):
		return fmt.Errorf("%w: %s", ErrNone, path)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %s: %s", at, answer.Status, excerpt(data))
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s is not the answer of a registry: %w", at, err)
	}
	return nil
}

// excerpt is the begin of an answer, in one line.
func excerpt(data []byte) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(data[:min(len(data), 200)]), "")), " ")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
