package route

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// usedLately is how long after its last call a server counts as used: replicas of others are not asked whether they are there.
const usedLately = 5 * time.Minute

// checks asks replicas now and then whether they are there. The zero value, with a root, is ready.
type checks struct {
	root context.Context //nolint:containedctx // of the router

	mu      sync.Mutex
	end     context.CancelFunc
	closed  bool // no further ones begin
	running sync.WaitGroup
}

// replace checks the replicas of a plan, and those of the one before no more. Only servers with replicas, and those that the policy
// names, have others to be used in the place of one that is not there.
func (c *checks) replace(r *Router, p *plan) {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed { // a call that was in flight has changed the policy
		return
	}
	ctx, end := context.WithCancel(c.root)
	c.end = end
	for _, s := range p.servers {
		if s.Health.Interval <= 0 || len(s.replicas) == 1 && !p.policy.names(s.Name) {
			continue
		}
		for _, one := range s.replicas {
			c.running.Go(func() { r.watch(ctx, s, one) })
		}
	}
}

// close is stop for good.
func (c *checks) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
}

// stop ends the checks and waits for them.
func (c *checks) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		c.end()
		c.running.Wait()
		c.end = nil
	}
}

// names reports whether a server is a target of the policy.
func (p *Policy) names(server string) bool {
	for i := range p.Rules {
		for _, targets := range [...][]Target{p.Rules[i].Targets, p.Rules[i].Failover} {
			for _, t := range targets {
				if ServerOf(t.Server) == server {
					return true
				}
			}
		}
	}
	return false
}

// watch checks one replica until ctx ends: while its server is used and it is not.
func (r *Router) watch(ctx context.Context, s *server, one *replica) {
	timer := time.NewTimer(jitter(s.Health.Interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			if now.Sub(time.Unix(0, s.used.Load())) < usedLately && one.idle(now) {
				r.check(ctx, one)
			}
		}
		timer.Reset(jitter(s.Health.Interval))
	}
}

// check asks a replica once.
func (r *Router) check(ctx context.Context, one *replica) {
	asking, cancel := context.WithTimeout(ctx, one.health.Timeout)
	defer cancel()
	err := r.opts.Ping(asking, one.name)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.opts.Log.DebugContext(ctx, "a replica did not answer a check", slog.String("replica", one.name), slog.Any("error", err))
	}
	one.checked(err == nil)
}

// jitter returns a time about d, so that instances and replicas do not ask in step.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d)/5+1)) //nolint:gosec // no secret depends on it
}
