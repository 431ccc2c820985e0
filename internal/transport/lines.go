package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// startProcess starts the server's program.
func startProcess(s *Session) (conn, error) {
	child, err := sandbox.Start(s.root, *s.target.Command, s.log.With(slog.String("server", s.target.Name)))
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", s.target.Name, err)
	}
	return newPipe(s, line.NewProcess(child, s.target.MaxMessage)), nil
}

// attach connects to a server in this process.
func attach(ctx context.Context, s *Session) (conn, error) {
	l, err := line.Attach(ctx, s.target.InProcess)
	if err != nil {
		return nil, fmt.Errorf("attaching server %q: %w", s.target.Name, err)
	}
	return newPipe(s, l), nil
}

// isSocket reports whether the server listens on a WebSocket.
func (t *Target) isSocket() bool {
	scheme, _, _ := strings.Cut(t.URL, "://")
	return strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "wss")
}

// isPiped reports whether all that is said to the server goes through one line, whose end may be an answer too.
func (t *Target) isPiped() bool { return t.URL == "" || t.isSocket() }

// way returns where a line leads, and what is left to do when the line is closed.
func (s *Session) way() (line.Options, func(), error) {
	t := &s.target
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || !t.isSocket() && u.Scheme != "http" && u.Scheme != "https" {
		return line.Options{}, nil, fmt.Errorf("server %q: %q is not a URL of http, https, ws or wss", t.Name, t.URL)
	}
	carrier, after := t.RoundTripper, func() {}
	if carrier == nil {
		carrier = http1.For(t.URL, nil)
		after = carrier.CloseIdleConnections
	}
	return line.Options{URL: u, Header: t.Header, RoundTripper: carrier, MaxMessage: t.MaxMessage}, after, nil
}

// dialSocket connects to a server that listens on a WebSocket.
func dialSocket(ctx context.Context, s *Session) (conn, error) {
	o, after, err := s.way()
	if err != nil {
		return nil, err
	}
	l, err := line.DialSocket(ctx, o)
	if err != nil {
		after()
		return nil, s.unmet(ctx, err, "a WebSocket")
	}
	p := newPipe(s, l)
	p.after = after
	return p, nil
}

// dialEvents opens the stream of a server that speaks HTTP+SSE.
func dialEvents(ctx context.Context, s *Session) (conn, error) {
	o, after, err := s.way()
	if err != nil {
		return nil, err
	}
	l, err := line.DialEvents(ctx, o)
	if err != nil {
		after()
		return nil, s.unmet(ctx, err, "HTTP+SSE")
	}
	p := &posted{pipe: newReader(s, l), up: l}
	p.after, p.out = after, make(chan *wire.Buffer, mostQueued)
	p.ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.also(p.reply)
	return p, nil
}

// unmet tells why there is no line.
func (s *Session) unmet(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e, ok := errors.AsType[*line.StatusError](err)
	switch {
	case ok && e.Response.StatusCode/100 == 2:
		return upstream("server %q answered %s instead of %s", s.target.Name, e.Status(), what)
	case ok:
		return s.status(e.Response, e.Body)
	case http1.IsRefusal(err):
		return err
	case errors.Is(err, line.ErrNoEvents), errors.Is(err, line.ErrBadEndpoint):
		return upstream("server %q does not speak %s: %v", s.target.Name, what, err)
	}
	return lost(false, "server %q cannot be reached: %v", s.target.Name, err)
}

// A posted conn is a pipe of which only the server's end is a line: each message of ours is a request of its own.
type posted struct {
	*pipe
	up *line.Events

	ctx  context.Context //nolint:containedctx // of the requests, which may outlive their calls a little
	stop context.CancelFunc
}

// header returns what a message has besides the configured headers and those of its call.
func (p *posted) header(of http.Header) http.Header {
	r := p.revision.Load()
	if r == nil || !r.VersionHeader {
		return of
	}
	header := make(http.Header, len(of)+1)
	maps.Copy(header, of)
	header[headerVersion] = []string{r.Name}
	return header
}

