package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// How a broken stream is taken up again.
const (
	firstWait   = time.Second      // before connecting again, unless the server names a time
	longestWait = 30 * time.Second // between attempts to open the stream of unasked messages
	mostResumes = 5                // attempts in a row to hear the rest of an answer
	drainTime   = time.Second      // for the end of a stream whose answer has come
)

// errNoAnswer says that a stream ended well but too early.
var errNoAnswer = errors.New("it ended before the answer")

// A stream reads the events of one response, and of those that continue it.
type stream struct {
	h     *httpConn
	c     *exchange // the call that it answers; nil for the stream of unasked messages
	body  io.ReadCloser
	last  string // the id of the last event
	retry time.Duration
	heard bool // something came since the stream was opened
}

// follow reads until the answer. A legacy stream that breaks off is taken up again where it numbered its events.
func (st *stream) follow(ctx context.Context, body io.ReadCloser) (*Answer, error) {
	for failures := 0; ; {
		a, err := st.read(body)
		if a != nil {
			st.body = body
			return st.h.sessionIn(a)
		}
		_ = body.Close()
		if ctx.Err() != nil || errors.Is(err, wire.ErrTooLong) || st.last == "" || st.h.stateless() {
			return nil, st.h.unread(err)
		}
		if st.heard {
			failures = 0
		}
		for body = nil; body == nil; {
			if failures++; failures > mostResumes || !st.pause(ctx, failures) {
				return nil, st.h.unread(err)
			}
			if body, err = st.resume(ctx); errors.Is(err, errFinal) {
				return nil, err
			}
		}
	}
}

// errFinal marks an error that another attempt would meet again.
var errFinal = errors.New("no stream")

// resume asks for what followed the last event. A nil body and an error that is not final can be tried again.
func (st *stream) resume(ctx context.Context) (io.ReadCloser, error) {
	h := st.h
	header := maps.Clone(h.base)
	header[headerAccept] = []string{line.MediaEvents}
	if st.last != "" {
		header[headerLast] = []string{st.last}
	}
	resp, err := h.do(ctx, &http1.Request{Method: http.MethodGet, Header: header}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && line.Media(resp.Header) == line.MediaEvents {
		st.heard = false
		return resp.Body, nil
	}
	defer discard(resp)
	switch {
	case resp.StatusCode == http.StatusNotFound && h.session != "":
		return nil, errors.Join(errFinal, h.forgotten())
	case resp.StatusCode/100 == 5 && resp.StatusCode != http.StatusNotImplemented || resp.StatusCode == http.StatusTooManyRequests:
		return nil, h.s.status(resp, nil)
	}
	return nil, fmt.Errorf("%w: %w", errFinal, h.s.status(resp, nil))
}

// pause waits before the next attempt; it reports false if ctx ends first.
func (st *stream) pause(ctx context.Context, failures int) bool {
	wait := firstWait
	if st.retry > 0 {
		wait = min(st.retry, longestWait)
	}
	wait = min(wait<<min(failures-1, 10), longestWait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// read reads events until the answer to the call has come, which it returns, or until the stream ends with an error.
func (st *stream) read(body io.Reader) (*Answer, error) {
	events := eventReaders.Get().(*wire.EventReader) //nolint:errcheck // it holds nothing else
	events.Reset(body, st.h.s.target.MaxMessage)
	defer func() {
		events.Reset(nil, 0)
		eventReaders.Put(events)
	}()
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, wire.ErrTooLong) && st.c == nil:
			st.h.s.foul(nil, err)
			continue
		case errors.Is(err, io.EOF):
			return nil, errNoAnswer
		case err != nil:
			return nil, err
		}
		st.heard = true
		if e.HasID {
			st.last = e.ID
		}
		if e.Retry > 0 {
			st.retry = e.Retry
		}
		if len(e.Data) == 0 || e.Name != "" && e.Name != "message" {
			continue
		}
		if a := st.take(e.Data); a != nil {
			return a, nil
		}
	}
}

// take deals with one message, or several where the revision allows, and returns the answer to the call if it is among them.
func (st *stream) take(data []byte) (found *Answer) {
	st.h.s.split(st.h.revision, data, func(one []byte) {
		switch a := st.message(one); {
		case found == nil:
			found = a
		case a != nil:
			st.h.s.astray(a)
		}
	})
	return found
}

// message deals with one message, and returns it if it is the answer to the call.
func (st *stream) message(data []byte) *Answer {
	s := st.h.s
	a := newAnswer()
	a.buf = append(a.buf[:0], data...)
	if err := a.scan(scanner); err != nil {
		s.foul(data, err)
		a.Release()
		return nil
	}
	switch kind := a.Message.Kind; {
	case kind == wire.Request || kind == wire.Notification:
		c := st.c
		if c == nil {
			c = s.table.owner(&a.Message)
		}
		s.receive(c, a)
	case st.c != nil && answersTo(st.c, &a.Message):
		return a
	case st.c == nil && s.table.hand(a):
	default:
		s.astray(a)
	}
	return nil
}

// answerAmong reads the answer to c from a body that is an array of messages. It owns a.
func (h *httpConn) answerAmong(c *exchange, a *Answer) (*Answer, error) {
	defer a.Release()
	if found := (&stream{h: h, c: c}).take(a.buf); found != nil {
		return h.sessionIn(found)
	}
	return nil, upstream("server %q answered with messages of which none is the answer", h.s.target.Name)
}

// stateless reports whether the server is of the modern era, whose streams cannot be resumed.
func (h *httpConn) stateless() bool { return h.revision != nil && h.revision.Stateless }

// listen keeps the stream open on which a legacy server speaks unasked, if it has one, until the session ends.
func (h *httpConn) listen() {
	st := &stream{h: h}
	for failures := 0; h.ctx.Err() == nil && h.err() == nil; {
		body, err := st.resume(h.ctx)
		h.listening() // or it cannot
		if errors.Is(err, errFinal) {
			h.s.log.LogAttrs(h.ctx, slog.LevelDebug, "no stream of unasked messages", slog.Any("reason", err))
			return
		}
		if err == nil {
			_, err = st.read(body)
			_ = body.Close()
		}
		if failures++; st.heard {
			failures = 1
		}
		st.heard = false
		h.s.log.LogAttrs(h.ctx, slog.LevelDebug, "stream of unasked messages ended", slog.Any("reason", err))
		if !st.pause(h.ctx, failures) {
			return
		}
	}
}

// leave ends a stream whose answer has come, once it has ended by itself, so that its connection can be used again. Where that may
// yet take a while, another goroutine waits for it. A stream that cannot outlive its call is cut off.
func (h *httpConn) leave(rest io.ReadCloser) {
	own, ok := rest.(http1.Body)
	if !ok || own.Ended() || !own.Detach() {
		_ = rest.Close()
		return
	}
	h.work.Go(func() { h.drain(rest) })
}

// drain reads the rest of a stream, but not for long, and not when the session ends.
func (h *httpConn) drain(rest io.ReadCloser) {
	const most = 64 << 10
	cut := func() { _ = rest.Close() }
	defer cut()
	defer time.AfterFunc(drainTime, cut).Stop()
	defer context.AfterFunc(h.ctx, cut)()
	a := newAnswer() // for its memory only
	a.buf, _ = wire.AppendAll(a.buf[:0], rest, -1, most)
	a.Release()
}
