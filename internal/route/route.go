// Package route says which server, and which replica of a server, a call goes to: by the policy of mcp.routing, by how the replicas
// are, and by what is kept where. It decides and judges; egress, which knows each replica as a server of its own, does the sending.
//
// A replica is taken out when calls of it fail, or when it is much slower than the others, and comes back after a pause that grows,
// at first with one call at a time. One that has no session, or does not answer when it is asked, gets no calls at all while
// another can be had.
package route

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Options are what a Router works with.
type Options struct {
	Log *slog.Logger
	// Do sends a call to one replica, as an mcp.Handler does.
	Do func(ctx context.Context, d mcp.Destination, call *mcp.Call, reply mcp.Reply) error
	// Unsent reports whether the error of a call says that no server has begun with it.
	Unsent func(err error) bool
	// Ping asks a replica whether it is there.
	Ping func(ctx context.Context, replica string) error
	// Score returns what is thought of a replica, the more the better, for rules that prefer by it. Nil thinks the same of all.
	Score func(replica string) int
	// Changed is called when the policy has changed. Nil tells nobody.
	Changed func()
	// Store keeps the policy; nil forgets it with the Router.
	Store Store
}

// A Server is one server with its replicas.
type Server struct {
	// Name is the server's name in the configuration.
	Name string
	// Replicas is how many copies of it there are; 1 for most.
	Replicas int
	// ID is what the server is configured as: when it changes, nothing is known of its replicas.
	ID string
	// Isolation says who shares a session with it: auto, shared, session or caller.
	Isolation string
	// Health says how its replicas are looked after.
	Health Health
	// Disabled says that it is not to be called.
	Disabled bool
}

// ReplicaName returns the name of a server's replica, counted from 1, as egress knows it: that of the server where it has only one.
func ReplicaName(server string, number, replicas int) string {
	if replicas <= 1 {
		return server
	}
	return server + separator + strconv.Itoa(number)
}

// separator stands in the names of replicas, and in no server's.
const separator = "/"

// ServerOf returns the name of the server that a replica belongs to.
func ServerOf(replica string) string {
	server, _, _ := strings.Cut(replica, separator)
	return server
}

// A Router decides where calls go. Its methods may be called concurrently, but Update only one at a time.
type Router struct {
	opts Options
	plan atomic.Pointer[plan]

	sessions memory // at which replica a client or caller has a session of its own
	states   memory // and at which one the state is kept that a client brings back
	retries  atomic.Int64

	checks checks

	// changing orders changes of the policy.
	changing sync.Mutex
	revision Revision
}

// A plan is what one policy and one configuration make. It is not changed once it is in use.
type plan struct {
	servers  map[string]*server
	replicas map[string]*replica
	policy   Policy
	rules    matcher
	// trivial says that there is nothing to choose: no rules, and no server with replicas.
	trivial bool
	// choices holds a *Choice by choiceKey, made when it is first needed.
	choices sync.Map
}

// A server is one server in a plan.
type server struct {
	Server

	replicas []*replica
	// used is when it was last called, in nanoseconds of Unix time.
	used atomic.Int64
}

type choiceKey struct {
	rule   *Rule // nil for what holds without one
	server string
}

// New returns a Router without servers. It must be closed; its checks outlive ctx.
func New(ctx context.Context, o Options) *Router {
	r := &Router{
		opts: o, sessions: memory{most: mostBound}, states: memory{most: mostStates, life: stateLife},
		checks: checks{root: context.WithoutCancel(ctx)},
	}
	r.plan.Store(newPlan(nil, Policy{}, nil))
	return r
}

// Close ends the checks and waits for them.
func (r *Router) Close() { r.checks.close() }

// Update takes over the servers and the policy of a configuration. What is known of replicas that stay as they were is kept. The
// policy is in force unless another one was set at run time since it was last changed in the file.
func (r *Router) Update(ctx context.Context, servers []Server, file Policy) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	file.sorted()
	next, err := r.settle(ctx, file)
	if err != nil {
		return err
	}
	policy, faults := Parse(next.Policy)
	if len(faults) > 0 {
		return fmt.Errorf("the stored routing policy, revision %d, cannot be read: %s", next.Number, faults[0])
	}
	r.revision = next
	r.replace(ctx, servers, policy)
	return nil
}

// replace puts a new plan in force.
func (r *Router) replace(ctx context.Context, servers []Server, policy Policy) {
	next := newPlan(servers, policy, r.plan.Load())
	for _, f := range policy.Check(next.knows) {
		r.opts.Log.WarnContext(ctx, "the routing policy does not hold as a whole", slog.String("at", f.Pointer), slog.String("fault", f.Message))
	}
	r.plan.Store(next)
	r.checks.replace(r, next) //nolint:contextcheck // checks outlive the call that changes the policy
	if r.opts.Changed != nil {
		r.opts.Changed()
	}
}

