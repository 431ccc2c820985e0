package credential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/dial"
)

const (
	// mostBytes bounds an answer of an authorization server.
	mostBytes = 256 << 10
	// mostRedirects bounds how often a document moves.
	mostRedirects = 3
	// fetchTime bounds one request.
	fetchTime = 10 * time.Second
)

// A fetcher asks servers of authorization, at URLs that others name: over https, and at public addresses only. Exceptions are hosts that
// the configuration names itself, and http to those of them on loopback.
type fetcher struct {
	dialer *dial.Dialer
	client *http.Client
	named  map[string]bool // hosts with ports, of the URLs in the configuration
}

// newFetcher returns a fetcher that may also reach those networks and hosts, and the hosts of those URLs.
func newFetcher(private []string, urls ...string) (*fetcher, error) {
	f := &fetcher{named: map[string]bool{}}
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			f.named[hostPort(u)] = true
			private = append(slices.Clip(private), hostPort(u))
		}
	}
	var err error
	if f.dialer, err = dial.New(dial.Policy{Private: private}); err != nil {
		return nil, err
	}
	f.client = &http.Client{
		Transport: f,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.Method != http.MethodGet || len(via) > mostRedirects {
				return http.ErrUseLastResponse // what is sent is for the one that it was sent to
			}
			r.Header.Del("Referer")
			return nil
		},
	}
	return f, nil
}

func (f *fetcher) close() { f.dialer.Close() }

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// check reports what is wrong with a URL: its scheme, credentials in it, or a fragment.
func (f *fetcher) check(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%w: %q is no address of an authorization server", dial.ErrRefused, shorten(u.Redacted()))
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()) && f.named[hostPort(u)]:
		return nil
	}
	return fmt.Errorf("%w: %s is not https, nor a host on loopback that mcp.yaml names", dial.ErrRefused, shorten(u.Scheme+"://"+u.Host))
}

// parse reads a URL that a server has named.
func (f *fetcher) parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no URL", dial.ErrRefused, shorten(text))
	}
	return u, f.check(u)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// RoundTrip checks and sends one request.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := f.check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return f.dialer.RoundTrip(r)
}

// An answer is what came of a request, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask makes a request and reads the answer.
func (f *fetcher) ask(ctx context.Context, method, address string, header http.Header, body io.Reader) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, addressless(err)
	}
	maps.Copy(r.Header, header)
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, addressless(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = dial.Read(resp.Body, mostBytes)
	return a, err
}

// document reads the JSON document at a URL into a struct.
func (f *fetcher) document(ctx context.Context, address string, into any) error {
	a, err := f.ask(ctx, http.MethodGet, address, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", shorten(address), err)
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("%s answers HTTP %d", shorten(address), a.status)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("%s answers with what is not the JSON that it should be", shorten(address))
	}
	return nil
}

// post sends a form, or JSON, and returns the answer.
func (f *fetcher) post(ctx context.Context, address string, header http.Header, body []byte) (*answer, error) {
	return f.ask(ctx, http.MethodPost, address, header, bytes.NewReader(body))
}

// addressless returns an error without the address that was asked, which may have a secret in its query.
func addressless(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// shorten returns a server's text so that it fits into an error, without characters that do harm on a terminal.
func shorten(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, text)
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}