func (p *posted) close(ctx context.Context) {
	p.lost(lost(false, "the session with server %q was closed", p.s.target.Name))
	p.s.calls.Wait() // which may yet have to tell the server that they were cancelled
	p.stop()
	p.pipe.close(ctx)
}

// call posts a request and waits for the answer, which may come before the server says that it has taken the request.
func (p *posted) call(ctx context.Context, c *exchange, body *wire.Buffer) (*Answer, error) {
	if p.err() != nil {
		body.Release()
		return nil, p.lostIn(false)
	}
	p.expect(c)
	defer p.s.table.take(c.id)
	post, abort := context.WithCancel(p.ctx)
	sent := make(chan error, 1)
	p.work.Go(func() {
		defer abort()
		err := p.post(post, c.header, body)
		sent <- err
		p.judge(err)
	})
	a, err := p.await(ctx, c, sent)
	if err == nil {
		time.AfterFunc(courtesy, abort) // for a server that takes a request only when it is done with it
		return a, nil
	}
	abort()
	if ctx.Err() != nil && c.method != mcp.MethodInitialize && p.err() == nil {
		p.s.tellCancelled(p.ctx, c)
	}
	return nil, err
}

func (p *posted) send(ctx context.Context, method string, body *wire.Buffer) error {
	switch {
	case p.err() != nil && method != mcp.NoticeCancelled:
		body.Release()
		return p.lostIn(false)
	case method != "":
		err := p.post(ctx, nil, body)
		p.judge(err)
		return err
	}
	select { // who answers may be the one who reads, and must not wait
	case p.out <- body:
		return nil
	default:
		body.Release()
		return fmt.Errorf("%d answers to the server wait already", mostQueued)
	}
}

// reply is the goroutine that posts what we answer to the server.
func (p *posted) reply() {
	for {
		select {
		case b := <-p.out:
			ctx, cancel := context.WithTimeout(p.ctx, courtesy)
			p.judge(p.post(ctx, nil, b))
			cancel()
		case <-p.gone:
			return
		}
	}
}

// judge ends the session if an error says that the server cannot be told anything.
func (p *posted) judge(err error) {
	if e, ok := errors.AsType[*LostError](err); ok && !e.Sent {
		p.lost(e)
	}
}

// post posts a message with further headers. It owns body.
func (p *posted) post(ctx context.Context, header http.Header, body *wire.Buffer) error {
	defer body.Leave()
	err := p.up.Post(ctx, body.Bytes, p.header(header))
	if e, ok := errors.AsType[*line.StatusError](err); ok {
		return p.refused(e)
	}
	switch {
	case err == nil:
		return nil
	case p.err() != nil:
		return p.lostIn(true)
	case ctx.Err() != nil:
		return ctx.Err()
	case http1.IsRefusal(err):
		return err
	}
	return lost(!http1.IsUnsent(err), "server %q cannot be reached: %v", p.s.target.Name, err)
}

// refused tells why a message was not taken: the session is lost if the server does not know it.
func (p *posted) refused(e *line.StatusError) error {
	switch status := e.Response.StatusCode; {
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusBadRequest && line.NamesSession(e.Body):
		return lost(false, "server %q has forgotten the session", p.s.target.Name)
	}
	return p.s.status(e.Response, e.Body)
}

// isOlder reports whether an error of initialize may come from a server that speaks HTTP+SSE only (basic/transports, "Backwards
// Compatibility").
func (s *Session) isOlder(err error) bool {
	if s.target.isPiped() || s.target.Events {
		return false
	}
	e, ok := errors.AsType[*statusError](err)
	return ok && (e.status == http.StatusBadRequest || e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed)
}

// turn tries whether the server speaks HTTP+SSE, for a bounded time, and goes on in that if it does.
func (s *Session) turn(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c, err := dialEvents(ctx, s)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "no HTTP+SSE either", slog.String("server", s.target.Name), slog.Any("reason", err))
		return false
	}
	s.conn.close(ctx)
	s.conn, s.target.Events = c, true
	return true
}
