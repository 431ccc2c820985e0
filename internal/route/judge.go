package route

import (
	"slices"
	"time"
)

// How a replica's speed is compared with that of the others.
const (
	mostSamples  = 32
	judgeEvery   = 8                     // answers
	fewestJudged = 8                     // answers without which a replica is neither judged nor a standard for others
	leastLag     = 20 * time.Millisecond // that a replica must be slower by, however fast the others are
	oldest       = 2 * time.Minute       // of answers that count
)

// samples are how long the last calls of a replica took. The zero value is ready.
type samples struct {
	all  [mostSamples]sample
	n    int // since they were cleared
	next int
}

type sample struct {
	at   time.Time
	took time.Duration
}

func (s *samples) add(at time.Time, took time.Duration) {
	s.all[s.next] = sample{at, took}
	s.next = (s.next + 1) % mostSamples
	s.n++
}

func (s *samples) clear() { *s = samples{} }

// median returns the middle of what is not too old; it reports false where that is too little.
func (s *samples) median(now time.Time) (time.Duration, bool) {
	var fresh []time.Duration
	for _, one := range s.all[:min(s.n, mostSamples)] {
		if now.Sub(one.at) < oldest {
			fresh = append(fresh, one.took)
		}
	}
	if len(fresh) < fewestJudged {
		return 0, false
	}
	return middle(fresh), true
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// speed returns the median time that the replica's calls take, and whether it is time to compare it.
func (r *replica) speed(now time.Time) (median time.Duration, known, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	median, known = r.latency.median(now)
	return median, known, known && r.latency.n%judgeEvery == 0
}

// compare ejects a replica of the server that is much slower than the median of the others, and lets one on trial go that is not.
// It is called after each answer, and looks now and then.
func (s *server) compare(r *replica) {
	if r.health.Latency == 0 || len(s.replicas) < 2 {
		return
	}
	now := time.Now()
	its, _, due := r.speed(now)
	if !due {
		return
	}
	var others []time.Duration
	for _, o := range s.replicas {
		if o == r {
			continue
		}
		if median, known, _ := o.speed(now); known && o.verdict(now) == fit {
			others = append(others, median)
		}
	}
	if len(others) == 0 {
		return
	}
	if standard := middle(others); its/time.Duration(r.health.Latency) > standard && its-standard > leastLag {
		r.ejectSlow()
		return
	}
	r.proved()
}
