package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An httpConn is the Streamable HTTP transport of both eras.
type httpConn struct {
	s    *Session
	url  *url.URL
	rt   *http1.Transport
	own  *http1.Transport // rt if nobody else uses it
	base http.Header      // what goes with each request; use replaces it
	post http.Header      // base, for a request with a body

	revision *mcp.Revision
	session  string // the server's session id

	heard     <-chan struct{} // closed when the stream of unasked messages is open, or there is none; nil without one
	listening func()          // closes heard

	ctx  context.Context //nolint:containedctx // of the streams and courtesies that the conn owns
	stop context.CancelFunc
	work sync.WaitGroup

	lose sync.Once
	gone chan struct{}
	why  error // set before gone is closed
}

func dialHTTP(ctx context.Context, s *Session) (conn, error) {
	u, err := url.Parse(s.target.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server %q: %q is not an http or https URL", s.target.Name, s.target.URL)
	}
	h := &httpConn{s: s, url: u, rt: s.target.RoundTripper, gone: make(chan struct{})}
	if h.rt == nil {
		h.own = http1.For(s.target.URL, nil)
		h.rt = h.own
	}
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.base = maps.Clone(s.target.Header)
	if h.base == nil {
		h.base = http.Header{}
	}
	h.base[headerAccept] = []string{line.MediaJSON + ", " + line.MediaEvents}
	h.use(h.base)
	return h, nil
}

// speak sets the revision that the requests from now on are in. It is called during the handshake only.
func (h *httpConn) speak(r *mcp.Revision) {
	h.revision = r
	base := maps.Clone(h.base)
	delete(base, headerVersion)
	if r != nil && r.VersionHeader {
		base[headerVersion] = []string{r.Name}
	}
	if h.session != "" {
		base[headerSession] = []string{h.session}
	}
	h.use(base)
}

// use sets what goes with each request from now on.
func (h *httpConn) use(base http.Header) {
	h.base, h.post = base, maps.Clone(base)
	h.post[headerContent] = contentJSON
}

// opened starts the stream on which a legacy server speaks unasked.
func (h *httpConn) opened() {
	if h.revision.Stateless {
		return
	}
	heard := make(chan struct{})
	h.heard, h.listening = heard, sync.OnceFunc(func() { close(heard) })
	h.work.Go(h.listen)
}

// hear waits, for a short time, until a server that may ask something is heard: some ask on the stream of unasked messages what
// they need for a call, and what they say before it is open is lost.
func (h *httpConn) hear(ctx context.Context) {
	if h.heard == nil || len(h.s.hello.Capabilities) <= len("{}") {
		return
	}
	select {
	case <-h.heard:
		return
	default:
	}
	timer := time.NewTimer(courtesy)
	defer timer.Stop()
	select {
	case <-h.heard:
	case <-timer.C:
		h.listening() // for good: a server that says nothing before it has something to say is not waited for with each call
	case <-ctx.Done():
	}
}

func (h *httpConn) done() <-chan struct{} { return h.gone }

func (h *httpConn) err() error {
	select {
	case <-h.gone:
		return h.why
	default:
		return nil
	}
}

// lost notes that the session is gone and returns err.
func (h *httpConn) lost(err error) error {
	h.lose.Do(func() {
		h.why = err
		close(h.gone)
	})
	return err
}

func (h *httpConn) close(ctx context.Context) {
	open := h.err() == nil
	_ = h.lost(lost(false, "the session with server %q was closed", h.s.target.Name))
	h.stop()
	h.s.table.abort()
	h.s.calls.Wait() // which start work, and may yet have to tell the server that they were cancelled
	if h.session != "" && open {
		ctx, cancel := context.WithTimeout(ctx, courtesy)
		base := maps.Clone(h.base)
		base[headerSession] = []string{h.session} // also one that was named by an answer that nobody waited for any more
		if resp, err := h.do(ctx, &http1.Request{Method: http.MethodDelete, Header: base}, nil); err == nil {
			discard(resp)
		}
		cancel()
	}
	h.work.Wait()
	if h.own != nil {
		h.own.CloseIdleConnections()
	}
}

