package approve

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// A watcher looks at the store for what other instances have done, and for what those have left behind that are no more.
type watcher struct {
	*Approvals

	// beaten is when the store was told last that our calls wait.
	beaten time.Time
	// strangers are the requests of other instances, as they were when they changed last.
	strangers map[string]stranger
	// sweeping says that requests of others may wait, though this instance needs nobody's approval.
	sweeping bool
	// silent says that the store has not answered, which is logged already.
	silent bool
}

// A stranger is a request of another instance. That has the call as long as the beat grows: no clock is compared with another.
type stranger struct {
	beat  int64
	since time.Time
}

func (a *Approvals) follow(ctx context.Context) {
	w := &watcher{Approvals: a, sweeping: true}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if err := w.look(ctx); ctx.Err() != nil {
			return
		} else if silent := err != nil; silent != w.silent {
			if w.silent = silent; silent {
				w.strangers = nil // who could not be heard is not dead
				a.Log.ErrorContext(ctx, "the store does not tell what is decided about calls that wait for approval", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look hears what is decided about the calls that wait here, and twice a second what else there is.
func (w *watcher) look(ctx context.Context) error {
	since, some := w.oldest()
	if some {
		settled, err := w.Store.SettledApprovals(ctx, w.Instance, since)
		if err != nil {
			return err
		}
		for i := range settled {
			w.tell(settled[i])
		}
	}
	if now := time.Now(); now.Sub(w.beaten) >= beat {
		w.beaten = now
		if some {
			if err := w.Store.BeatApprovals(ctx, w.Instance); err != nil {
				return err
			}
		}
		if some || w.sweeping || !w.policy.Load().idle() {
			return w.sweep(ctx, now)
		}
	}
	return nil
}

// oldest returns when the call that waits longest began to, and whether one does.
func (w *watcher) oldest() (since time.Time, some bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.waiting {
		if !some || one.request.Asked.Before(since) {
			since, some = one.request.Asked, true
		}
	}
	return since, some
}

// sweep ends the requests whose calls nobody holds any more: their instance has died, or could not store that they are over.
func (w *watcher) sweep(ctx context.Context, now time.Time) error {
	waiting, err := w.Store.WaitingApprovals(ctx)
	if err != nil {
		return err
	}
	seen := make(map[string]stranger, len(waiting))
	w.sweeping = false
	for i := range waiting {
		r := &waiting[i]
		if r.Instance == w.Instance {
			if !w.holds(r.ID) {
				w.bury(ctx, r)
			}
			continue
		}
		s, known := w.strangers[r.ID]
		if !known || s.beat != r.Beat {
			s = stranger{r.Beat, now}
		}
		if now.Sub(s.since) >= stale {
			w.bury(ctx, r)
			continue
		}
		seen[r.ID], w.sweeping = s, true
	}
	w.strangers = seen
	return nil
}

func (w *watcher) holds(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting[id] != nil
}

// bury settles a request whose call is gone.
func (w *watcher) bury(ctx context.Context, r *Request) {
	s := &Settlement{State: Expired, Decision: Decision{Reason: "the gateway that held the call is gone", At: time.Now()}}
	settled, err := w.Store.SettleApproval(ctx, r.ID, s)
	switch {
	case errors.Is(err, ErrSettled):
	case err != nil:
		w.Log.WarnContext(ctx, "a request for approval whose call is gone cannot be ended", slog.String("approval", r.ID), slog.Any("error", err))
	default:
		_ = w.record(ctx, "approval.expired", &settled) // which has logged it
	}
}
