package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// errGone says that the client no longer waits for the answer.
var errGone = errors.New("the client is gone")

// A modernReply answers a modern request over HTTP: with one JSON document, or
// with a stream once something has to be said before the result.
type modernReply struct {
	x *exchange

	mu sync.Mutex
	// events writes the stream; nil while the answer can still be one document.
	events *eventWriter
	done   bool
}

func (r *modernReply) reset() { r.x, r.events, r.done = nil, nil, false }

// Notify opens the stream, if it is not open yet, and sends the notification on it.
func (r *modernReply) Notify(_ context.Context, notice *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return errGone
	}
	if r.events == nil {
		r.events = openEvents(r.x.w, true)
	}
	return r.events.event("", translate.AppendNotice(nil, notice, &r.x.call))
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
		return errGone
	}
	r.done = true
	x := r.x
	if r.events == nil {
		x.answer(result)
		return nil
	}
	x.out = translate.AppendAnswer(x.out[:0], x.id(), &x.call, result, x.door.ServerInfo)
	return r.events.event("", x.out)
}

// keepAlive says now and then that the stream is still there. The caller must
// call the returned function, which ends and waits for it.
func (r *modernReply) keepAlive(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(keepAlive)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				r.comment()
			}
		}
	})
	return func() {
		cancel()
		wait.Wait()
	}
}

func (r *modernReply) comment() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events != nil && !r.done {
		_ = r.events.comment() // a client that left shows in the context
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
		_ = r.events.event("", translate.AppendFailure(nil, r.x.id(), e)) // the client may be gone by now
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
	case mcp.Forbidden:
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