// call posts a request and reads the answer, from JSON or from a stream of events.
func (h *httpConn) call(ctx context.Context, c *exchange, body *wire.Buffer) (*Answer, error) {
	h.hear(ctx)
	post, abort := context.WithCancel(ctx)
	defer abort()
	c.abort = abort
	h.s.table.add(c)
	defer h.s.table.take(c.id)
	if h.ctx.Err() != nil {
		abort() // close has looked at the table already
	}
	a, rest, err := h.exchange(post, c, body)
	if err != nil && ctx.Err() == nil {
		if found := c.pull(); len(found) > 0 { // on the stream of unasked messages
			a, err = h.sessionIn(found[0])
		}
	}
	if rest != nil {
		h.leave(rest)
	}
	if err != nil && ctx.Err() != nil {
		h.cancelled(c)
	}
	return a, err
}

// exchange returns the answer to c, and what is left of the response if that was not read to its end.
func (h *httpConn) exchange(ctx context.Context, c *exchange, body *wire.Buffer) (*Answer, io.ReadCloser, error) {
	resp, err := h.do(ctx, h.request(c), body)
	if err != nil {
		return nil, nil, h.broken(ctx, err)
	}
	if h.session == "" && c.method == mcp.MethodInitialize {
		h.session = resp.Header.Get(headerSession)
	}
	kind := line.Media(resp.Header)
	if resp.StatusCode == http.StatusOK && kind == line.MediaEvents {
		st := &stream{h: h, c: c}
		a, err := st.follow(ctx, resp.Body)
		return a, st.body, err
	}
	defer discard(resp)
	if resp.StatusCode != http.StatusOK {
		a, err := h.refused(c, resp)
		return a, nil, err
	}
	if kind != line.MediaJSON {
		return nil, nil, upstream("server %q answered with content type %q instead of JSON or an event stream; is %s its MCP endpoint?",
			h.s.target.Name, kind, h.url.Scheme+"://"+h.url.Host+h.url.EscapedPath()) // its query may hold a key
	}
	a, err := h.readJSON(c, resp)
	return a, nil, err
}

// readJSON reads the answer from the body of a response.
func (h *httpConn) readJSON(c *exchange, resp *http.Response) (*Answer, error) {
	a := newAnswer()
	if err := a.fill(resp.Body, resp.ContentLength, h.s.target.MaxMessage); err != nil {
		a.Release()
		return nil, h.unread(err)
	}
	if isBatch(h.revision, a.buf) {
		return h.answerAmong(c, a)
	}
	if err := a.scan(scanner); err != nil {
		defer a.Release()
		h.s.foul(a.buf, err)
		return nil, upstream("server %q answered with what is not a JSON-RPC message: %v", h.s.target.Name, err)
	}
	if !answersTo(c, &a.Message) {
		h.s.astray(a)
		return nil, upstream("server %q answered another request than the one it was sent", h.s.target.Name)
	}
	return h.sessionIn(a)
}

// sessionIn returns the answer, or an error in its place if it says that the server does not know the session. It owns a.
func (h *httpConn) sessionIn(a *Answer) (*Answer, error) {
	if a.Message.Kind != wire.Failure || h.session == "" {
		return a, nil
	}
	const unknownSession = "-32001" // what SDKs send; the standard has no code for it
	object := a.Message.Bytes(a.Message.Error)
	message, _ := wire.Unquote(wire.Get(object, "message"))
	if string(wire.Get(object, "code")) != unknownSession || !line.DeniesSession(message) {
		return a, nil // a tool may have sessions of its own
	}
	a.Release()
	return nil, h.forgotten()
}

// forgotten notes that the server does not know the session any more. The call was refused, so it was not begun.
func (h *httpConn) forgotten() error {
	return h.lost(lost(false, "server %q has forgotten the session", h.s.target.Name))
}