// newPlan makes a plan that keeps the replicas of the one before where they are the same.
func newPlan(servers []Server, policy Policy, before *plan) *plan {
	p := &plan{
		servers: map[string]*server{}, replicas: map[string]*replica{}, policy: policy, rules: newMatcher(&policy),
		trivial: len(policy.Rules) == 0,
	}
	for i := range servers {
		s := &server{Server: servers[i]}
		if before != nil && before.servers[s.Name] != nil {
			s.used.Store(before.servers[s.Name].used.Load())
		}
		for n := range max(1, s.Replicas) {
			name := ReplicaName(s.Name, n+1, s.Replicas)
			one := newReplica(&s.Server, name)
			if before != nil {
				one = one.after(before.replicas[name])
			}
			s.replicas = append(s.replicas, one)
			p.replicas[name] = one
		}
		p.trivial = p.trivial && len(s.replicas) == 1
		p.servers[s.Name] = s
	}
	return p
}

// after returns the replica that takes the place of old, which may be nil: old itself if it is the same, or r, which then knows whether
// it is there.
func (r *replica) after(old *replica) *replica {
	if old == nil || old.server != r.server || old.id != r.id || old.disabled != r.disabled {
		return r
	}
	if old.health == r.health {
		return old
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	r.down, r.missed = old.down, old.missed
	return r
}

// find returns the server and the replicas that a target stands for, none if it is not there.
func (p *plan) find(target string) (*server, []*replica) {
	if s := p.servers[target]; s != nil {
		return s, s.replicas
	}
	if r := p.replicas[target]; r != nil {
		return p.servers[r.server], []*replica{r}
	}
	return nil, nil
}

// knows reports whether a target stands for anything.
func (p *plan) knows(target string) bool {
	s, _ := p.find(target)
	return s != nil
}

// For returns what decides on calls of the name, which the server has. It is nil where there is nothing to decide.
func (r *Router) For(name, server string) *Choice {
	p := r.plan.Load()
	if p.trivial {
		return nil
	}
	key := choiceKey{rule: p.rules.find(name), server: server}
	if key.rule == nil {
		if s := p.servers[server]; s == nil || len(s.replicas) == 1 {
			return nil
		}
	} else if len(key.rule.Targets) > 0 {
		key.server = ""
	}
	if c, ok := p.choices.Load(key); ok {
		return c.(*Choice) //nolint:errcheck,forcetypeassert // the map holds nothing else
	}
	rule := key.rule
	if rule == nil {
		rule = &Rule{Strategy: RoundRobin, Retries: DefaultRetries}
	}
	c := p.newChoice(r, rule, server)
	if len(c.lines) == 0 && len(rule.Targets) == 0 { // one of our own servers, which has no replicas
		return nil
	}
	kept, _ := p.choices.LoadOrStore(key, c)
	return kept.(*Choice) //nolint:errcheck,forcetypeassert // as above
}

// Replicas returns the names by which egress knows a server's replicas, those first that can be used. A server that is not known is
// its own only one.
func (r *Router) Replicas(name string) []string {
	s, replicas := r.plan.Load().find(name)
	if s == nil {
		return []string{name}
	}
	names := make([]string, len(replicas))
	for i, one := range byHealth(replicas) {
		names[i] = one.name
	}
	return names
}

// List asks the replicas of a server for something, those first that can be used, until one gives it. The error is the first one.
func List[T any](r *Router, server string, ask func(replica string) (T, error)) (T, error) {
	var none T
	var why error
	for _, name := range r.Replicas(server) {
		given, err := ask(name)
		if err == nil {
			return given, nil
		}
		why = cmp.Or(why, err)
	}
	return none, why
}

// Watcher returns the replica of a server that is to tell of changes of a resource: the same one for as long as it can be had.
func (r *Router) Watcher(name, uri string) string {
	s, replicas := r.plan.Load().find(name)
	if s == nil {
		return name
	}
	now := time.Now()
	return slices.MaxFunc(replicas, func(a, b *replica) int {
		return cmp.Or(
			compareBool(a.verdict(now) != away, b.verdict(now) != away),
			cmp.Compare(score(uri, a.name, 1), score(uri, b.name, 1)),
		)
	}).name
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// byHealth returns the replicas, those first that can be used.
func byHealth(replicas []*replica) []*replica {
	now := time.Now()
	return slices.SortedStableFunc(slices.Values(replicas), func(a, b *replica) int {
		return cmp.Compare(a.verdict(now), b.verdict(now))
	})
}

// SessionEnded forgets where a client had sessions of its own.
func (r *Router) SessionEnded(id string) { r.sessions.drop(sessionBound + id) }

// SetState notes whether there is a session with a replica.
func (r *Router) SetState(name string, up bool) {
	if one := r.plan.Load().replicas[name]; one != nil {
		one.set(up)
	}
}
