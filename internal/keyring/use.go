package keyring

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// uses are what is still to be written of the uses of keys.
type uses struct {
	mu    sync.Mutex
	dirty []*use // those that were used since they were written
}

// A use counts the uses of one key since they were written.
type use struct {
	ring  *uses
	id    string
	times atomic.Int64
	last  atomic.Int64 // in milliseconds of Unix time
}

// count counts one use. Only the first since the last writing takes a lock.
func (u *use) count(now int64) {
	if last := u.last.Load(); now > last {
		u.last.Store(now)
	}
	if u.times.Add(1) > 1 {
		return
	}
	u.ring.mu.Lock()
	u.ring.dirty = append(u.ring.dirty, u)
	u.ring.mu.Unlock()
}

// take returns what is to be written.
func (u *uses) take() []Use {
	u.mu.Lock()
	dirty := u.dirty
	u.dirty = make([]*use, 0, cap(dirty))
	u.mu.Unlock()
	all := make([]Use, len(dirty))
	for i, one := range dirty {
		times := one.times.Swap(0)
		all[i] = Use{ID: one.id, Times: times, Last: time.UnixMilli(one.last.Load())}
	}
	return all
}

// writeUses writes the uses behind the calls, now and then and at the end.
func (r *Ring) writeUses(ctx context.Context) {
	ticker := time.NewTicker(behind)
	defer ticker.Stop()
	var left []Use // what could not be written, by key once each
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		left = merge(left, r.uses.take())
		if len(left) == 0 {
			continue
		}
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), behind)
		err := r.Store.UseKeys(writing, left)
		cancel()
		if err != nil {
			r.Log.WarnContext(ctx, "how often keys were used could not be written; it is tried again", slog.Any("error", err))
			continue
		}
		left = left[:0]
	}
}

// merge adds uses to others, a key once.
func merge(left, more []Use) []Use {
	if len(left) == 0 {
		return more
	}
	at := make(map[string]int, len(left))
	for i, u := range left {
		at[u.ID] = i
	}
	for _, u := range more {
		i, ok := at[u.ID]
		if !ok {
			at[u.ID] = len(left)
			left = append(left, u)
			continue
		}
		left[i].Times += u.Times
		if u.Last.After(left[i].Last) {
			left[i].Last = u.Last
		}
	}
	return left
}
