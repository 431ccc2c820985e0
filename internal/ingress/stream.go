package ingress

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// stream answers the GET of a legacy session: it resumes the stream that the
// client names, or opens the one for what belongs to no call.
func (d *HTTP) stream(x *exchange) {
	if !accepts(x.r.Header["Accept"], "text/event-stream") {
		x.refuse(http.StatusNotAcceptable, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "Accept must list text/event-stream"))
		return
	}
	last := x.r.Header.Get(headerLastEvent)
	s, err := d.Sessions.Get(x.r.Header.Get(headerSession), x.call.Caller)
	switch {
	case err == nil:
		x.adopt(s)
	case last != "" && errors.Is(err, session.ErrElsewhere) && d.replay(x, last):
		return
	default:
		x.refuseSession(err)
		return
	}
	defer s.Release()
	if last != "" {
		d.resume(x, s, last)
		return
	}
	d.listen(x, s, s.Open(), 0)
}

// resume goes on with a stream from the event after the last one that the client saw.
func (d *HTTP) resume(x *exchange, s *session.Session, lastEventID string) {
	stream, seq, ok := s.Resume(lastEventID)
	if !ok {
		if !d.replay(x, lastEventID) {
			x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "this stream is not kept any longer"))
		}
		return
	}
	if stream.General() {
		d.listen(x, s, stream, seq)
		return
	}
	r := &streamReply{x: x, session: s, stream: stream}
	left, err := r.attach(seq)
	if err != nil {
		if !d.replay(x, lastEventID) {
			x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "%v", err))
		}
		return
	}
	r.hold(x.r.Context(), left)
}

// replay goes on with a stream that is not in memory, or that of another instance,
// from the archive. It reports whether the archive had something to say.
func (d *HTTP) replay(x *exchange, lastEventID string) bool {
	ctx := x.r.Context()
	r, err := d.Sessions.Replay(ctx, x.r.Header.Get(headerSession), x.call.Caller, lastEventID)
	if err != nil {
		if !errors.Is(err, session.ErrForgotten) {
			d.Log.WarnContext(ctx, "a stream cannot be read from the archive", slog.Any("error", err))
		}
		return false
	}
	out := dialogue.OpenEvents(x.w, false)
	for {
		events, err := r.Next(ctx, dialogue.KeepAlive)
		switch {
		case err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF):
			d.Log.WarnContext(ctx, "a stream from the archive ends early", slog.Any("error", err))
			return true
		case err != nil, len(events) == 0 && out.Comment() != nil:
			return true
		}
		for i := range events {
			if out.Event(events[i].ID(), events[i].Data) != nil {
				return true
			}
		}
	}
}

// listen serves the stream for what belongs to no call. It is a call of its own:
// subscriptions/listen, which the gate answers with notices until it ends.
func (d *HTTP) listen(x *exchange, s *session.Session, stream *session.Stream, seq int) {
	stream.SetGeneral()
	r := &streamReply{x: x, session: s, stream: stream}
	left, err := r.attach(seq)
	if err != nil {
		x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "%v", err))
		return
	}
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	x.call.Method = mcp.MethodListen
	var wait sync.WaitGroup
	wait.Go(func() {
		defer cancel()
		r.hold(ctx, left)
	})
	if err := d.Handler.Handle(ctx, &x.call, r); err != nil && ctx.Err() == nil {
		d.Log.DebugContext(ctx, "listening ended", slog.Any("error", err))
		stream.Forget() // who resumes it is told that something is missing
	}
	cancel()
	wait.Wait()
}

// A streamReply is what the gate says to a client outside of its calls, on a
// stream that the client opened with GET.
type streamReply struct {
	x       *exchange
	session *session.Session
	stream  *session.Stream
	sink    *streamSink
}

// attach begins the answer and writes what is kept after the event of that number.
// An error says that this is not all, before anything was written.
func (r *streamReply) attach(seq int) (<-chan struct{}, error) {
	if err := r.stream.Kept(seq); err != nil {
		return nil, err
	}
	r.sink = &streamSink{events: dialogue.OpenEvents(r.x.w, false)}
	left, err := r.stream.Attach(r.sink, seq)
	if err != nil {
		gone := make(chan struct{})
		close(gone)
		return gone, nil //nolint:nilerr // forgotten just now: the connection ends, and the client is told when it resumes
	}
	if seq == 0 && r.session.Revision.Priming {
		r.stream.Append(priming())
	}
	if r.sink.comment() != nil {
		r.stream.Detach(r.sink) // the connection is gone, and left says so
	}
	return left, nil
}

// hold keeps the connection alive until the client leaves or the stream ends.
func (r *streamReply) hold(ctx context.Context, left <-chan struct{}) {
	defer r.stream.Detach(r.sink)
	tick := time.NewTicker(dialogue.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.session.Context().Done():
			return
		case <-left:
			return
		case <-tick.C:
			if r.sink.comment() != nil {
				return
			}
		}
	}
}

// Notify sends a notification on the stream.
func (r *streamReply) Notify(_ context.Context, notice *wire.Message) error {
	r.stream.Append(translate.AppendNotice(nil, notice, &r.x.call))
	return nil
}

// Ask sends the questions on the stream and waits for the answers.
func (r *streamReply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	return dialogue.AskAll(ctx, r.session, questions, func(message []byte) error {
		r.stream.Append(message)
		return nil
	})
}

// Done does nothing: the stream ends with its connection, and the client did not
// send a request that could be answered.
func (r *streamReply) Done(context.Context, *mcp.Result) error { return nil }