// refused deals with a status other than 200: the JSON-RPC error in its body is the answer, if it has one.
func (h *httpConn) refused(c *exchange, resp *http.Response) (*Answer, error) {
	const most = 64 << 10
	a := newAnswer()
	a.buf, _ = io.ReadAll(io.LimitReader(resp.Body, most))
	status := resp.StatusCode
	if h.session != "" && (status == http.StatusNotFound || status == http.StatusBadRequest && line.NamesSession(a.buf)) {
		a.Release()
		return nil, h.forgotten()
	}
	if err := a.scan(scanner); err == nil && a.Message.Kind == wire.Failure && answersTo(c, &a.Message) {
		return h.sessionIn(a)
	}
	defer a.Release()
	return nil, h.s.status(resp, a.buf)
}

// broken tells that no response came. The session is lost with a server to which there is no connection.
func (h *httpConn) broken(ctx context.Context, err error) error {
	if http1.IsRefusal(err) {
		return err
	}
	sent := !http1.IsUnsent(err)
	e := lost(sent, "server %q cannot be reached: %v", h.s.target.Name, err)
	if !sent && ctx.Err() == nil {
		return h.lost(e)
	}
	return e
}

// unread tells that a response broke off, or was too large.
func (h *httpConn) unread(err error) error {
	if errors.Is(err, wire.ErrTooLong) {
		return upstream("server %q answered with more than %d bytes", h.s.target.Name, h.s.target.MaxMessage)
	}
	return lost(true, "the answer of server %q broke off: %v", h.s.target.Name, err)
}

// cancelled tells a legacy server that nobody waits for c any more; a modern one knows from the closed connection.
func (h *httpConn) cancelled(c *exchange) {
	if h.revision == nil || h.revision.Stateless || h.ctx.Err() != nil {
		return
	}
	h.s.tellCancelled(h.ctx, c)
}

func (h *httpConn) send(ctx context.Context, method string, body *wire.Buffer) error {
	resp, err := h.do(ctx, h.request(&exchange{method: method}), body)
	if err != nil {
		return h.broken(ctx, err)
	}
	defer discard(resp)
	if resp.StatusCode/100 == 2 {
		return nil
	}
	if resp.StatusCode == http.StatusNotFound && h.session != "" {
		return h.forgotten()
	}
	return h.s.status(resp, nil)
}

// request returns what posts the message of a call: what goes with each request, and what is the call's own.
func (h *httpConn) request(c *exchange) *http1.Request {
	r := &http1.Request{Method: http.MethodPost, Header: h.post}
	ruled := h.revision != nil && h.revision.HeaderRules && c.method != ""
	if !ruled && len(c.header) == 0 {
		return r
	}
	more := make([]http1.Field, 0, 2+len(c.header))
	if ruled {
		more = append(more, http1.Field{Name: headerMethod, Value: c.method})
		if c.name != "" {
			more = append(more, http1.Field{Name: headerName, Value: mcp.EncodeHeader(c.name)})
		}
	}
	for name, values := range c.header {
		if _, ours := h.post[name]; ours || ruled && (name == headerMethod || name == headerName) {
			continue
		}
		for _, value := range values {
			more = append(more, http1.Field{Name: name, Value: value})
		}
	}
	r.More = more
	return r
}

// contentJSON is shared by all requests. Nobody changes it.
var contentJSON = []string{line.MediaJSON}

// do makes an HTTP request. It owns body, which may be nil.
func (h *httpConn) do(ctx context.Context, r *http1.Request, body *wire.Buffer) (*http.Response, error) {
	r.URL = h.url
	if body != nil {
		r.Body = body.Bytes
		defer func() {
			if r.Free() {
				body.Release()
				return
			}
			body.Leave()
		}()
	}
	return h.rt.Do(ctx, r)
}

// discard closes a response of which nothing more is read.
func discard(resp *http.Response) { _ = resp.Body.Close() }
