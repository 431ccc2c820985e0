// Package line has the lines that carry whole messages between us and one server: the standard input and output of a child
// ([Process]), a server in this process ([InProcess]), a WebSocket with one message in each frame ([Socket], RFC 6455), and the
// older HTTP+SSE ([Events]), where the server speaks in the events of one long answer and each message of ours is a request of its
// own (MCP 2024-11-05, basic/transports, "HTTP with SSE").
//
// A line knows nothing of what its messages say. It is one conversation: when it is lost it stays lost, and tells why. What needs no
// conversation goes by [Post].
package line

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say where a line over HTTP leads.
type Options struct {
	// URL is where the server listens: ws or wss for a Socket, http or https for Events.
	URL *url.URL
	// Header goes with each request of ours: the handshake of a Socket, the stream and the messages of Events. It is not changed.
	Header http.Header
	// RoundTripper carries the requests. For a Socket it must hand over a connection that was upgraded as a body that can be
	// written, as net/http's Transport does.
	RoundTripper http.RoundTripper
	// MaxMessage bounds one message of the server, in bytes.
	MaxMessage int
	// KeepAlive is how long a Socket may be silent before the server has to show that it is there; 0 means 30 seconds.
	KeepAlive time.Duration
}

// courtesy bounds what is done for politeness only.
const courtesy = 2 * time.Second

// mostKept is the size above which a buffer is left to the garbage collector, so that one large message does not stay for ever.
const mostKept = 256 << 10

// A StatusError is an answer of HTTP that is not what was asked for: no line, or a message that was not taken.
type StatusError struct {
	// Response is the answer. Its body has been closed.
	Response *http.Response
	// Body is the beginning of the body.
	Body []byte
}

// Status returns the status alone, such as "HTTP 404 Not Found".
func (e *StatusError) Status() string {
	return fmt.Sprintf("HTTP %d %s", e.Response.StatusCode, http.StatusText(e.Response.StatusCode))
}

// Error tells the status, and what people may make of it.
func (e *StatusError) Error() string {
	switch code := e.Response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return e.Status() + ": it refuses the credentials that are configured for it"
	case code >= 300 && code < 400:
		return e.Status() + ": it redirects to " + Shorten(e.Response.Header.Get("Location")) + ", which is not followed; configure that URL"
	case code < 300:
		return e.Status() + " without an answer"
	case len(e.Body) > 0 && Media(e.Response.Header) == "text/plain":
		return e.Status() + ": " + Shorten(string(e.Body))
	}
	return e.Status()
}

// Shorten returns text of a server so that it fits into an error.
func Shorten(text string) string {
	const most = 200
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// refusal returns the answer as an error, and closes its body.
func refusal(resp *http.Response) error {
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	_ = resp.Body.Close()
	return &StatusError{Response: resp, Body: body}
}

// addressless returns the error of a request without the address that it was made to, which may hold a key or name a session: who
// calls the server is told of errors.
func addressless(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Media returns the media type of an answer, without its parameters.
func Media(h http.Header) string {
	m, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(m))
}
