package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// askTimeout is how long a client may take to answer a question.
const askTimeout = 5 * time.Minute

// A legacyReply answers a request of the legacy era over HTTP: with one JSON
// document, or with a stream once something has to be said before the result.
// The stream belongs to the session, so that the client can resume it.
type legacyReply struct {
	x       *exchange
	session *session.Session // nil for a client without one

	mu     sync.Mutex
	stream *session.Stream // nil while the answer can still be one document
	done   bool
}

// A streamSink writes a session's stream to one HTTP answer.
type streamSink struct{ events *eventWriter }

// Event writes one event of the stream.
func (s *streamSink) Event(id string, data []byte) error { return s.events.event(id, data) }

// open opens the stream, if it is not open yet.
func (r *legacyReply) open() {
	if r.stream != nil {
		return
	}
	sink := &streamSink{openEvents(r.x.w, false)}
	if r.session == nil {
		r.stream = new(session.Stream)
	} else {
		r.stream = r.session.Open()
	}
	// A new stream has forgotten nothing.
	_, _ = r.stream.Attach(sink, 0)
	if r.session != nil && r.x.call.Revision.Priming {
		r.stream.Append(priming())
	}
}

// priming is the data of the event that tells a client an id to resume from, before
// there is anything to say: an empty data field, without which a client ignores the
// event (basic/transports, "Sending Messages to the Server").
func priming() []byte { return []byte{} }

// Notify sends a notification on the call's stream.
func (r *legacyReply) Notify(_ context.Context, notice *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return errGone
	}
	r.open()
	r.stream.Append(translate.AppendNotice(nil, notice, &r.x.call))
	return nil
}

// Ask sends the questions on the call's stream and waits for the answers.
func (r *legacyReply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if r.session == nil {
		return nil, mcp.ErrUnsupported
	}
	return askAll(ctx, r.session, questions, func(message []byte) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.done {
			return errGone
		}
		r.open()
		r.stream.Append(message)
		return nil
	})
}

// askAll sends the questions as requests of ours and waits for all answers.
func askAll(ctx context.Context, s *session.Session, questions []mcp.Question, send func([]byte) error) ([]mcp.Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, mcp.ErrExpired)
	defer cancel()
	waiting := make([]<-chan mcp.Answer, len(questions))
	for i, q := range questions {
		id, answer, forget := s.Ask()
		defer forget()
		waiting[i] = answer
		if err := send(appendRequest(nil, id, q)); err != nil {
			return nil, err
		}
	}
	answers := make([]mcp.Answer, len(questions))
	for i := range waiting {
		select {
		case answers[i] = <-waiting[i]:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return answers, nil
}

func appendRequest(dst []byte, id int64, q mcp.Question) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = wire.AppendInt(dst, id)
	dst = append(dst, `,"method":`...)
	dst = wire.AppendQuote(dst, q.Method)
	if q.Params != nil {
		dst = append(append(dst, `,"params":`...), q.Params...)
	}
	return append(dst, '}')
}

// Done sends the result.
func (r *legacyReply) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return errGone
	}
	x := r.x
	if r.stream == nil {
		r.done = true
		x.answer(result)
		return nil
	}
	x.out = translate.AppendAnswer(x.out[:0], x.id(), &x.call, result, x.door.ServerInfo)
	r.say(x.out)
	return nil
}

// finish sends the error with which the call ended, if it did. A call that the
// client cancelled gets no answer (basic/utilities/cancellation).
func (r *legacyReply) finish(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done || err == nil {
		return
	}
	if errors.Is(context.Cause(ctx), errCancelled) {
		r.done = true
		if r.stream != nil {
			r.stream.Close()
			return
		}
		r.x.w.WriteHeader(http.StatusAccepted)
		return
	}
	r.say(translate.AppendFailure(nil, r.x.id(), translate.Failure(&r.x.call, err)))
}

// say sends the last message of the call.
func (r *legacyReply) say(message []byte) {
	r.done = true
	if r.stream == nil {
		r.x.write(http.StatusOK, message)
		return
	}
	r.stream.Append(message)
	r.stream.Close()
}
