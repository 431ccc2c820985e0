package audit

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// patience is how long an answer waits for its record: one try, and a second one.
const patience = 2*tryTimeout + retry

// unstored is what a call is told whose record could not be stored in time. It has
// happened, and the record is still to come.
func unstored() error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable,
		"the audit record of this call is not stored, so its answer is withheld; it may have had effects")
}

// A waiting is one call that waits until its record is stored.
type waiting struct {
	log   *Log
	call  *mcp.Call
	entry *entry
	// put says that the record was written, done is closed when it is stored.
	put  bool
	done chan struct{}
}

// handleDurably handles a call whose answer waits for its record.
func (l *Log) handleDurably(ctx context.Context, e *entry, call *mcp.Call, next mcp.Handler) error {
	w := &waiting{log: l, call: call, entry: e, done: make(chan struct{})}
	e.durable = w
	err := next.Handle(ctx, call, &e.reply)
	if !w.put {
		if late := w.stored(ctx, err); late != nil && err == nil {
			err = late
		}
	}
	select {
	case <-w.done:
		e.durable, e.reply.Reply = nil, nil
		l.free(e)
	default: // it stays the writer's
	}
	return err
}

// stored writes the record of a call that ends with err and waits until it is stored,
// or until the call is given up.
func (w *waiting) stored(ctx context.Context, err error) error {
	w.put = true
	reply := w.entry.reply.Reply
	w.entry.finish(w.call, err)
	w.entry.reply.Reply = reply // finish lets go of it, but the answer is still to come
	if !w.log.put(ctx, w.entry, w.call) {
		return unstored()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return unstored()
	}
}
