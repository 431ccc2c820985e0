package route

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// state is what mcp.routing tells.
type state struct {
	Revision int64           `json:"revision"`
	By       string          `json:"by"`
	At       *time.Time      `json:"at,omitempty"`
	Policy   json.RawMessage `json:"policy"`
	Targets  []TargetState   `json:"targets"`
}

// A TargetState is how one replica is, as the router judges it.
type TargetState struct {
	// Name is the replica's; Server that of its server.
	Name   string `json:"target"`
	Server string `json:"server"`
	// State is healthy, ejected, trial (its pause is over, and it has one call at a time) or away (there is no session with it, or it
	// does not answer).
	State string `json:"state"`
	// Reason is why it is ejected or was, and Until when its pause is over.
	Reason string     `json:"reason,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	// Pending is how many calls wait for an answer; Calls, Failures and Ejections are counted since the server was configured.
	Pending   int64 `json:"pending"`
	Calls     int64 `json:"calls"`
	Failures  int64 `json:"failures"`
	Ejections int64 `json:"ejections"`
	// LatencyMs is the median of the last calls; 0 where it is not known.
	LatencyMs float64 `json:"latencyMs,omitempty"`
}

// state returns the policy in force and how the targets are.
func (r *Router) state() state {
	r.changing.Lock()
	revision := r.revision
	r.changing.Unlock()
	now := state{Revision: revision.Number, By: cmp.Or(revision.By, FromFile), Policy: revision.Policy, Targets: r.Targets()}
	if len(revision.Policy) == 0 {
		now.Policy = json.RawMessage("{}")
	}
	if !revision.At.IsZero() {
		now.At = &revision.At
	}
	return now
}

// Targets returns how the replicas are that calls can be shared out among, in the order of their names: those of servers with several,
// and those that the policy names.
func (r *Router) Targets() []TargetState {
	p := r.plan.Load()
	all := []TargetState{}
	for _, one := range p.replicas {
		if s := p.servers[one.server]; len(s.replicas) > 1 || p.policy.names(s.Name) {
			all = append(all, one.state())
		}
	}
	slices.SortFunc(all, func(a, b TargetState) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Retries returns how many calls were made again at another replica.
func (r *Router) Retries() int64 { return r.retries.Load() }

func (r *replica) state() TargetState {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := TargetState{
		Name: r.name, Server: r.server, State: "healthy", Reason: r.why, Pending: r.pending.Load(), Calls: r.calls.Load(),
		Failures: r.failures.Load(), Ejections: r.ejected.Load(),
	}
	switch {
	case r.isAway():
		t.State = "away"
	case r.trial && now.Before(r.until):
		t.State = "ejected"
		until := r.until.UTC()
		t.Until = &until
	case r.trial:
		t.State = "trial"
	}
	if median, ok := r.latency.median(now); ok {
		t.LatencyMs = float64(median.Microseconds()) / 1000
	}
	return t
}

// Offered returns the names that the policy may give to things of servers: those of its rules without a star that have targets.
func (r *Router) Offered() []mcp.Offered {
	var all []mcp.Offered
	rules := r.plan.Load().policy.Rules
	for i := range rules {
		rule := &rules[i]
		if len(rule.Targets) == 0 || isPattern(rule.Pattern) {
			continue
		}
		o := mcp.Offered{Name: rule.Pattern}
		for _, t := range slices.Concat(rule.Targets, rule.Failover) {
			o.Of = append(o.Of, mcp.Destination{Server: ServerOf(t.Server), Name: cmp.Or(t.Name, AfterDot(rule.Pattern))})
		}
		all = append(all, o)
	}
	return all
}

// Observe tells what instruments show of each replica.
func (r *Router) Observe(tell func(replica, state string, pending, ejections int64)) {
	for _, t := range r.Targets() {
		tell(t.Name, t.State, t.Pending, t.Ejections)
	}
}
