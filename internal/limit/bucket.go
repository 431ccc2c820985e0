package limit

import (
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// busy is after what time it is worth trying again where too many calls run: nobody knows when one ends.
	busy = 250 * time.Millisecond
	// debt is the most that can be owed, as the time in which it is made up for.
	debt = time.Minute
)

// A bucket is what is left of a rule.
type bucket struct {
	calls, bytes *rate.Limiter
	running      atomic.Int64
	rule         atomic.Pointer[Rule] // that the limiters were last set to
}

// newBucket returns a full one.
func newBucket(rule *Rule) *bucket {
	b := &bucket{calls: rate.NewLimiter(perSecond(rule.Rate), rule.Burst), bytes: rate.NewLimiter(perSecond(rule.Bytes), most(rule.Bytes))}
	b.rule.Store(rule)
	return b
}

// perSecond is a bound of x/time/rate; zero stands for none here.
func perSecond(n float64) rate.Limit {
	if n == 0 {
		return rate.Inf
	}
	return rate.Limit(n)
}

// most is how many bytes a bucket holds: those of a second.
func most(perSecond float64) int { return int(max(1, math.Min(perSecond, 1<<50))) }

// follow has the bucket follow another rule. What was used up under the one before stays used up.
func (b *bucket) follow(rule *Rule, now time.Time) {
	if b.rule.Load() == rule {
		return
	}
	b.calls.SetLimitAt(now, perSecond(rule.Rate))
	b.calls.SetBurstAt(now, rule.Burst)
	b.bytes.SetLimitAt(now, perSecond(rule.Bytes))
	b.bytes.SetBurstAt(now, most(rule.Bytes))
	b.rule.Store(rule)
}

// take takes one call out of it, or says how long there is none.
func (b *bucket) take(rule *Rule, now time.Time, runs bool) time.Duration {
	b.follow(rule, now)
	if runs && b.running.Add(1) > int64(rule.Concurrent) && rule.Concurrent > 0 {
		b.leave()
		return busy
	}
	wait := time.Duration(0)
	switch {
	case rule.Bytes > 0 && b.bytes.TokensAt(now) <= 0:
		wait = after((1 - b.bytes.TokensAt(now)) / rule.Bytes)
	case rule.Rate > 0 && !b.calls.AllowN(now, 1):
		wait = after((1 - b.calls.TokensAt(now)) / rule.Rate)
	}
	if wait > 0 && runs {
		b.leave()
	}
	return wait
}

// after is a number of seconds, at least a nanosecond of them and at most a day.
func after(seconds float64) time.Duration {
	return time.Duration(max(1, math.Min(seconds, 86400)*float64(time.Second)))
}

// weigh takes bytes out of it, which were let through already: the next call waits until they are made up for.
func (b *bucket) weigh(rule *Rule, now time.Time, n int) {
	if rule.Bytes == 0 {
		return
	}
	share := most(rule.Bytes)
	for n = min(n, share*int(debt/time.Second)); n > 0; n -= share {
		b.bytes.ReserveN(now, min(n, share))
	}
}

// leave ends a call that runs.
func (b *bucket) leave() { b.running.Add(-1) }

// whole reports whether a new one would be no other: nothing is used up, and nothing runs.
func (b *bucket) whole(now time.Time) bool {
	full := func(l *rate.Limiter) bool { return l.Limit() == rate.Inf || l.TokensAt(now) >= float64(l.Burst()) }
	return b.running.Load() == 0 && full(b.calls) && full(b.bytes)
}
