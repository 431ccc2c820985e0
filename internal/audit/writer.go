package audit

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// portionBytes is how much is stored at once, so that a store of ordinary speed
// does it within tryTimeout; a row that is larger goes alone.
const portionBytes = 8 << 20

// A writer stores records. It has one goroutine.
type writer struct {
	*Log
	// rows wait to be stored, but for the first, which are; they lie in the memory of
	// held, which is free once all are stored.
	rows   []Row
	stored int
	held   []*entry
	// taken came out of the inbox last.
	taken []*entry
	// floods counts refusals.
	floods floods
	seal   sealing
}

// run stores records until the log is closed and everything is stored.
func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(floodWindow)
	defer tick.Stop()
	defer w.seal.stop()
	for {
		select {
		case <-w.inbox.some:
			w.gather()
			w.take()
		case <-w.seal.due.C:
			w.sealAll(ctx)
		case <-w.seal.idle.C:
			w.sealNow(ctx)
		case now := <-tick.C:
			w.settle(now.Add(-2 * delay)) // a refusal may be on its way for so long
		}
		if w.closing() {
			w.finish(ctx)
			return
		}
		w.store(ctx)
	}
}

// gather waits for others to be stored with the first.
func (w *writer) gather() {
	if w.durable { // calls wait; others come while these are stored
		return
	}
	enough := time.NewTimer(delay)
	defer enough.Stop()
	select {
	case <-w.inbox.many:
	case <-enough.C:
	}
}

// take makes rows of a batch of what waits. It reports whether nothing more will come.
func (w *writer) take() (over bool) {
	w.taken, over = w.inbox.take(w.taken[:0])
	for _, e := range w.taken {
		w.add(e)
	}
	clear(w.taken)
	return over
}

// closing reports whether the log is being closed.
func (w *writer) closing() bool {
	select {
	case <-w.inbox.over:
		return true
	default:
		return false
	}
}

// add makes a row of an entry, or counts it into a flood.
func (w *writer) add(e *entry) {
	if e.refusal != nil {
		counted, before := w.floods.add(*e.refusal, e.started)
		if before != nil {
			w.addCount(before)
		}
		if counted {
			w.release(e)
			return
		}
	}
	w.rows = append(w.rows, e.row())
	w.held = append(w.held, e)
}

// addCount makes a row of the record of a flood.
func (w *writer) addCount(record []byte) { w.rows = append(w.rows, Row{Body: record}) }

// settle makes rows of the floods whose window is over at a time.
func (w *writer) settle(at time.Time) { w.floods.end(at, w.addCount) }

// freeAll frees what the rows have needed.
func (w *writer) freeAll() {
	for _, e := range w.held {
		w.release(e)
	}
	clear(w.held)
	clear(w.rows)
	w.rows, w.held, w.stored = w.rows[:0], w.held[:0], 0
}

// release ends the writer's part in an entry: it is free, or the call's that waits for it.
func (w *writer) release(e *entry) {
	if e.durable != nil {
		close(e.durable.done)
		return
	}
	w.free(e)
}

// free keeps an entry for another record, unless it has grown large.
func (l *Log) free(e *entry) {
	const kept = 16 << 10
	if cap(e.arguments) <= kept && cap(e.result) <= kept && cap(e.body) <= kept {
		l.pool.Put(e)
	}
}

// row returns the entry's record, which shares its memory.
func (e *entry) row() Row {
	r := Row{Body: e.body}
	if e.payloads != None {
		r.Salt = e.salt[:]
	}
	if e.payloads == Full {
		r.Arguments, r.Result = e.arguments, e.result
	}
	return r
}

// store stores the rows; it keeps them, and has calls refused, while that fails.
func (w *writer) store(ctx context.Context) {
	for {
		err := w.storeAll(ctx)
		if err == nil {
			return
		}
		w.log.ErrorContext(ctx, "audit records cannot be stored; calls are refused until they can", slog.Any("error", err))
		select {
		case <-time.After(retry):
		case <-w.inbox.over:
			return // finish tries again
		}
	}
}

// storeAll stores the rows in portions, until one fails.
func (w *writer) storeAll(ctx context.Context) error {
	for w.stored < len(w.rows) {
		rows := w.portion()
		err := w.try(ctx, rows)
		w.failing.Store(err != nil)
		if err != nil {
			return err
		}
		w.stored += len(rows)
		if w.seal.add(len(rows)) {
			w.sealAll(ctx)
		}
	}
	w.freeAll()
	return nil
}

// portion returns the next rows to store together.
func (w *writer) portion() []Row {
	rows := w.rows[w.stored:min(len(w.rows), w.stored+batch)]
	size := 0
	for i := range rows {
		size += len(rows[i].Body) + len(rows[i].Arguments) + len(rows[i].Result)
		if size > portionBytes && i > 0 {
			return rows[:i]
		}
	}
	return rows
}

// try stores rows within tryTimeout. Calls are refused from its end on even if the
// sink does not return by then.
func (w *writer) try(ctx context.Context, rows []Row) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	late := make(chan struct{})
	inTime := context.AfterFunc(ctx, func() {
		w.failing.Store(true)
		close(late)
	})
	err := w.sink.AppendRecords(ctx, rows)
	if !inTime() {
		<-late
	}
	return err
}

// finish stores what is left, within bounds.
func (w *writer) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	for over := false; !over; {
		over = w.take()
	}
	w.settle(time.Now().Add(2 * floodWindow))
	err := w.storeAll(ctx)
	if err != nil {
		<-time.After(retry)
		err = w.storeAll(ctx)
	}
	if err == nil {
		w.sealAll(ctx)
		return
	}
	lost := len(w.rows) - w.stored
	w.log.ErrorContext(ctx, "audit records are lost", slog.Int("records", lost), slog.Any("error", err))
	w.err = fmt.Errorf("%d audit records are lost: storing them before the gateway closed: %w", lost, err)
}
