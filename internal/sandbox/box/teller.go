package box

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A teller tells of acts, and not of more than people and stores can take. It tells of one after the other.
type teller struct {
	hooks Hooks
	limit *rate.Limiter

	mu               sync.Mutex
	refused, watched int // dropped since the last that was told
}

// How much is told.
const (
	toldPerSecond = 50
	toldAtOnce    = 500
	longestDetail = 512
)

func newTeller(hooks Hooks) *teller {
	return &teller{hooks: hooks, limit: rate.NewLimiter(toldPerSecond, toldAtOnce)}
}

func (t *teller) refusal(a Act) {
	if t.hooks.Refused == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.limit.Allow() {
		t.refused++
		return
	}
	t.rest()
	t.hooks.Refused(Refusal(shorten(a)))
}

func (t *teller) act(a Act) {
	if t.hooks.Watched == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.limit.Allow() {
		t.watched++
		return
	}
	t.rest()
	t.hooks.Watched(shorten(a))
}

// rest tells how much was dropped.
func (t *teller) rest() {
	if n := t.refused; n > 0 {
		t.refused = 0
		t.hooks.Refused(Refusal{Kind: KindLimit, Detail: strconv.Itoa(n) + " refusals came too fast to be told", At: time.Now()})
	}
	if n := t.watched; n > 0 {
		t.watched = 0
		t.hooks.Watched(Act{Kind: KindLimit, Detail: strconv.Itoa(n) + " acts came too fast to be told", At: time.Now()})
	}
}

func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest()
}

func shorten(a Act) Act {
	if len(a.Detail) > longestDetail {
		a.Detail = a.Detail[:longestDetail] + "…"
	}
	return a
}
