package http1

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// A Request is a request whose body, if it has one, lies in memory. It costs less than an http.Request.
type Request struct {
	// Method and URL are as in an http.Request.
	Method string
	URL    *url.URL
	// Header is sent, and not changed: requests may share it. More is sent besides, and instead of what Header has of these names,
	// which are spelled as Header spells them.
	Header http.Header
	More   []Field
	// Body is what is sent, nil for none.
	Body []byte

	message *message // of Body, once an http.Request has it
}

// A Field is one line of a head.
type Field struct{ Name, Value string }

// Free reports, after Do, whether nobody reads Body any more. It may yet be on its way when the answer has come already.
func (r *Request) Free() bool { return r.message == nil || r.message.open.Load() == 0 }

// mostRedirects is how many redirects a request follows.
const mostRedirects = 3

// Do makes a request and returns the answer once its head has come, as RoundTrip does. It follows redirects that keep the method and
// stay at the URL's origin: the credentials in the header are for that. URL is then where the last one led.
func (t *Transport) Do(ctx context.Context, r *Request) (*http.Response, error) {
	if t.base != nil {
		return t.doAs(ctx, r)
	}
	for n := 0; ; n++ {
		resp, err := t.do(ctx, r)
		if err != nil {
			return nil, err
		}
		to := redirect(resp, r.URL)
		if to == nil || n == mostRedirects {
			return resp, nil
		}
		_ = resp.Body.Close()
		r.URL = to
	}
}

// redirect returns where resp sends the request, nil if that is nowhere or to another origin.
func redirect(resp *http.Response, from *url.URL) *url.URL {
	if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
		return nil
	}
	location := resp.Header.Get("Location")
	to, err := from.Parse(location)
	if location == "" || err != nil || to.Scheme != from.Scheme || to.Host != from.Host {
		return nil
	}
	return to
}

// do makes one request.
func (t *Transport) do(ctx context.Context, r *Request) (*http.Response, error) {
	if !t.reaches(r.URL) || r.Method == http.MethodConnect {
		return t.RoundTrip(r.standard(ctx))
	}
	out := newOutput()
	defer out.free()
	if !out.begin(r.Method, r.URL) || !out.fields(r.Header, r.More) || len(out.bytes)+len(r.Body) > firstWrite {
		return t.RoundTrip(r.standard(ctx))
	}
	c, err := t.connection(ctx, nil)
	if errors.Is(err, errHTTP2) {
		return t.RoundTrip(r.standard(ctx))
	}
	if err != nil {
		return nil, err
	}
	a := asked{method: r.Method, length: int64(len(r.Body))}
	out.finish(a.method, a.length)
	out.bytes = append(out.bytes, r.Body...)
	return t.converse(ctx, c, a, out.bytes, nil)
}

// standard returns the request as net/http knows it.
func (r *Request) standard(ctx context.Context) *http.Request {
	header := make(http.Header, len(r.Header)+len(r.More))
	maps.Copy(header, r.Header)
	for _, f := range r.More {
		delete(header, f.Name)
	}
	for _, f := range r.More {
		header[f.Name] = append(header[f.Name], f.Value)
	}
	req := (&http.Request{
		Method: r.Method, URL: r.URL, Host: r.URL.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if len(r.Body) > 0 {
		if r.message == nil {
			r.message = &message{bytes: r.Body}
		}
		req.ContentLength, req.GetBody = int64(len(r.Body)), r.message.body
		req.Body, _ = r.message.body()
	}
	return req
}

// A message is bytes that requests have as their body.
type message struct {
	bytes []byte
	open  atomic.Int32 // bodies that are not closed
}

// body returns the message as the body of one more request. The error is nil; it is there for http.Request.GetBody.
func (m *message) body() (io.ReadCloser, error) {
	m.open.Add(1)
	return &messageBody{of: m, left: m.bytes}, nil
}

// A messageBody is the body of one request. Who gives a request up may close it while it is read.
type messageBody struct {
	of *message

	mu     sync.Mutex
	left   []byte
	closed bool
}

// Read reads what is left. Nothing of the message is read once the body is closed.
func (b *messageBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case len(b.left) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// Close notes that the body is not read any more.
func (b *messageBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed, b.left = true, nil
		b.of.open.Add(-1)
	}
	return nil
}
