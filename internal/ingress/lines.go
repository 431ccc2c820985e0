package ingress

import (
	"net/http"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Lines are the doors for clients that keep one conversation over HTTP. An error of
// any of its methods says that nothing was answered yet.
type Lines interface {
	// Socket makes a WebSocket of a request and serves it until it ends.
	Socket(w http.ResponseWriter, r *http.Request, caller *mcp.Caller) *mcp.Error
	// Events serves the stream of a client of HTTP+SSE until it ends. Its messages are
	// to come to path.
	Events(w http.ResponseWriter, r *http.Request, caller *mcp.Caller, path string) *mcp.Error
	// Message takes one message of the client whose stream has that name. It does not
	// keep the body.
	Message(session string, caller *mcp.Caller, body []byte) *mcp.Error
}

// Paths of HTTP+SSE that hosts are configured with, and where its messages go then.
const (
	PathEvents   = "/sse"
	PathMessages = "/messages"
)

// lineSession is the parameter of a URL that names a stream.
const lineSession = "session"

// messagePath is where the messages of a client go that asked for its stream at path.
func messagePath(path string) string {
	if path == PathEvents {
		return PathMessages
	}
	return path
}

// isUpgrade reports whether a request asks for a WebSocket (RFC 6455, section 4.1).
func isUpgrade(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "websocket") }

// asksForEvents reports whether a GET is that of a client of HTTP+SSE. What takes anything,
// such as a browser or a probe, is none where other things are answered too.
func asksForEvents(r *http.Request) bool {
	const media = "text/event-stream"
	accept := r.Header["Accept"]
	return accepts(accept, media) && (r.URL.Path == PathEvents || strings.Contains(strings.ToLower(strings.Join(accept, ",")), media))
}

// isLineMessage reports whether a POST belongs to a client of HTTP+SSE.
func (d *HTTP) isLineMessage(r *http.Request) bool {
	return d.Lines != nil && (r.URL.Path == PathMessages || (r.URL.RawQuery != "" && r.URL.Query().Has(lineSession)))
}

// lineMessage takes a message of a client of HTTP+SSE. What there is to say to it
// goes on its stream.
func (d *HTTP) lineMessage(x *exchange) {
	if status, err := x.readBody(); err != nil {
		x.refuse(status, err)
		return
	}
	if err := d.Lines.Message(x.r.URL.Query().Get(lineSession), x.call.Caller, x.body); err != nil {
		x.hand(err)
		return
	}
	x.w.WriteHeader(http.StatusAccepted)
}

// hand refuses a request that Lines has refused, if it has.
func (x *exchange) hand(err *mcp.Error) {
	switch {
	case err == nil:
	case err.Reason == mcp.NotFound:
		x.refuse(http.StatusNotFound, err)
	default:
		x.refuse(modernStatus(err), err)
	}
}
