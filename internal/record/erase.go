package record

import (
	"context"
	"log/slog"
	"sort"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
)

const (
	// portion is how many records are gone through in one step of erasing, so that nobody
	// waits long to write meanwhile.
	portion = 5000
	// eraseEvery is how often a gateway looks for payloads that have been kept for long enough.
	eraseEvery = time.Hour
	// eraseFirst is how soon after its start.
	eraseFirst = time.Minute
)

// erase erases what is kept beside the records of calls before the time of r. That it
// was done is on record itself.
func (b *Book) erase(ctx context.Context, r Request, now time.Time) error {
	to, err := ParseTime(r.to, now)
	if err == nil && to.IsZero() {
		err = badRequest("say with --to up to when, as in --to 2160h for all that is older than 90 days")
	}
	if err != nil {
		return err
	}
	e := eraser{store: b.Store}
	erased, err := e.upTo(ctx, to)
	if err != nil || erased == 0 {
		return err
	}
	w := &Witness{Config: b.config, Store: b.Store}
	return w.Event(ctx, erasure(erased, to))
}

// erasure is the event that payloads were erased.
func erasure(records int64, to time.Time) audit.Event {
	return audit.Event{Kind: audit.RecordErased, Detail: map[string]any{"records": records, "until": to.UTC().Format(time.RFC3339Nano)}}
}

// An eraser erases payloads. It goes through no record twice.
type eraser struct {
	store Store
	done  int64 // up to which record everything is erased
}

// upTo erases the payloads of the records of before a time, and returns of how many.
func (e *eraser) upTo(ctx context.Context, to time.Time) (erased int64, err error) {
	last, err := e.before(ctx, to)
	for ; err == nil && e.done < last; e.done = min(e.done+portion, last) {
		var n int64
		if n, err = e.store.ErasePayloads(ctx, e.done, min(e.done+portion, last)); err != nil {
			break
		}
		erased += n
	}
	return erased, err
}

// before returns the number of the last record of before a time. Records stand in the
// order of their times but for calls that took long.
func (e *eraser) before(ctx context.Context, to time.Time) (int64, error) {
	last, err := e.store.LastRecord(ctx)
	if err != nil || last <= e.done {
		return e.done, err
	}
	n := sort.Search(int(last-e.done), func(i int) bool {
		at, failed := e.timeAfter(ctx, e.done+int64(i))
		if failed != nil {
			err = failed
		}
		return !at.Before(to)
	})
	return e.done + int64(n), err
}

// timeAfter is the time of the first record above a number that has one.
func (e *eraser) timeAfter(ctx context.Context, seq int64) (time.Time, error) {
	for r, err := range e.store.SealedRecords(ctx, seq) {
		if err != nil {
			return time.Time{}, err
		}
		entry := read(r)
		if at := entry.Time(); !at.IsZero() {
			return at, nil
		}
	}
	return time.Now(), nil
}

// A keeper erases payloads that were kept for long enough, for as long as a gateway runs.
type keeper struct {
	eraser

	log    *audit.Log
	tell   *slog.Logger
	retain atomic.Int64 // a time.Duration; 0 for ever
}

// run erases until ctx ends.
func (k *keeper) run(ctx context.Context) {
	next := time.NewTimer(eraseFirst)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(eraseEvery)
		if retain := time.Duration(k.retain.Load()); retain > 0 {
			k.erase(ctx, time.Now().Add(-retain))
		}
	}
}

// erase erases the payloads of before a time.
func (k *keeper) erase(ctx context.Context, to time.Time) {
	erased, err := k.upTo(ctx, to)
	if erased > 0 {
		if told := k.log.Event(ctx, erasure(erased, to)); err == nil {
			err = told
		}
	}
	if err != nil && ctx.Err() == nil {
		k.tell.ErrorContext(ctx, "payloads beside audit records cannot be erased; it is tried again in an hour", slog.Time("until", to), slog.Any("error", err))
	}
}
