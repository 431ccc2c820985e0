package route

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// How replicas are judged, beside what Health says.
const (
	window       = 30 * time.Second // over which failures are counted
	bucket       = 3 * time.Second
	fewest       = 20 // calls in the window before their share of failures counts
	longestPause = 5 * time.Minute
	calm         = 5 * time.Minute // after which an earlier ejection is forgotten
	sickAfter    = 2               // checks in a row that failed
)

// A Health says when a replica is taken out, and how it is looked after.
type Health struct {
	// Interval is how often a replica without calls is asked whether it is there; 0 never does.
	Interval time.Duration
	// Timeout is how long the answer may take.
	Timeout time.Duration
	// Failures is how many calls in a row must fail for a replica to be ejected.
	Failures int
	// ErrorRate is the share of calls, in percent, that must fail within half a minute for the same; 0 leaves it out.
	ErrorRate int
	// Latency is how many times slower than the other replicas one must be for the same; 0 leaves it out.
	Latency int
	// Pause is how long an ejected replica stays out at first. It grows with each time.
	Pause time.Duration
	// MaxEjected is the share of replicas, in percent, that may be out at once: if it were more, all are used.
	MaxEjected int
}

// DefaultHealth returns what holds where nothing else is said.
func DefaultHealth() Health {
	return Health{
		Interval: 10 * time.Second, Timeout: 2 * time.Second,
		Failures: 5, ErrorRate: 50, Latency: 4, Pause: 5 * time.Second, MaxEjected: 50,
	}
}

// Why a replica is out.
const (
	whyFailing = "calls fail"
	whySlow    = "slower than the others"
)

// A replica is one running copy of a server, and what is known of it. Its methods may be called concurrently.
type replica struct {
	name   string // as egress knows it
	server string
	id     string // what it is: another one of the same name is another replica
	health Health
	// disabled says that it is not to be called: it is never there.
	disabled bool

	pending  atomic.Int64
	calls    atomic.Int64
	failures atomic.Int64
	ejected  atomic.Int64 // how often
	// breaker counts calls and their failures, and lets one through when the shortest pause is over. It calls changed.
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu sync.Mutex
	// down says that there is no session with it, sick that it has not answered the last checks.
	down   bool
	missed int // checks in a row
	// until is when the pause of an ejected replica is over. From then on it is on trial, with one call at a time, until it has
	// proved that it is well: probes counts the calls of a trial that wait for an answer.
	until   time.Time
	trial   bool
	probes  int
	why     string
	pauses  int // ejections without calm between them
	latency samples
	heard   time.Time // when a call or a check was last answered
}

func newReplica(server *Server, name string) *replica {
	r := &replica{name: name, server: server.Name, id: server.ID, health: server.Health, disabled: server.Disabled}
	r.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 1, Interval: window, BucketPeriod: bucket, Timeout: r.health.Pause,
		ReadyToTrip:   r.hasFailed,
		OnStateChange: r.changed,
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return err == errNeutral }, //nolint:errorlint // the value itself
	})
	return r
}

// hasFailed reports whether calls have failed often enough for an ejection.
func (r *replica) hasFailed(c gobreaker.Counts) bool {
	done := c.TotalSuccesses + c.TotalFailures
	return int(c.ConsecutiveFailures) >= r.health.Failures ||
		r.health.ErrorRate > 0 && done >= fewest && int(c.TotalFailures)*100 >= int(done)*r.health.ErrorRate
}

// changed takes note of what the breaker has found out. The breaker's lock is held, so that nothing here may call it.
func (r *replica) changed(_ string, _, to gobreaker.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		r.eject(whyFailing)
	case gobreaker.StateClosed:
		r.trial, r.why = false, ""
	default: // the pause decides
	}
}

// eject takes the replica out for a pause, each time for longer. The lock is held.
func (r *replica) eject(why string) {
	now := time.Now()
	if now.Sub(r.until) > calm {
		r.pauses = 0
	}
	pause := longestPause
	if r.pauses < 16 {
		pause = min(r.health.Pause<<r.pauses, longestPause)
	}
	r.pauses++
	pause += time.Duration(rand.Int64N(int64(pause)/10 + 1)) //nolint:gosec // so that replicas do not come back all at once
	r.until, r.trial, r.why = now.Add(pause+time.Millisecond), true, why
	r.latency.clear()
	r.ejected.Add(1)
}

// ejectSlow takes a replica out that is slower than the others, unless it is out already.
func (r *replica) ejectSlow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.trial || r.why == whySlow && !time.Now().Before(r.until) {
		r.eject(whySlow)
	}
}

// proved notes that a replica that was slow is no slower than the others any more.
func (r *replica) proved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == whySlow && !time.Now().Before(r.until) {
		r.trial, r.why = false, ""
	}
}

// A verdict says whether calls may go to a replica.
type verdict uint8

const (
	fit     verdict = iota
	slow            // ejected since it is slow
	failing         // ejected since calls failed
	away            // there is no session with it, or it does not answer
)

// verdict judges the replica now. One on trial is fit while no call is there.
func (r *replica) verdict(now time.Time) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.isAway():
		return away
	case !r.trial || !now.Before(r.until) && r.probes == 0:
		return fit
	case r.why == whySlow:
		return slow
	default:
		return failing
	}
}

// isAway is called with the lock held.
func (r *replica) isAway() bool { return r.disabled || r.down || r.missed >= sickAfter }

// set notes whether there is a session with the replica. One that has come back need not prove anything by checks.
func (r *replica) set(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if up && r.down {
		r.missed = 0
	}
	r.down = !up
}

// checked notes the outcome of a check.
func (r *replica) checked(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.missed++
		return
	}
	r.missed, r.heard = 0, time.Now()
}

// idle reports whether the replica has answered nothing for as long as checks are apart.
func (r *replica) idle(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.heard) >= r.health.Interval
}

// begin counts a call that goes there. The function ends it, with how it went; a call that says how fast it was answered is measured.
func (r *replica) begin() func(o outcome, took time.Duration) {
	r.pending.Add(1)
	r.calls.Add(1)
	done, refused := r.breaker.Allow()
	probes := r.probe()
	return func(o outcome, took time.Duration) {
		// The breaker first: what it finds out of a trial must be known before the next call is let through.
		if refused == nil {
			done(o.error())
		}
		switch o {
		case failed:
			r.failures.Add(1)
		case succeeded:
			r.answered(took)
		case neutral:
		}
		r.pending.Add(-1)
		if probes {
			r.probed()
		}
	}
}

// probe reports whether a call that begins now is one of a trial; then probed is to be called when it has ended.
func (r *replica) probe() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.trial || time.Now().Before(r.until) {
		return false
	}
	r.probes++
	return true
}

func (r *replica) probed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probes--
}

func (r *replica) answered(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed, r.heard = 0, time.Now()
	if out := r.trial && r.heard.Before(r.until); took > 0 && !out { // calls from before an ejection say nothing of what follows
		r.latency.add(r.heard, took)
	}
}
