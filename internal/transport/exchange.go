package transport

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// mostWaiting bounds the notifications that wait for one call, and mostQuestions what a server may ask at once.
const (
	mostWaiting   = 256
	mostQuestions = 64
)

// An exchange is one call in flight. Its sink is used by the goroutine of the call and by goroutines that enter it, and never
// after leave has returned.
type exchange struct {
	id     int64
	method string
	name   string
	header http.Header
	sink   Sink

	ctx context.Context //nolint:containedctx // of the call

	abort context.CancelFunc // ends the request; for HTTP only

	wake chan struct{} // something is in the queue; for pipes only

	mu     sync.Mutex
	queue  []*Answer       // what a pipe hands to the goroutine of the call, the answer last
	over   bool            // nobody may enter any more
	inside sync.WaitGroup  // who has entered
	asking context.Context //nolint:containedctx // of the call's questions, once there are some; ends with the call
	stop   context.CancelFunc
}

// newExchange returns a call that ends with ctx.
func newExchange(ctx context.Context, id int64, r *Request, sink Sink) *exchange {
	return &exchange{id: id, method: r.Method, name: r.Name, header: r.Header, sink: sink, ctx: ctx}
}

// questions returns the context of the call's questions. It is called by who has entered.
func (c *exchange) questions() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking == nil {
		c.asking, c.stop = context.WithCancel(c.ctx)
		if c.over {
			c.stop()
		}
	}
	return c.asking
}

// listens reports whether the call is a stream of notices, which nothing else is attributed to.
func (c *exchange) listens() bool { return c.method == mcp.MethodListen }

// enter lets a goroutine use the sink until it calls inside.Done; it reports false once the call is over.
func (c *exchange) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.sink == nil {
		return false
	}
	c.inside.Add(1)
	return true
}

// leave ends the call: its questions are cancelled, and nobody uses the sink any more.
func (c *exchange) leave() {
	c.mu.Lock()
	c.over = true
	queue, stop := c.queue, c.stop
	c.queue = nil
	c.mu.Unlock()
	for _, a := range queue {
		a.Release()
	}
	if stop != nil {
		stop()
	}
	c.inside.Wait()
}

// push hands a message to the goroutine of the call. It reports false, and leaves the message to the caller, if the call is
// over, or if too many wait and this is not the answer.
func (c *exchange) push(a *Answer) bool {
	isAnswer := a.Message.Kind == wire.Result || a.Message.Kind == wire.Failure
	c.mu.Lock()
	ok := !c.over && (isAnswer || len(c.queue) < mostWaiting)
	if ok {
		c.queue = append(c.queue, a)
	}
	c.mu.Unlock()
	if ok {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	return ok
}

// pull returns what push has handed over, in order.
func (c *exchange) pull() []*Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue := c.queue
	c.queue = nil
	return queue
}

// A table holds the calls in flight and the questions that are open. It is safe for concurrent use.
type table struct {
	mu        sync.Mutex
	calls     map[int64]*exchange
	cancelled map[int64]struct{}            // calls that nobody waits for any more, whose answer may yet come
	last      time.Time                     // when the last of them was cancelled
	questions map[string]context.CancelFunc // by the bytes of the server's id
}

func newTable() *table {
	return &table{calls: map[int64]*exchange{}, cancelled: map[int64]struct{}{}, questions: map[string]context.CancelFunc{}}
}

func (t *table) add(c *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[c.id] = c
}

// abort ends the requests of all calls.
func (t *table) abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls {
		if c.abort != nil {
			c.abort()
		}
	}
}

// take removes a call and returns it, nil if it is not there.
func (t *table) take(id int64) *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls[id]
	delete(t.calls, id)
	return c
}

// hand gives an answer that came on the stream of unasked messages to its call: some servers answer there once a client has
// connected again, whichever stream it asked for. It reports false, and leaves the answer to the caller, if there is no such call.
func (t *table) hand(a *Answer) bool {
	if a.Message.Kind != wire.Result && a.Message.Kind != wire.Failure {
		return false
	}
	c := t.take(wire.OwnID(a.Message.Bytes(a.Message.ID)))
	if c == nil || !c.push(a) {
		return false
	}
	c.abort() // it waits for what it has
	return true
}

// forget notes that a call was cancelled.
func (t *table) forget(id int64) {
	const most = 1024
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cancelled) >= most {
		clear(t.cancelled)
	}
	t.cancelled[id], t.last = struct{}{}, time.Now()
}

// isLate reports whether an answer is one to a call that was cancelled.
func (t *table) isLate(id int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.cancelled[id]
	delete(t.cancelled, id)
	return ok
}

func (t *table) find(id int64) *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[id]
}

// only returns the call in flight if there is exactly one, listening aside, and none was cancelled lately: the server may go on
// with that one for a while, and what it says of it must not reach another client.
func (t *table) only() *exchange {
	const lately = 30 * time.Second
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cancelled) > 0 && time.Since(t.last) < lately {
		return nil
	}
	var found *exchange
	for _, c := range t.calls {
		switch {
		case c.listens():
		case found != nil:
			return nil
		default:
			found = c
		}
	}
	return found
}

// errTwice says that a server asks under an id that is still open.
var errTwice = errors.New("the id is in use")

// open notes a question under the server's id; errTwice if that is open, and another error if there are too many.
func (t *table) open(id string, cancel context.CancelFunc) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.questions[id]; twice {
		return errTwice
	}
	if len(t.questions) >= mostQuestions {
		return errors.New("too many questions at once")
	}
	t.questions[id] = cancel
	return nil
}

// end forgets a question and ends its context.
func (t *table) end(id string) {
	t.mu.Lock()
	cancel := t.questions[id]
	delete(t.questions, id)
	t.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// owner returns the call that a message of the server belongs to when the line itself does not tell: by our progress token or
// the id of a subscription; and what carries neither belongs to the only call in flight. Servers ask for roots when a session
// begins or when they have changed, whatever call is under way then: that question belongs to the client.
func (t *table) owner(m *wire.Message) *exchange {
	if m.Kind == wire.Request {
		if string(m.MethodName()) == mcp.MethodRoots {
			return nil
		}
		return t.only()
	}
	switch string(m.MethodName()) {
	case mcp.NoticeProgress:
		return t.byNumber(m.Bytes(m.Member("progressToken")))
	case mcp.NoticeMessage:
		return t.only()
	}
	return t.byNumber(m.Bytes(m.Meta(mcp.MetaSubscription)))
}

// byNumber returns the call whose id is raw.
func (t *table) byNumber(raw []byte) *exchange { return t.find(wire.OwnID(raw)) }
