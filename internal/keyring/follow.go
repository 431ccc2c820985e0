package keyring

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// follow asks the store for changes until ctx ends.
func (r *Ring) follow(ctx context.Context) {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.call:
			if !rest(ctx, gap-time.Since(asked)) {
				return
			}
		}
		asked = time.Now()
		err := r.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		r.tell(ctx, err)
		timer.Reset(interval)
	}
}

// rest waits, and reports whether ctx has not ended.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tell says when the store stops answering, and when it answers again.
func (r *Ring) tell(ctx context.Context, err error) {
	switch was := r.failing.Swap(err != nil); {
	case err != nil && !was:
		r.Log.ErrorContext(ctx, "the store does not say which keys hold; soon those who show one are refused", slog.Any("error", err))
	case err == nil && was:
		r.Log.InfoContext(ctx, "the store says again which keys hold")
	}
	if err != nil && r.age() > fresh+time.Duration(r.grace.Load())+abandon {
		r.forget()
	}
}

// ask asks the store once, and takes over what has changed. Who waits for that is told.
func (r *Ring) ask(ctx context.Context) error {
	r.mu.Lock()
	round := r.round
	r.round = make(chan struct{})
	r.mu.Unlock()
	defer close(round)
	r.expire(time.Now())
	asked := time.Since(r.epoch)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changes, err := r.Store.KeyChanges(ctx, r.revision)
	if err != nil {
		return err
	}
	r.take(changes)
	r.confirmed.Store(int64(asked))
	return nil
}

// take takes over what has changed.
func (r *Ring) take(c Changes) {
	var add, remove []*held
	now, stay := time.Now(), make(map[string]bool, len(c.Keys))
	for i := range c.Keys {
		stay[c.Keys[i].ID] = true
		more, less := r.change(&c.Keys[i], now)
		add, remove = append(add, more...), append(remove, less...)
	}
	if c.All {
		maps.DeleteFunc(r.entries, func(id string, e *entry) bool {
			if !stay[id] {
				remove = append(remove, e.held...)
			}
			return !stay[id]
		})
	}
	r.put(add, remove)
	r.revision = c.Revision
	if len(c.Keys) > 0 || c.All {
		r.plan()
	}
}

// change puts a key in the place of what it was before, and returns the secrets that come and go. A secret that stays is another held,
// but the same to those who wait for its end, unless what the key may do has changed: what goes on by the old rules ends then.
func (r *Ring) change(k *Key, now time.Time) (add, remove []*held) {
	old := r.entries[k.ID]
	e := &entry{key: *k}
	e.use.ring, e.use.id = &r.uses, k.ID
	if old != nil {
		remove = old.held
	}
	for _, s := range k.Secrets {
		ends := k.ends(s)
		if k.Over(now) || !ends.IsZero() && !now.Before(ends) {
			continue
		}
		h := &held{hash: s.Hash, entry: e, over: make(chan struct{})}
		if !ends.IsZero() {
			h.ends = ends.UnixMilli()
		}
		if i := slices.IndexFunc(remove, func(o *held) bool { return o.hash == h.hash }); i >= 0 && sameRights(&old.key, k) {
			h.over = remove[i].over
			remove = slices.Delete(slices.Clone(remove), i, i+1)
		}
		e.held = append(e.held, h)
	}
	if len(e.held) == 0 {
		delete(r.entries, k.ID)
	} else {
		r.entries[k.ID] = e
	}
	return e.held, remove
}

func sameRights(a, b *Key) bool {
	return slices.Equal(a.Scopes, b.Scopes) && slices.Equal(a.Roles, b.Roles)
}

// plan notes when a secret is over next.
func (r *Ring) plan() {
	var next int64
	for _, e := range r.entries {
		for _, h := range e.held {
			if h.ends != 0 && (next == 0 || h.ends < next) {
				next = h.ends
			}
		}
	}
	if r.next = (time.Time{}); next != 0 {
		r.next = time.UnixMilli(next)
	}
}

// expire takes out the secrets that are over.
func (r *Ring) expire(now time.Time) {
	if r.next.IsZero() || now.Before(r.next) {
		return
	}
	var over []*held
	for id, e := range r.entries {
		e.held = slices.DeleteFunc(e.held, func(h *held) bool {
			ended := h.ends != 0 && now.UnixMilli() >= h.ends
			if ended {
				over = append(over, h)
			}
			return ended
		})
		if len(e.held) == 0 {
			delete(r.entries, id)
		}
	}
	r.put(nil, over)
	r.plan()
}

// forget lets go of all keys: for too long nobody knew which of them hold. What goes on with them ends.
func (r *Ring) forget() {
	if r.revision = 0; len(r.entries) == 0 {
		return
	}
	var all []*held
	for _, e := range r.entries {
		all = append(all, e.held...)
	}
	clear(r.entries)
	r.put(nil, all)
	r.next = time.Time{}
}
