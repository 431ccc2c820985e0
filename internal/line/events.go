package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// ErrNoEvents is in the error of [DialEvents] if the server answers well, but not with HTTP+SSE; ErrBadEndpoint if messages cannot
// or must not go where it says.
var (
	ErrNoEvents    = errors.New("no HTTP+SSE")
	ErrBadEndpoint = errors.New("no good endpoint")
)

// MediaEvents is the media type of a stream of messages.
const MediaEvents = "text/event-stream"

const (
	nameEndpoint = "endpoint"
)

// Events are a line of HTTP+SSE. Next is for one goroutine; Post may be called concurrently.
type Events struct {
	client   *http.Client
	header   http.Header // of each message
	endpoint string      // where messages go
	body     io.ReadCloser
	events   *wire.EventReader
	end      context.CancelFunc
}

// DialEvents opens the stream of events and waits until the server has told where it takes messages; ctx bounds this only. The
// error is a *[StatusError] for any status but 200, and has [ErrNoEvents] in it if the answer is something else than such a
// stream. Redirects are followed within the origin of the URL, and to another origin no message will go either: the headers are for this one.
func DialEvents(ctx context.Context, o Options) (*Events, error) {
	e := &Events{header: maps.Clone(o.Header)}
	e.client = &http.Client{Transport: o.RoundTripper, CheckRedirect: stay(o.URL)}
	if e.header == nil {
		e.header = http.Header{}
	}
	stream, end := context.WithCancel(context.WithoutCancel(ctx))
	e.end = end
	stop := context.AfterFunc(ctx, end)
	err := e.open(stream, o)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// open asks for the stream and reads its first event.
func (e *Events) open(ctx context.Context, o Options) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL.String(), http.NoBody)
	if err != nil {
		return addressless(err)
	}
	req.Header = maps.Clone(e.header)
	req.Header.Set("Accept", MediaEvents)
	e.header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	switch {
	case err != nil:
		return addressless(err)
	case resp.StatusCode != http.StatusOK:
		return refusal(resp)
	}
	e.body = resp.Body
	if kind := Media(resp.Header); kind != MediaEvents {
		return fmt.Errorf("%w: the content type is %q", ErrNoEvents, kind)
	}
	e.events = wire.NewEventReader(resp.Body, o.MaxMessage)
	return e.meet(o.URL)
}

// meet waits for the event that says where messages go.
func (e *Events) meet(origin *url.URL) error {
	for {
		switch event, err := e.events.Next(); {
		case err != nil:
			return fmt.Errorf("%w: the stream ended before it told an endpoint: %w", ErrNoEvents, err)
		case event.Name == nameEndpoint:
			e.endpoint, err = resolve(origin, string(event.Data))
			return err
		case len(event.Data) > 0:
			return fmt.Errorf("%w: the stream began with something else than an endpoint", ErrNoEvents)
		}
	}
}

// resolve returns the address that a server tells for messages, which may be relative. It must be of the same origin, since
// it is sent our headers.
func resolve(origin *url.URL, told string) (string, error) {
	const most = 8 << 10
	told = strings.TrimSpace(told)
	if told == "" || len(told) > most {
		return "", fmt.Errorf("%w: it has %d bytes", ErrBadEndpoint, len(told))
	}
	to, err := origin.Parse(told)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrBadEndpoint, addressless(err))
	case !isSameOrigin(to, origin):
		return "", fmt.Errorf("%w: %s://%s is another origin", ErrBadEndpoint, to.Scheme, to.Host)
	case to.User != nil && (origin.User == nil || *to.User != *origin.User):
		return "", fmt.Errorf("%w: it holds credentials", ErrBadEndpoint)
	}
	to.User, to.Fragment = origin.User, ""
	return to.String(), nil
}

// isSameOrigin compares scheme, host and port (RFC 6454, section 5).
func isSameOrigin(a, b *url.URL) bool {
	return a.Opaque == "" && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	default:
		return "80"
	}
}

// stay returns a rule to follow only redirects that keep the method and stay at the origin.
func stay(origin *url.URL) func(*http.Request, []*http.Request) error {
	const most = 3
	return func(req *http.Request, via []*http.Request) error {
		if len(via) > most || req.Method != via[0].Method || !isSameOrigin(req.URL, origin) {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// Next returns the next message, which is valid until the next call; [wire.ErrTooLong] for one that was too long and was skipped.
func (e *Events) Next() ([]byte, error) {
	for {
		event, err := e.events.Next()
		if err != nil {
			return nil, err
		}
		if len(event.Data) > 0 && (event.Name == "" || event.Name == "message") {
			return event.Data, nil
		}
	}
}

// Post sends a message with further headers, and returns once the server has taken it. The error is a *[StatusError] if it did
// not. The message must not be changed any more, not even afterwards.
func (e *Events) Post(ctx context.Context, message []byte, further http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(message))
	if err != nil {
		return addressless(err)
	}
	req.Header = maps.Clone(e.header)
	for name, values := range further {
		if req.Header[name] == nil {
			req.Header[name] = values
		}
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return addressless(err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp)
	}
	const word = 4 << 10 // read, such a body does not cost the connection
	if resp.ContentLength <= word {
		_, _ = io.CopyN(io.Discard, resp.Body, word)
	}
	return resp.Body.Close()
}

// Close ends the stream. Messages that are being posted end with their contexts.
func (e *Events) Close() {
	e.end()
	if e.body != nil {
		_ = e.body.Close()
	}
}

// Epitaph returns nothing: a stream that ends does not tell why.
func (e *Events) Epitaph() string { return "" }
