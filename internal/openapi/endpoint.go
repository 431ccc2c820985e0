package openapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/dial"
)

// An endpoint is the request that a tool makes, with places for arguments. It may be used concurrently.
type endpoint struct {
	method  string
	base    *url.URL // scheme, host and port; nothing of a call changes them
	path    declared.Template
	inPath  func(declared.Arguments, declared.Placeholder) (string, bool, error)
	query   []field
	headers []field
	cookies []field
	body    func(declared.Arguments) (body []byte, contentType string, err error) // nil for none
	result  map[string]string                                                     // see declared.JSON

	dialer   *dial.Dialer
	agent    string
	timeout  time.Duration
	maxBytes int64
}

// A field yields the parameters, headers or cookies that it has for a call, if any.
type field func(declared.Arguments) ([]pair, error)

// policy returns what the endpoint's connections may reach: its host. named says that the operator has written that host, so that an
// address, or localhost, is meant even where it is not public.
func (e *endpoint) policy(private, named bool) dial.Policy {
	host := net.JoinHostPort(e.base.Hostname(), portOf(e.base))
	p := dial.Policy{Hosts: []string{host}}
	_, notAddress := netip.ParseAddr(e.base.Hostname())
	if private || named && (notAddress == nil || strings.EqualFold(e.base.Hostname(), "localhost")) {
		p.Private = []string{host}
	}
	return p
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// call does one call of the tool.
func (e *endpoint) call(ctx context.Context, args declared.Arguments) (*mcp.CallToolResult, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, fmt.Errorf("no answer within %s", e.timeout))
	defer cancel()
	r, err := e.request(ctx, args)
	if err != nil {
		return nil, err
	}
	resp, err := e.dialer.Client().Do(r)
	if err != nil {
		return nil, e.failed(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := dial.Read(resp.Body, e.maxBytes)
	if errors.Is(err, dial.ErrTooLarge) && resp.StatusCode >= http.StatusBadRequest {
		err = nil // an error is cut anyway
	}
	if err != nil {
		return nil, e.failed(ctx, err)
	}
	return answer(resp, body, e.result)
}

// failed returns the error of a request without its URL, in which there may be secrets.
func (e *endpoint) failed(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("asking %s: %w", e.base.Host, err)
}

// request returns the request of a call.
func (e *endpoint) request(ctx context.Context, args declared.Arguments) (*http.Request, error) {
	target, err := e.target(args)
	if err != nil {
		return nil, err
	}
	var content io.Reader = http.NoBody
	contentType := ""
	if e.body != nil {
		data, kind, err := e.body(args)
		if err != nil {
			return nil, err
		}
		if contentType = kind; data != nil {
			content = bytes.NewReader(data)
		}
	}
	r, err := http.NewRequestWithContext(ctx, e.method, target, content)
	if err != nil {
		return nil, errors.New("the arguments do not make a URL")
	}
	if r.URL.Scheme != e.base.Scheme || r.URL.Host != e.base.Host || r.URL.User != nil || r.URL.Opaque != "" || r.URL.Fragment != "" {
		return nil, errors.New("the arguments lead to another host")
	}
	r.Header.Set("User-Agent", e.agent)
	r.Header.Set("Accept", "application/json, text/*;q=0.8, */*;q=0.5")
	if contentType != "" && content != http.NoBody {
		r.Header.Set("Content-Type", contentType)
	}
	return r, e.setHeaders(r, args)
}

// target returns the URL of a call.
func (e *endpoint) target(args declared.Arguments) (string, error) {
	path, ok, err := e.path.Fill(func(p declared.Placeholder) (string, bool, error) {
		text, ok, err := e.inPath(args, p)
		if err == nil && !ok {
			err = fmt.Errorf("the argument %q is missing; give it", p.Name)
		}
		return text, ok, err
	})
	if err != nil || !ok {
		return "", err
	}
	if wanders(path) {
		return "", errors.New("the arguments make a path with . or .. in it")
	}
	pairs, err := gather(e.query, args)
	if err != nil {
		return "", err
	}
	query := make([]string, len(pairs))
	for i, p := range pairs {
		query[i] = escape(p.name) + "=" + p.written(escape)
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return e.base.Scheme + "://" + e.base.Host + path, nil
}

// setHeaders sets the headers and cookies of a call.
func (e *endpoint) setHeaders(r *http.Request, args declared.Arguments) error {
	headers, err := gather(e.headers, args)
	if err != nil {
		return err
	}
	for _, h := range headers {
		value := h.written(strings.Clone)
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return fmt.Errorf("the header %s would have a line break or another control character; leave it out of the arguments", h.name)
		}
		r.Header.Set(h.name, value)
	}
	cookies, err := gather(e.cookies, args)
	var jar []string
	for _, c := range cookies {
		jar = append(jar, escape(c.name)+"="+c.written(escape))
	}
	if len(jar) > 0 {
		r.Header.Add("Cookie", strings.Join(jar, "; "))
	}
	return err
}

// gather returns what fields yield for a call.
func gather(fields []field, args declared.Arguments) ([]pair, error) {
	var all []pair
	for _, f := range fields {
		pairs, err := f(args)
		if err != nil {
			return nil, err
		}
		all = append(all, pairs...)
	}
	return all, nil
}
