package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// keepAlive is how often a silent stream says that it is still there.
const keepAlive = 25 * time.Second

// stream answers the GET of a legacy session: it resumes the stream that the
// client names, or opens the one for what belongs to no call.
func (d *HTTP) stream(x *exchange) {
	if !accepts(x.r.Header["Accept"], "text/event-stream") {
		x.refuse(http.StatusNotAcceptable, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "Accept must list text/event-stream"))
		return
	}
	s, ok := d.session(x, x.r.Header.Get(headerSession))
	if !ok {
		return
	}
	defer s.Release()
	if last := x.r.Header.Get(headerLastEvent); last != "" {
		d.resume(x, s, last)
		return
	}
	d.listen(x, s, s.Open(), 0)
}

// resume goes on with a stream from the event after the last one that the client saw.
func (d *HTTP) resume(x *exchange, s *session.Session, lastEventID string) {
	stream, seq, ok := s.Resume(lastEventID)
	if !ok {
		x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "this stream is not kept any longer"))
		return
	}
	if stream.General() {
		d.listen(x, s, stream, seq)
		return
	}
	r := &streamReply{x: x, session: s, stream: stream}
	left, err := r.attach(seq)
	if err != nil {
		x.refuse(http.StatusNotFound, mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "%v", err))
		return
	}
	r.hold(x.r.Context(), left)
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
	mu      sync.Mutex // orders comments and events on the connection
}

// Event writes one event; the stream calls it.
func (r *streamReply) Event(id string, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sink.Event(id, data)
}

// attach begins the answer and writes what is kept after the event of that number.
// An error says that this is not all, before anything was written.
func (r *streamReply) attach(seq int) (<-chan struct{}, error) {
	if err := r.stream.Kept(seq); err != nil {
		return nil, err
	}
	r.sink = &streamSink{openEvents(r.x.w, false)}
	left, err := r.stream.Attach(r, seq)
	if err != nil {
		gone := make(chan struct{})
		close(gone)
		return gone, nil //nolint:nilerr // forgotten just now: the connection ends, and the client is told when it resumes
	}
	if seq == 0 && r.session.Revision.Priming {
		r.stream.Append(priming())
	}
	if r.comment() != nil {
		r.stream.Detach(r) // the connection is gone, and left says so
	}
	return left, nil
}

// hold keeps the connection alive until the client leaves or the stream ends.
func (r *streamReply) hold(ctx context.Context, left <-chan struct{}) {
	defer r.stream.Detach(r)
	tick := time.NewTicker(keepAlive)
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
			if r.comment() != nil {
				return
			}
		}
	}
}

func (r *streamReply) comment() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sink.events.comment()
}

// Notify sends a notification on the stream.
func (r *streamReply) Notify(_ context.Context, notice *wire.Message) error {
	r.stream.Append(translate.AppendNotice(nil, notice, &r.x.call))
	return nil
}

// Ask sends the questions on the stream and waits for the answers.
func (r *streamReply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	return askAll(ctx, r.session, questions, func(message []byte) error {
		r.stream.Append(message)
		return nil
	})
}

// Done does nothing: the stream ends with its connection, and the client did not
// send a request that could be answered.
func (r *streamReply) Done(context.Context, *mcp.Result) error { return nil }
