package transport

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A statusError is an HTTP status that is not an answer.
type statusError struct {
	status int
	err    *mcp.Error
}

// Error returns the message for the client.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error for the client.
func (e *statusError) Unwrap() error { return e.err }

// status returns the error for an HTTP status that is not an answer, of which body is the beginning.
func (s *Session) status(resp *http.Response, body []byte) error {
	what := fmt.Sprintf("server %q answered HTTP %d %s", s.target.Name, resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		what += ": it refuses the credentials that are configured for it"
	case code >= 300 && code < 400:
		what += ": it redirects to " + shorten(resp.Header.Get("Location")) + ", which is not followed; configure that URL"
	case code < 300:
		what += " without an answer"
	case len(body) > 0 && strings.HasPrefix(media(resp.Header.Get(headerContent)), "text/plain"):
		what += ": " + shorten(string(body))
	}
	return &statusError{resp.StatusCode, upstream("%s", what)}
}

// shorten returns text of a server so that it fits into an error.
func shorten(text string) string {
	const most = 200
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// isUnsent reports whether an error of HTTP says that there is no connection, so that nothing was sent.
func isUnsent(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}
