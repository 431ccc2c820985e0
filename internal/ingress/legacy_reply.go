package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A legacyPost is the HTTP answer to one POST of the legacy era: one JSON document,
// or a stream once something has to be said before the end. The stream belongs to
// the session, so that the client can resume it.
type legacyPost struct {
	watch   watch
	x       *exchange
	session *session.Session // nil for a client without one
	// array says that several messages came, and that as many answers may go.
	array bool
	// whole says that the answer is one document whatever happens, since the client takes
	// no stream.
	whole bool

	mu     sync.Mutex
	stream *session.Stream // nil while the answer can still be one document
	sink   *streamSink     // of the stream
	// answers are those of an array that wait for the others.
	answers [][]byte
	// over says that everything was said.
	over bool
}

// A streamSink writes a session's stream to one HTTP answer.
type streamSink struct {
	mu     sync.Mutex // orders comments and events
	events *dialogue.EventWriter
}

// Event writes one event of the stream.
func (s *streamSink) Event(id string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.Event(id, data)
}

func (s *streamSink) comment() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.Comment()
}

// open opens the stream, if it is not open yet.
func (p *legacyPost) open() {
	if p.stream != nil {
		return
	}
	p.sink = &streamSink{events: dialogue.OpenEvents(p.x.w, false)}
	if p.session == nil {
		p.stream = new(session.Stream)
	} else {
		p.stream = p.session.Open()
	}
	// A new stream has forgotten nothing.
	_, _ = p.stream.Attach(p.sink, 0)
	if p.session != nil && p.x.call.Revision.Priming {
		p.stream.Append(priming())
	}
	for _, answer := range p.answers {
		p.stream.Append(answer)
	}
	p.answers = nil
}

// priming is the data of the event that tells a client an id to resume from, before
// there is anything to say: an empty data field, without which a client ignores the
// event (basic/transports, "Sending Messages to the Server").
func priming() []byte { return []byte{} }

// alive says that the answer is still to come, for which it becomes a stream.
func (p *legacyPost) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over && !p.whole {
		p.open()
		_ = p.sink.comment() // a client that left need not know
	}
}

// say sends a message before the last one.
func (p *legacyPost) say(message []byte) {
	p.open()
	p.append(message)
}

// append adds a message to the stream. A connection takes one even when nobody is
// there to read it.
func (p *legacyPost) append(message []byte) {
	if p.x.r.Context().Err() != nil {
		p.stream.Leave()
	}
	p.stream.Append(message)
}

// give sends the answer to one request.
func (p *legacyPost) give(message []byte) {
	switch {
	case p.stream != nil:
		p.append(message)
	case p.array:
		p.answers = append(p.answers, message)
	default:
		p.x.write(http.StatusOK, message)
	}
	if !p.array {
		p.end()
	}
}

// end ends the answer. Nothing is said afterwards.
func (p *legacyPost) end() {
	p.over = true
	if p.stream != nil {
		p.stream.Close()
	}
}

// A legacyReply answers a request of the legacy era over HTTP, by itself or among others.
type legacyReply struct {
	*legacyPost
	call *mcp.Call
	done bool
}

// Notify sends a notification on the call's stream.
func (r *legacyReply) Notify(_ context.Context, notice *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	if translate.Tells(notice, r.call) {
		r.say(translate.AppendNotice(nil, notice, r.call))
	}
	return nil
}

// Ask sends the questions on the call's stream and waits for the answers.
func (r *legacyReply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if r.session == nil {
		return nil, mcp.ErrUnsupported
	}
	return dialogue.AskAll(ctx, r.session, questions, func(message []byte) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.done {
			return dialogue.ErrGone
		}
		r.say(message)
		return nil
	})
}

// Done sends the result.
func (r *legacyReply) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	r.answering()
	if x := r.x; !r.array && r.stream == nil {
		r.over = true
		x.answer(result)
		return nil
	}
	r.give(translate.AppendAnswer(nil, r.id(), r.call, result, r.x.door.ServerInfo))
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
	r.answering()
	if !errors.Is(context.Cause(ctx), dialogue.ErrCancelled) {
		r.fail(translate.Failure(r.call, err))
		return
	}
	if r.array {
		return
	}
	if r.end(); r.stream == nil {
		r.x.w.WriteHeader(http.StatusAccepted)
	}
}

// fail sends an error. One that asks for more scopes has a status of its own, if it is all that there is to say
// (basic/authorization, "Scope Challenge Handling").
func (r *legacyReply) fail(e *mcp.Error) {
	if r.call.Method == mcp.MethodInitialize && r.stream == nil {
		r.x.w.Header().Del(headerSession) // there is none
	}
	if e.Challenge == "" || r.array || r.stream != nil {
		r.give(translate.AppendFailure(nil, r.id(), e))
		return
	}
	r.end()
	r.x.writeError(modernStatus(e), e)
}

// answering says that nothing but the answer is to come.
func (r *legacyReply) answering() {
	r.done = true
	if r.session != nil {
		r.session.Answering(r.id())
	}
}

func (r *legacyReply) id() []byte { return r.call.Request.Bytes(r.call.Request.ID) }
