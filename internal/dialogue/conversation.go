package dialogue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxRounds is how often one call may ask its client.
const maxRounds = 10

// Parking holds the calls of modern clients that wait for answers.
type Parking = session.Parking[*conversation]

// NewParking returns an empty Parking. Close ends it.
func NewParking(ctx context.Context, o session.ParkingOptions) *Parking {
	return session.NewParking[*conversation](ctx, o)
}

// A conversation is one call of a modern client whose server may ask something.
// The client is asked by the end of its request, and brings the answers with the
// next one: so the call goes on while no request of the client is under way, and
// is answered through the request that is there then, its turn.
type conversation struct {
	parking *Parking
	call    *mcp.Call
	digest  []byte
	cancel  context.CancelCauseFunc

	mu sync.Mutex
	// turn is the client's request under way; nil while the call is parked.
	turn   *turn
	rounds int
	keys   int // how many questions have got one
	// round is what the client is asked now, nil while there is nothing; questions are
	// those that it was asked last.
	round     *round
	questions []mcp.Question
	// over says that the call has ended; then result or err is what the next turn is told.
	over   bool
	result *mcp.Result
	err    error
}

// A turn is one request of the client in a conversation.
type turn struct {
	reply mcp.Reply
	// answered says that the client has been given the result of the call.
	answered bool
	// done is closed when the turn is answered; err is set before.
	done chan struct{}
	err  error
}

// Handle answers a call. One that may have to wait for its client becomes a
// conversation, of which the reply is the first turn.
func Handle(ctx context.Context, p *Parking, handler mcp.Handler, call *mcp.Call, reply mcp.Reply) error {
	if parkable(call) {
		return converse(ctx, p, handler, call, reply)
	}
	if call.Resume != nil && call.Resume.Lapse != nil {
		defer call.Resume.Lapse()
	}
	return handler.Handle(ctx, call, reply)
}

// parkable reports whether a call may have to wait for its client.
func parkable(call *mcp.Call) bool {
	method, _ := mcp.MethodByName(call.Method)
	return call.Revision.Stateless && method.Questions && call.Resume == nil && call.Refused == nil && call.Asks()
}

// converse makes a call that may be parked, and waits until its first turn ends.
func converse(ctx context.Context, p *Parking, handler mcp.Handler, call *mcp.Call, reply mcp.Reply) error {
	c := &conversation{parking: p, call: detach(call), digest: callDigest(call)}
	t := &turn{reply: reply, done: make(chan struct{})}
	c.turn = t
	ready := make(chan struct{})
	p.Go(func(ctx context.Context) {
		ctx, c.cancel = context.WithCancelCause(ctx)
		defer c.cancel(nil)
		close(ready)
		c.end(handler.Handle(ctx, c.call, c))
	})
	<-ready
	return c.wait(ctx, t)
}

// detach copies a call into memory of its own, since it outlives its request.
func detach(call *mcp.Call) *mcp.Call {
	own, message := *call, *call.Request
	message.Raw = bytes.Clone(message.Raw)
	own.Request = &message
	own.Header = call.Header.Clone()
	own.ClientInfo, own.Capabilities = own.Meta(mcp.MetaClientInfo), own.Meta(mcp.MetaCapabilities)
	return &own
}

// callDigest is what a parked call is told from others by.
func callDigest(call *mcp.Call) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(call.Method), []byte(call.Name), call.Member("arguments")} {
		h.Write(wire.AppendInt(nil, int64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}

// wait waits for the end of a turn. A client that leaves in its turn ends the call
// (streamable HTTP transport of the modern era, "Cancellation").
func (c *conversation) wait(ctx context.Context, t *turn) error {
	select {
	case <-t.done:
	case <-ctx.Done():
		c.leave(t, context.Cause(ctx))
		<-t.done
	}
	return t.err
}

// leave ends the call whose client has left in a turn, unless it had its answer by
// then: clients may hang up as soon as they have read the questions or the result.
func (c *conversation) leave(t *turn, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == t && !t.answered {
		c.cancel(cause)
	}
}

// end tells the turn under way, or the next one, how the call has ended.
func (c *conversation) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.err = true, err
	c.finishTurn(err)
}

// finishTurn ends the turn under way. It is called with the lock held.
func (c *conversation) finishTurn(err error) {
	if c.turn != nil {
		c.turn.err = err
		close(c.turn.done)
		c.turn = nil
	}
}

// Notify sends a notification in the turn under way; while the call is parked there
// is no way to the client, and it is lost.
func (c *conversation) Notify(ctx context.Context, notice *wire.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == nil {
		return nil
	}
	return c.turn.reply.Notify(ctx, notice)
}

// Done answers the turn under way, or the next one.
func (c *conversation) Done(ctx context.Context, result *mcp.Result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn != nil {
		err := c.turn.reply.Done(ctx, result)
		c.turn.answered = err == nil
		return err
	}
	c.result = &mcp.Result{Value: bytes.Clone(result.Value), Revision: result.Revision}
	return nil
}

// inputRequired is the result that asks a modern client (multi round-trip requests).
func inputRequired(questions []mcp.Question, token string) []byte {
	dst := []byte(`{"resultType":"input_required","inputRequests":{`)
	for i, q := range questions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(wire.AppendQuote(dst, q.Key), `:{"method":`...)
		dst = wire.AppendQuote(dst, q.Method)
		if q.Params != nil {
			dst = append(append(dst, `,"params":`...), q.Params...)
		}
		dst = append(dst, '}')
	}
	dst = append(dst, `},"requestState":`...)
	return append(wire.AppendQuote(dst, token), '}')
}

