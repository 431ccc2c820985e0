package audit

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// floodWindow is how long refusals of one source are counted into one record.
	floodWindow = time.Second
	// maxFloods is how many sources are told apart at once.
	maxFloods = 1024
)

// A writer stores records. It has one goroutine.
type writer struct {
	*Log
	// rows wait to be stored; they lie in the memory of held, which is free once they are.
	rows []Row
	held []*entry
	// taken came out of the inbox last.
	taken []*entry
	// floods counts refusals, by their source, that came after one on record.
	floods map[string]*flood
}

// A flood is refusals of one source within a window after one that is on record.
type flood struct {
	until time.Time
	count int
	last  []byte // the newest one's record
}

// refusalSource is what refusals are counted by: why, and from where.
func refusalSource(call *mcp.Call) string {
	host, _, err := net.SplitHostPort(call.Remote)
	if err != nil {
		host = call.Remote
	}
	return string(call.Refused.Reason) + " " + host
}

// run stores records until the log is closed and everything is stored.
func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(floodWindow)
	defer tick.Stop()
	for {
		select {
		case <-w.inbox.some:
			w.gather()
			if over := w.take(); over {
				w.finish(ctx)
				return
			}
		case now := <-tick.C:
			w.settle(now)
		}
		w.store(ctx)
	}
}

// gather waits for others to be stored with the first.
func (w *writer) gather() {
	enough := time.NewTimer(delay)
	defer enough.Stop()
	select {
	case <-w.inbox.many:
	case <-enough.C:
	}
}

// take makes rows of what waits. It reports whether nothing more will come.
func (w *writer) take() (over bool) {
	w.taken, over = w.inbox.take(w.taken[:0])
	for _, e := range w.taken {
		w.add(e)
	}
	clear(w.taken)
	return over
}

// add makes a row of an entry, or counts it into a flood.
func (w *writer) add(e *entry) {
	if e.source != "" && w.flooded(e) {
		w.free(e)
		return
	}
	w.rows = append(w.rows, e.row())
	w.held = append(w.held, e)
}

// stored frees what the rows have needed.
func (w *writer) stored() {
	for _, e := range w.held {
		w.free(e)
	}
	clear(w.held)
	clear(w.rows)
	w.rows, w.held = w.rows[:0], w.held[:0]
}

// free keeps an entry for another record, unless it has grown large.
func (w *writer) free(e *entry) {
	const kept = 16 << 10
	if cap(e.arguments) <= kept && cap(e.result) <= kept && cap(e.body) <= kept {
		w.pool.Put(e)
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

// flooded reports whether the refusal is one of many: then it is only counted.
func (w *writer) flooded(e *entry) bool {
	source := e.source
	if _, known := w.floods[source]; !known && len(w.floods) >= maxFloods {
		source = "others"
	}
	f := w.floods[source]
	if f == nil {
		w.floods[source] = &flood{until: e.started.Add(floodWindow)}
		return false
	}
	f.count++
	f.last = append(f.last[:0], e.body...)
	return true
}

// settle writes one record for each flood whose window is over.
func (w *writer) settle(now time.Time) {
	for source, f := range w.floods {
		if now.Before(f.until) {
			continue
		}
		delete(w.floods, source)
		if f.count > 0 {
			body := bytes.TrimSuffix(f.last, []byte("}"))
			body = strconv.AppendInt(append(body, `,"count":`...), int64(f.count), 10)
			w.rows = append(w.rows, Row{Body: append(body, '}')})
		}
	}
}

// store stores the rows; it keeps them, and has calls refused, while that fails.
func (w *writer) store(ctx context.Context) {
	if len(w.rows) == 0 {
		return
	}
	for {
		err := w.sink.AppendRecords(ctx, w.rows)
		if err == nil {
			w.failing.Store(false)
			w.stored()
			return
		}
		w.failing.Store(true)
		w.log.ErrorContext(ctx, "audit records cannot be stored; calls are refused until they can", slog.Any("error", err))
		if w.wait() {
			return // closing: finish tries once more
		}
	}
}

// wait waits before another try. It reports whether the log is closing.
func (w *writer) wait() bool {
	<-time.After(retry)
	return w.inbox.isClosed()
}

// finish stores what is left, within bounds.
func (w *writer) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	w.settle(time.Now().Add(2 * floodWindow))
	if len(w.rows) == 0 {
		return
	}
	if err := w.sink.AppendRecords(ctx, w.rows); err != nil {
		w.log.ErrorContext(ctx, "audit records are lost", slog.Int("records", len(w.rows)), slog.Any("error", err))
		w.err = errNotStored
	}
}
