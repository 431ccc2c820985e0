package transport

import (
	"net/http"

	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A statusError is an HTTP status that is not an answer.
type statusError struct {
	status int
	answer *line.StatusError
	err    *mcp.Error
}

// Error returns the message for the client.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error for the client, and what came of HTTP.
func (e *statusError) Unwrap() []error { return []error{e.err, e.answer} }

// status returns the error for an HTTP status that is not an answer, of which body is the beginning.
func (s *Session) status(resp *http.Response, body []byte) error {
	e := &line.StatusError{Response: resp, Body: body}
	return &statusError{resp.StatusCode, e, upstream("server %q answered %v", s.target.Name, e)}
}