// Resume finds what a client's retry continues and puts it into the call. State
// that is not ours belongs to the server, and passes.
func Resume(p *Parking, call *mcp.Call) *mcp.Error {
	token, ok := wire.Unquote(call.Member("requestState"))
	if method, _ := mcp.MethodByName(call.Method); !ok || !method.Questions || !p.Sealer.IsOurs(token) {
		return nil
	}
	responses := call.Member("inputResponses")
	if !areAnswers(responses) {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params.inputResponses must be an object of objects")
	}
	c, err := p.Take(token, call.Caller.ID, callDigest(call))
	switch {
	case err == nil:
		call.Resume = c.resume(c.read(responses))
		return nil
	case errors.Is(err, session.ErrLost):
		call.Resume = &mcp.Resume{Continue: lost(call)}
		return nil
	}
	return mcp.Errorf(mcp.CodeInvalidParams, stateFault(err), "params.requestState is refused: %v", err)
}

// areAnswers reports whether a retry's inputResponses, nil if there are none, can be
// answers: every result that a client gives is an object. What else it has, members
// nobody asked for among it, the server judges.
func areAnswers(responses []byte) bool {
	if responses == nil {
		return true
	}
	if responses[0] != '{' {
		return false
	}
	for _, response := range wire.Members(responses) {
		if response[0] != '{' {
			return false
		}
	}
	return true
}

// resume returns what goes on with those answers, or ends if the retry is refused on
// its way.
func (c *conversation) resume(answers []mcp.Answer) *mcp.Resume {
	continued := false
	return &mcp.Resume{
		Parent: c.call.ID,
		Continue: func(ctx context.Context, reply mcp.Reply) error {
			continued = true
			return c.proceed(ctx, reply, answers)
		},
		Lapse: func() {
			if !continued {
				c.cancel(errRefused)
			}
		},
	}
}

// errRefused is why a parked call ends that nobody can come for any more.
var errRefused = mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the client came back with answers, but was refused")

// stateFault is the reason for which a retry is refused, as the record has it.
func stateFault(err error) mcp.Reason {
	switch {
	case errors.Is(err, session.ErrForeign):
		return mcp.Stolen
	case errors.Is(err, session.ErrUsed):
		return mcp.Replayed
	case errors.Is(err, session.ErrExpired):
		return mcp.Timeout
	}
	return mcp.Forged
}

// read takes the answers to the questions out of a retry. What the client left out
// it has declined.
func (c *conversation) read(responses []byte) []mcp.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers := make([]mcp.Answer, len(c.questions))
	for i, q := range c.questions {
		switch response := wire.Get(responses, q.Key); {
		case response != nil:
			answers[i].Result = bytes.Clone(response)
		case q.Method == mcp.MethodElicit:
			answers[i].Result = []byte(`{"action":"cancel"}`)
		default:
			const rejected = -1 // by the user (client/sampling, "Error Handling")
			answers[i].Err = mcp.Errorf(rejected, mcp.Cancelled, "the user declined to answer")
		}
	}
	return answers
}

// proceed is a further turn.
func (c *conversation) proceed(ctx context.Context, reply mcp.Reply, answers []mcp.Answer) error {
	t := &turn{reply: reply, done: make(chan struct{})}
	c.mu.Lock()
	if c.over {
		defer c.mu.Unlock()
		if c.result != nil {
			return reply.Done(ctx, c.result)
		}
		return c.err
	}
	c.turn = t
	if c.round != nil && c.round.parked {
		c.round.answers = answers
		c.close(c.round, nil)
	}
	c.mu.Unlock()
	return c.wait(ctx, t)
}

// lost answers a retry of a call that went down with its instance.
func lost(call *mcp.Call) func(context.Context, mcp.Reply) error {
	const why = "the gateway was restarted while this call waited for answers; it may have had effects, so check before you try again"
	return func(ctx context.Context, reply mcp.Reply) error {
		if call.Method != mcp.MethodToolsCall {
			return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, why)
		}
		value := wire.AppendQuote([]byte(`{"resultType":"complete","isError":true,"content":[{"type":"text","text":`), why)
		return reply.Done(ctx, mcp.Own(append(value, "}]}"...)))
	}
}
