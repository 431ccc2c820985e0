package route

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A Choice is the replicas among which calls of some names are shared out, and how. It is made for one rule and one server and lives
// as long as the policy and the configuration. Its methods may be called concurrently.
type Choice struct {
	router *Router
	rule   *Rule   // how; the rule of a server without one has its defaults
	lines  []*line // of the targets
	spare  []*line // of the failover, in order
	share  int     // in percent: see Health.MaxEjected
	budget budget

	mu     sync.Mutex
	credit map[*line]int64 // of round robin: how much each is owed
}

// A line leads to a replica of a target.
type line struct {
	replica *replica
	server  *server
	// name is what the target calls the thing; empty for what follows from the name that is called.
	name   string
	weight int64
}

// newChoice makes the lines of a rule for calls of things that the server has.
func (p *plan) newChoice(router *Router, rule *Rule, server string) *Choice {
	c := &Choice{router: router, rule: rule, credit: map[*line]int64{}, budget: newBudget(), share: 100}
	targets := rule.Targets
	if len(targets) == 0 {
		targets = []Target{{Server: server, Weight: 1}}
	}
	for _, t := range targets {
		c.lines = append(c.lines, p.lines(t)...)
	}
	for _, t := range rule.Failover {
		c.spare = append(c.spare, p.lines(t)...)
	}
	for _, l := range c.lines {
		c.share = min(c.share, l.replica.health.MaxEjected)
	}
	return c
}

// whole is what a weight of one comes to, so that the replicas of a target can share it.
const whole = 720720 // what all numbers to 16 divide

// lines returns those of a target, which have its weight together. A server that is not there any more has none.
func (p *plan) lines(t Target) []*line {
	s, replicas := p.find(t.Server)
	all := make([]*line, 0, len(replicas))
	for _, r := range replicas {
		all = append(all, &line{replica: r, server: s, name: t.Name, weight: int64(max(1, t.Weight)) * whole / int64(len(replicas))})
	}
	return all
}

// pick chooses the line of a call, nil if there is none. Usable tells which have what is called; those that were tried are left out.
func (c *Choice) pick(key string, tried []*replica, usable func(*line) bool) *line {
	open := func(all []*line) []*line {
		return slices.DeleteFunc(slices.Clone(all), func(l *line) bool {
			return slices.Contains(tried, l.replica) || !usable(l)
		})
	}
	now := time.Now()
	lines, spare := open(c.lines), open(c.spare)
	good, all := c.admit(lines, now)
	instead := slices.IndexFunc(spare, func(l *line) bool { return l.replica.verdict(now) == fit })
	switch {
	case len(good) == 0 && instead >= 0:
		return spare[instead]
	case instead >= 0:
		all = good
	}
	if len(all) == 0 {
		all = lines
	}
	if len(tried) > 0 && len(good) > 0 {
		all = good // what has failed elsewhere is not tried where it is known to fail
	}
	if len(all) == 0 {
		return first(spare)
	}
	return c.choose(all, key)
}

// first returns the first element, the zero value if there is none.
func first[T any](all []T) (one T) {
	if len(all) > 0 {
		one = all[0]
	}
	return one
}

// admit returns the lines that are fit, and those to be used: the same, unless more than the share of those that answer is ejected.
// Then the slow ones are used too, and if that is not enough, all that answer.
func (c *Choice) admit(lines []*line, now time.Time) (good, all []*line) {
	var late, bad []*line
	for _, l := range lines {
		switch l.replica.verdict(now) {
		case fit:
			good = append(good, l)
		case slow:
			late = append(late, l)
		case failing:
			bad = append(bad, l)
		case away:
		}
	}
	most := (len(good) + len(late) + len(bad)) * c.share
	switch {
	case (len(late)+len(bad))*100 <= most:
		return good, good
	case len(bad)*100 <= most && len(good)+len(late) > 0:
		return good, slices.Concat(good, late)
	default:
		return good, slices.Concat(good, late, bad)
	}
}

// choose takes one of the lines by the rule's strategy; there is at least one.
func (c *Choice) choose(lines []*line, key string) *line {
	if lines = c.preferred(lines); len(lines) == 1 {
		return lines[0]
	}
	switch c.rule.Strategy {
	case LeastPending:
		return leastBusy(lines)
	case RandomTwo:
		a := draw(lines)
		b := draw(slices.DeleteFunc(slices.Clone(lines), func(l *line) bool { return l == a }))
		return leastBusy([]*line{a, b})
	case StickyRoot, StickyKey:
		return slices.MaxFunc(lines, func(a, b *line) int {
			return cmp.Compare(score(key, a.id(), a.weight), score(key, b.id(), b.weight))
		})
	default:
		return c.next(lines)
	}
}

// preferred returns the lines to the replicas with the best score, where the rule wants that.
func (c *Choice) preferred(lines []*line) []*line {
	if c.rule.Prefer != PreferScore || c.router.opts.Score == nil || len(lines) < 2 {
		return lines
	}
	var best []*line
	most := 0
	for _, l := range lines {
		switch score := c.router.opts.Score(l.replica.name); {
		case best == nil || score > most:
			best, most = []*line{l}, score
		case score == most:
			best = append(best, l)
		}
	}
	return best
}

// id names a line for good: hashes depend on it.
func (l *line) id() string { return l.replica.name + "\x00" + l.name }

// leastBusy returns the line with the fewest calls in flight by its weight; of equals any.
func leastBusy(lines []*line) *line {
	at := rand.IntN(len(lines)) //nolint:gosec // no secret depends on it
	best := lines[at]
	least := best.replica.pending.Load()
	for i := range lines {
		l := lines[(at+i)%len(lines)]
		if n := l.replica.pending.Load(); n*best.weight < least*l.weight {
			best, least = l, n
		}
	}
	return best
}

// draw returns a line by chance, as often as its weight says.
func draw(lines []*line) *line {
	total := int64(0)
	for _, l := range lines {
		total += l.weight
	}
	at := rand.Int64N(total) //nolint:gosec // no secret depends on it
	for _, l := range lines {
		if at -= l.weight; at < 0 {
			return l
		}
	}
	return lines[0]
}

// next goes through the lines in turn, so that those with little weight stand between the others and not in a row after them: each
// is owed its weight at every turn, the one that is owed the most gets it and pays for all.
func (c *Choice) next(lines []*line) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, total := lines[0], int64(0)
	for _, l := range lines {
		c.credit[l] += l.weight
		total += l.weight
		if c.credit[l] > c.credit[best] {
			best = l
		}
	}
	c.credit[best] -= total
	return best
}

// A budget bounds how many calls are made again, so that a server in trouble is not given more to do than usual.
type budget struct {
	mu   sync.Mutex
	left float64
}

// The budget: a fifth of all calls, and a few at once.
const (
	budgetShare = 0.2
	budgetMost  = 10
)

func newBudget() budget { return budget{left: budgetMost} }

// earn notes a call.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.left+budgetShare, budgetMost)
}

// spend reports whether a call may be made again.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
