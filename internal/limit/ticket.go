package limit

import (
	"context"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A ticket is what a call has taken, and its Reply where bytes count.
type ticket struct {
	in     []place
	taken  int  // of these, from which a call was taken
	runs   bool // it has a place among those that run
	weighs bool // its bytes count
	reply  mcp.Reply
}

type place struct {
	bucket *bucket
	rule   *Rule
}

// tickets are those that are not in use.
var tickets = sync.Pool{New: func() any { return new(ticket) }}

func (t *ticket) add(b *bucket, rule *Rule) {
	t.in = append(t.in, place{b, rule})
	t.weighs = t.weighs || rule.Bytes > 0
}

// take takes a call out of each bucket, or says how long one of them has none.
func (t *ticket) take(now time.Time, stays bool) time.Duration {
	t.runs = !stays
	for _, p := range t.in {
		if wait := p.bucket.take(p.rule, now, t.runs); wait > 0 {
			return wait
		}
		t.taken++
	}
	return 0
}

func (t *ticket) weigh(now time.Time, n int) {
	for _, p := range t.in {
		p.bucket.weigh(p.rule, now, n)
	}
}

// leave gives back the places among those that run, and the ticket.
func (t *ticket) leave() {
	for _, p := range t.in[:t.taken] {
		if t.runs {
			p.bucket.leave()
		}
	}
	clear(t.in)
	*t = ticket{in: t.in[:0]}
	tickets.Put(t)
}

// Notify counts what the notification has.
func (t *ticket) Notify(ctx context.Context, notice *wire.Message) error {
	t.weigh(time.Now(), len(notice.Raw))
	return t.reply.Notify(ctx, notice)
}

// Ask counts nothing: questions are few.
func (t *ticket) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	return t.reply.Ask(ctx, questions)
}

// Done counts what the result has.
func (t *ticket) Done(ctx context.Context, result *mcp.Result) error {
	t.weigh(time.Now(), len(result.Value))
	return t.reply.Done(ctx, result)
}
