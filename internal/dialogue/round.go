package dialogue

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// gathering is how long a first question waits for others of the same call: servers
// of the legacy era ask several things as several requests, which a modern client
// should be asked in one round.
const gathering = 15 * time.Millisecond

// A round is what a modern client is asked by the end of one turn, perhaps by
// several askers. Its fields are guarded by the conversation's lock, but for over,
// and what is set before that is closed.
type round struct {
	questions []mcp.Question
	// askers is how many wait for the answers.
	askers int
	// parked says that the client was asked, so that no further question fits in.
	parked bool
	// answers stand in the order of the questions; err says why there are none.
	answers []mcp.Answer
	err     error
	over    chan struct{}
}

// Ask ends the turn with the questions, parks the call and waits for the turn that
// brings the answers. A question that is withdrawn meanwhile stays with the client:
// its next turn is told how the call has gone on.
func (c *conversation) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	r, from, err := c.join(ctx, questions)
	if err != nil {
		return nil, err
	}
	if from == 0 {
		c.parking.Go(func(house context.Context) { c.put(house, r) })
	}
	select {
	case <-r.over:
		if r.err != nil {
			return nil, r.err
		}
		return r.answers[from : from+len(questions)], nil
	case <-ctx.Done():
		c.withdraw(r)
		return nil, context.Cause(ctx)
	}
}

// revoked is closed when the client's key is good for nothing any more: then nobody can come with answers.
func (c *conversation) revoked() <-chan struct{} {
	if c.call.Caller == nil {
		return nil
	}
	return c.call.Caller.Over
}

// join adds questions to the round that is being gathered, or begins one when those
// before it are over. It returns where the answers will stand: 0 says that the round
// has begun and is to be put.
func (c *conversation) join(ctx context.Context, questions []mcp.Question) (r *round, from int, err error) {
	for {
		c.mu.Lock()
		if c.round == nil {
			c.round = &round{over: make(chan struct{})}
		}
		if r = c.round; !r.parked {
			from = len(r.questions)
			r.askers++
			for _, q := range questions {
				c.keys++
				q.Key = strconv.Itoa(c.keys)
				r.questions = append(r.questions, q)
			}
			c.mu.Unlock()
			return r, from, nil
		}
		c.mu.Unlock()
		select {
		case <-r.over:
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}

// put puts a round to the client when it is gathered, and sees that it ends.
func (c *conversation) put(ctx context.Context, r *round) {
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	slot, err := c.park(ctx, r)
	if err == nil {
		select {
		case <-slot.Expired:
			err = mcp.ErrExpired
		case <-c.revoked():
			c.parking.Leave(slot)
			err = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "nobody can answer any more: the key of who was asked is revoked or has expired")
		case <-r.over:
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(r, err)
}

// park ends the turn with the questions of a round.
func (c *conversation) park(ctx context.Context, r *round) (session.Slot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.rounds++; {
	case c.turn == nil:
		return session.Slot{}, mcp.ErrUnsupported
	case r.askers == 0:
		return session.Slot{}, mcp.ErrExpired // nobody hears it
	case c.rounds > maxRounds:
		return session.Slot{}, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the server asked more than %d times in one call", maxRounds)
	}
	slot, err := c.parking.Park(c.call.Caller.ID, c.digest, c)
	if err != nil {
		return slot, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "%v; answer some of them first", err)
	}
	r.parked, c.questions = true, slices.Clone(r.questions)
	if err = c.turn.reply.Done(ctx, mcp.Own(inputRequired(r.questions, slot.Token))); err != nil {
		c.cancel(err) // nobody will come back
	}
	c.finishTurn(err)
	return slot, nil
}

// withdraw notes that an asker does not wait any more. Without any, the round is
// over: its client may still come with answers, which nobody hears.
func (c *conversation) withdraw(r *round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.askers--; r.askers == 0 && r.parked {
		c.close(r, mcp.ErrExpired)
	}
}

// close ends a round, if it is not over. It is called with the lock held.
func (c *conversation) close(r *round, err error) {
	if c.round != r {
		return
	}
	c.round = nil
	r.err = err
	close(r.over)
}
