package ingress

import (
	"context"
	"net/http"
	"sync"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A modernReply answers a modern request over HTTP: with one JSON document, or
// with a stream once something has to be said before the result.
type modernReply struct {
	watch watch
	x     *exchange

	mu sync.Mutex
	// events writes the stream; nil while the answer can still be one document.
	events *dialogue.EventWriter
	done   bool
}

func (r *modernReply) reset() { r.x, r.events, r.done = nil, nil, false }

// Notify opens the stream, if it is not open yet, and sends the notification on it.
func (r *modernReply) Notify(_ context.Context, notice *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	if !translate.Tells(notice, &r.x.call) {
		return nil
	}
	r.open()
	return r.events.Event("", translate.AppendNotice(nil, notice, &r.x.call))
}

// Ask refuses: a modern client is asked in a conversation, or not at all.
func (r *modernReply) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done sends the result.
func (r *modernReply) Done(_ context.Context, result *mcp.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return dialogue.ErrGone
	}
	r.done = true
	x := r.x
	if r.events == nil {
		x.answer(result)
		return nil
	}
	x.out = translate.AppendAnswer(x.out[:0], x.id(), &x.call, result, x.door.ServerInfo)
	return r.events.Event("", x.out)
}

// alive says that the answer is still to come, for which it becomes a stream.
func (r *modernReply) alive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return
	}
	r.open()
	_ = r.events.Comment() // a client that left shows in the context
}

// open opens the stream, if it is not open yet.
func (r *modernReply) open() {
	if r.events == nil {
		r.events = dialogue.OpenEvents(r.x.w, true)
	}
}

// finish sends the error with which the call ended, if it did. A client that has
// left gets none.
func (r *modernReply) finish(ctx context.Context, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || r.done || (ctx.Err() != nil && cutOff(ctx) == nil) {
		r.done = true
		return
	}
	r.done = true
	e := translate.Failure(&r.x.call, err)
	if r.events != nil {
		_ = r.events.Event("", translate.AppendFailure(nil, r.x.id(), e)) // the client may be gone by now
		return
	}
	r.x.writeError(modernStatus(e), e)
}

// cutOff returns why the house has ended a call that its client waits for, nil if
// it has not.
func cutOff(request context.Context) *mcp.Error {
	if request.Err() == nil {
		return nil
	}
	return mcp.AsError(context.Cause(request))
}

// modernStatus is the HTTP status of an error (streamable HTTP transport of the modern era).
func modernStatus(e *mcp.Error) int {
	switch e.Reason {
	case mcp.Unauthenticated:
		return http.StatusUnauthorized
	case mcp.Forbidden, mcp.InsufficientScope:
		return http.StatusForbidden
	case mcp.RateLimited:
		return http.StatusTooManyRequests
	case mcp.Unavailable:
		return http.StatusServiceUnavailable
	default: // the code says more
	}
	switch e.Code {
	case mcp.CodeMethodNotFound:
		return http.StatusNotFound
	case mcp.CodeParse, mcp.CodeInvalidRequest, mcp.CodeInvalidParams,
		mcp.CodeHeaderMismatch, mcp.CodeMissingCapability, mcp.CodeUnsupportedRevision:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
