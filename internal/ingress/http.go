// Package ingress is where clients come in. Its doors turn what arrives, in the
// era and over the transport in which it arrives, into calls, and answer each in
// the way it came. What a door refuses becomes a call too, so that it is on record.
package ingress

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// HTTPOptions configures the door for Streamable HTTP.
type HTTPOptions struct {
	// Handler answers the calls.
	Handler mcp.Handler
	// Authenticate says who asks, before the body is read.
	Authenticate func(*http.Request) (*mcp.Caller, *mcp.Error)
	// Sessions holds the sessions of the legacy era.
	Sessions *session.Store
	// Parking holds calls of modern clients that wait for answers.
	Parking *dialogue.Parking
	// Lines serves clients that keep one conversation; nil where none is served.
	Lines Lines
	// ServerInfo is our name and version: a JSON object.
	ServerInfo []byte
	// Hosts are the values of Host that are answered; none means all.
	Hosts []string
	// Origins are the origins of web pages that may ask besides our own.
	Origins []string
	// BodyBytes bounds a request's body.
	BodyBytes int64
	// BodyTimeout is how long a client may take to send a body: 30 seconds unless it is set.
	BodyTimeout time.Duration
	// Log takes what goes wrong on a connection.
	Log *slog.Logger
}

// HTTP is the door for clients over HTTP: Streamable HTTP of both eras on one
// endpoint, chosen for each request. What keeps one conversation it hands to Lines.
// It may be used concurrently.
type HTTP struct {
	HTTPOptions
	exchanges sync.Pool
	// vigil keeps answers alive that take long.
	vigil vigil
}

// NewHTTP returns the door.
func NewHTTP(o HTTPOptions) *HTTP {
	d := &HTTP{HTTPOptions: o}
	d.BodyTimeout = cmp.Or(o.BodyTimeout, bodyTimeout)
	d.exchanges.New = func() any { return &exchange{door: d} }
	return d
}

// ServeHTTP answers one request of a client.
func (d *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := d.begin(w, r)
	defer x.end()
	x.hurry()
	if !d.Allowed(r) {
		x.refuse(http.StatusForbidden, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden,
			"this Host or Origin may not use the gateway; add it to publicURL or origins in mcp.yaml"))
		return
	}
	origin := r.Header.Get("Origin")
	if origin != "" {
		allowOrigin(w.Header(), r.Header)
	}
	if r.Method == http.MethodOptions && origin != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	caller, err := d.Authenticate(r)
	if err != nil {
		x.refuse(modernStatus(err), err) // 503 while nobody can tell
		return
	}
	x.call.Caller = caller
	d.route(x)
}

// route finds out what a request is: by its method, and what only one transport has.
func (d *HTTP) route(x *exchange) {
	r, legacy := x.r, !mcp.NamesModern(x.r.Header.Get(headerRevision))
	inSession := legacy && r.Header.Get(headerSession) != ""
	switch {
	case r.Method == http.MethodPost && d.isLineMessage(r):
		d.lineMessage(x)
	case r.Method == http.MethodPost:
		d.post(x)
	case r.Method == http.MethodGet && d.Lines != nil && isUpgrade(r.Header):
		x.hand(d.Lines.Socket(x.w, r, x.call.Caller))
	case r.Method == http.MethodGet && inSession:
		d.stream(x)
	case r.Method == http.MethodGet && legacy && d.Lines != nil && asksForEvents(r):
		x.hand(d.Lines.Events(x.w, r, x.call.Caller, messagePath(r.URL.Path)))
	case r.Method == http.MethodDelete && inSession:
		d.endSession(x)
	default:
		x.w.Header().Set("Allow", http.MethodPost)
		x.refuse(http.StatusMethodNotAllowed, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported,
			"%s is not answered here without a session; POST a JSON-RPC message", r.Method))
	}
}

// post answers a POST: it reads the message and chooses the era (research on the
// protocol, section 2.1).
func (d *HTTP) post(x *exchange) {
	if status, err := x.read(); err != nil {
		x.refuse(status, err)
		return
	}
	header := x.r.Header.Get(headerRevision)
	switch {
	case x.call.Request == nil:
		d.batch(x, header)
	case !mcp.NamesModern(header) && dialect.Speaks(&x.message):
		d.dialect(x)
	case mcp.NamesModern(header) || x.message.Meta(mcp.MetaRevision).Ok():
		d.modern(x, header)
	case x.call.Method == mcp.MethodInitialize:
		d.initialize(x)
	default:
		d.legacy(x, header)
	}
}

// Headers of the Streamable HTTP transport.
const (
	headerSession   = "Mcp-Session-Id"
	headerRevision  = "Mcp-Protocol-Version"
	headerMethod    = "Mcp-Method"
	headerName      = "Mcp-Name"
	headerLastEvent = "Last-Event-Id"
)

// Allowed reports whether the Host and the Origin of a request may ask here.
func (d *HTTP) Allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return d.hostAllowed(r.Host) && (origin == "" || d.originAllowed(origin, r.Host))
}

// hostAllowed guards against DNS rebinding: a page on the web can make its own
// name resolve to our address, but it cannot make the browser send another Host.
func (d *HTTP) hostAllowed(host string) bool {
	return len(d.Hosts) == 0 || slices.Contains(d.Hosts, strings.ToLower(hostname(host)))
}

// originAllowed reports whether a page of that origin may ask: one of our own
// address, or one that the configuration names.
func (d *HTTP) originAllowed(origin, host string) bool {
	if slices.Contains(d.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, host)
}

// hostname returns a Host without its port and brackets.
func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

// allowOrigin tells a browser that the page may ask, with the headers that it wants
// to send, and read the answer (Fetch, CORS protocol).
func allowOrigin(h, request http.Header) {
	h.Set("Access-Control-Allow-Origin", request.Get("Origin"))
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Allow-Methods", "POST, GET, DELETE")
	if wanted := request.Get("Access-Control-Request-Headers"); wanted != "" {
		h.Set("Access-Control-Allow-Headers", wanted) // Mcp-Param-* among them, whose names are not known
	}
	h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate")
	h.Set("Access-Control-Max-Age", "600")
}
