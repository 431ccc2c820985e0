package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Subprotocol is what a client of MCP offers in the handshake of a WebSocket. Servers may leave it unanswered.
const Subprotocol = "mcp"

// A Socket is a WebSocket. Next is for one goroutine, Send for another.
type Socket struct {
	ws  *websocket.Conn
	tap *tap
	max int
	buf []byte // of the last message

	ctx  context.Context    //nolint:containedctx // of reads and writes; it never ends, which spares a timer for each of them
	stop context.CancelFunc // of what watches over the line
	once sync.Once          // of Close
	work sync.WaitGroup

	mu  sync.Mutex
	why string // the line has ended by itself
}

// DialSocket connects to a server; ctx bounds the handshake only. The error is a *[StatusError] if the server answers with
// something else than a WebSocket. Redirects are not followed: the headers are for this server.
func DialSocket(ctx context.Context, o Options) (*Socket, error) {
	t := &tap{rt: o.RoundTripper}
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ws, resp, err := websocket.Dial(ctx, o.URL.String(), &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: o.Header, Subprotocols: []string{Subprotocol},
	})
	switch {
	case err != nil && resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, refusal(resp)
	case err != nil:
		return nil, addressless(err)
	}
	ws.SetReadLimit(-1) // Next has its own, which the line survives
	s := &Socket{ws: ws, tap: t, max: o.MaxMessage, ctx: context.WithoutCancel(ctx)}
	every := o.KeepAlive
	if every <= 0 {
		every = 30 * time.Second
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.work.Go(func() { s.keepAlive(watch, every) })
	return s, nil
}

// Next returns the next message, which is valid until the next call; [wire.ErrTooLong] for one that was too long and was
// skipped. A server that sends binary frames does not speak our language, and is told so.
func (s *Socket) Next() ([]byte, error) {
	kind, r, err := s.ws.Reader(s.ctx)
	if err != nil {
		return nil, s.ended(err)
	}
	if kind != websocket.MessageText {
		s.note("it sent a binary frame, where messages are text")
		s.shut(websocket.StatusUnsupportedData, "messages are text")
		return nil, errBinary
	}
	if cap(s.buf) > mostKept {
		s.buf = nil
	}
	if s.buf, err = wire.AppendAll(s.buf[:0], r, -1, s.max); err == nil {
		return s.buf, nil
	}
	tooLong := errors.Is(err, wire.ErrTooLong)
	if tooLong {
		s.buf = nil
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return nil, s.ended(err)
	}
	return nil, wire.ErrTooLong
}

var errBinary = errors.New("a binary frame")

// Send sends a message, which is the server's business once it lies in the connection.
func (s *Socket) Send(message []byte) error { return s.ws.Write(s.ctx, websocket.MessageText, message) }

// Close ends the line with a status that says that all is well. It is bounded in time.
func (s *Socket) Close() {
	s.once.Do(func() {
		s.stop()
		s.shut(websocket.StatusNormalClosure, "")
		s.work.Wait()
	})
}

// shut says goodbye and ends the connection, with which a peer that says nothing has to be content after a while.
func (s *Socket) shut(status websocket.StatusCode, reason string) {
	timer := time.AfterFunc(courtesy, s.tap.cut)
	_ = s.ws.Close(status, reason)
	timer.Stop()
}

// Epitaph tells why the line has ended by itself, if that is known.
func (s *Socket) Epitaph() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// note keeps the first reason for the end of the line.
func (s *Socket) note(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == "" {
		s.why = why
	}
}

// ended notes the status with which the server has closed the line, and returns err.
func (s *Socket) ended(err error) error {
	e, ok := errors.AsType[websocket.CloseError](err)
	switch {
	case ok && e.Reason != "":
		s.note(fmt.Sprintf("it closed the connection with status %d, %q", e.Code, e.Reason))
	case ok:
		s.note(fmt.Sprintf("it closed the connection with status %d", e.Code))
	}
	return err
}

// keepAlive is the goroutine that asks for a sign of life whenever nothing was heard for a while, and ends the line if none
// comes. A large message that is under way is one.
func (s *Socket) keepAlive(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		heard := s.tap.heard.Load()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if s.tap.heard.Load() == heard && !s.isAlive(ctx, every) {
			s.note("it gave no sign of life within " + every.String())
			s.tap.cut()
			return
		}
	}
}

// isAlive asks for a sign of life and waits for one, unless a message of ours is on its way and still moves.
func (s *Socket) isAlive(ctx context.Context, patience time.Duration) bool {
	heard, said, begun := s.tap.heard.Load(), s.tap.said.Load(), time.Now()
	ping, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.ws.Ping(ping); err == nil || ctx.Err() != nil || s.tap.heard.Load() != heard {
		return true
	}
	return time.Since(begun) < patience && s.tap.said.Load() != said
}

// A tap is a RoundTripper that keeps hold of the connection that a WebSocket is made of, to see whether anything moves on it
// and to cut it.
type tap struct {
	rt http.RoundTripper
	io.ReadWriteCloser
	heard, said atomic.Int64 // bytes that came and went
}

// RoundTrip makes the handshake.
func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		t.ReadWriteCloser = conn
		resp.Body = t
	}
	return resp, nil
}

// Read reads from the connection.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.heard.Add(int64(n))
	return n, err
}

// Write writes to the connection.
func (t *tap) Write(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Write(p)
	t.said.Add(int64(n))
	return n, err
}

// cut ends the connection, and so whatever waits for it.
func (t *tap) cut() { _ = t.Close() }
