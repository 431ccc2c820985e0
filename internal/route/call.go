package route

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Request is a call that is to be sent to one of several replicas.
type Request struct {
	Call  *mcp.Call
	Reply mcp.Reply
	// Kind is the kind of the thing that the call names.
	Kind mcp.Kind
	// Dest is where the call would go without a policy: to the server that has the name.
	Dest mcp.Destination
	// Offered says that only the policy offers the name.
	Offered bool
	// Things tells what else servers have.
	Things Things
}

// Things is what servers have (catalog.Catalog).
type Things interface {
	// Remote returns where a call goes of what a server itself calls by that name; it reports false where the server has no such thing.
	Remote(kind mcp.Kind, server, name string) (mcp.Destination, bool)
}

// Send sends a call to the server that it is for, or where the policy says. It ends as a Handler does. Where there is nothing to decide
// it allocates nothing.
func (r *Router) Send(ctx context.Context, rq Request) error {
	c := r.For(rq.Call.Name, rq.Dest.Server)
	if c == nil {
		rq.Call.Server = rq.Dest.Server
		return r.opts.Do(ctx, rq.Dest, rq.Call, rq.Reply)
	}
	return c.Do(ctx, rq)
}

// errNeutral stands for how a call ended that says nothing of the replica.
var errNeutral = errors.New("says nothing of the replica")

// An outcome is what a call says of the replica that it went to.
type outcome uint8

const (
	succeeded outcome = iota
	failed
	neutral
)

// error returns the outcome as the breaker takes it.
func (o outcome) error() error {
	switch o {
	case succeeded:
		return nil
	case neutral:
		return errNeutral
	default:
		return errFailed
	}
}

var errFailed = errors.New("the call failed")

// Do sends a call to one of the replicas, and to another one if the first has not begun with it, or if it may be made twice (Guarantee
// 6): as long as the client was told and asked nothing, as often as the rule and the budget allow. Call.Server names the last replica.
// It ends as a Handler does.
func (c *Choice) Do(ctx context.Context, request Request) error {
	rq := &request // on the heap only from here on
	t := &tracker{Reply: rq.Reply}
	key := c.key(rq.Call)
	var tried []*replica
	var err error
	c.budget.earn()
	for attempt := 0; ; attempt++ {
		l := c.line(rq, key, tried)
		if l == nil {
			if err == nil {
				err = mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "no server can be called for %q: none of the policy's targets has it", rq.Call.Name)
			}
			return err
		}
		t.dest, _ = c.dest(rq, l)
		rq.Call.Server = l.replica.name
		err = c.attempt(ctx, l, rq.Call, t)
		if err == nil || attempt == c.rule.Retries || !c.mayRepeat(ctx, err, l, rq.Call, t) || !c.budget.spend() {
			return err
		}
		c.router.retries.Add(1)
		tried = append(tried, l.replica)
	}
}

// attempt sends the call to one replica, and notes how that went.
func (c *Choice) attempt(ctx context.Context, l *line, call *mcp.Call, t *tracker) (err error) {
	if owner := l.server.owner(call); owner != "" {
		c.router.sessions.put(owner, l.server.Name, l.replica.name)
	}
	l.server.used.Store(time.Now().UnixNano())
	end := l.replica.begin()
	o, took, start := neutral, time.Duration(0), time.Now()
	defer func() { // also if the call panics
		end(o, took)
		if o == succeeded {
			l.server.compare(l.replica)
		}
	}()
	err = c.router.opts.Do(ctx, t.dest, call, t)
	if o = outcomeOf(ctx, err, t); o == succeeded && !t.asked.Load() {
		took = time.Since(start)
	}
	if err == nil && t.state != "" {
		c.router.states.put(t.state, l.server.Name, l.replica.name)
	}
	return err
}

// line chooses the line of a call: that of the replica which keeps something for it, if there is one.
func (c *Choice) line(rq *Request, key string, tried []*replica) *line {
	usable := func(l *line) bool {
		_, ok := c.dest(rq, l)
		return ok
	}
	if state := stateKey(rq.Call.Member("requestState")); state != "" && len(tried) == 0 {
		for _, l := range slices.Concat(c.lines, c.spare) {
			if c.router.states.get(state, l.server.Name) == l.replica.name && usable(l) {
				return l
			}
		}
	}
	l := c.pick(key, tried, usable)
	if l == nil {
		return nil
	}
	owner := l.server.owner(rq.Call)
	if owner == "" {
		return l
	}
	kept := c.router.sessions.get(owner, l.server.Name)
	if kept == "" || kept == l.replica.name {
		return l
	}
	for _, other := range l.server.replicas {
		if other.name == kept && !slices.Contains(tried, other) && other.verdict(time.Now()) != away {
			return &line{replica: other, server: l.server, name: l.name, weight: l.weight}
		}
	}
	return l
}

// key is what sticky strategies go by.
func (c *Choice) key(call *mcp.Call) string {
	switch c.rule.Strategy {
	case StickyKey:
		return callerOf(call)
	case StickyRoot:
		return callerOf(call) + "\x00" + rootOf(call)
	default:
		return ""
	}
}

// rootOf returns the root that a call belongs to, empty for the caller's own.
func rootOf(call *mcp.Call) string {
	if call.Root != "" {
		return call.Root
	}
	for _, about := range [...][]byte{call.Context, call.Meta(mcp.MetaContext)} {
		if root, ok := wire.Unquote(wire.Get(about, "rootId")); ok {
			return root
		}
	}
	return ""
}

// dest returns where a call goes by a line; it reports false where the target has no such thing.
func (c *Choice) dest(rq *Request, l *line) (mcp.Destination, bool) {
	name, d := l.name, rq.Dest
	switch {
	case name == "" && rq.Offered:
		name = AfterDot(rq.Call.Name)
	case name == "":
		name = d.Name
	}
	if l.server.Name != d.Server || name != d.Name {
		var ok bool
		if d, ok = rq.Things.Remote(rq.Kind, l.server.Name, name); !ok {
			return d, false
		}
		d.Task = rq.Dest.Task
	}
	d.Server = l.replica.name
	if c.rule.Timeout > 0 {
		d.Timeout = c.rule.Timeout
	}
	return d, true
}

// mayRepeat reports whether a call that failed may be made again elsewhere.
func (c *Choice) mayRepeat(ctx context.Context, err error, l *line, call *mcp.Call, t *tracker) bool {
	switch {
	case ctx.Err() != nil, t.told.Load(), t.asked.Load(), t.done.Load():
		return false
	case c.router.opts.Unsent(err):
		return true
	case t.dest.Task || l.server.owner(call) != "" || call.Member("requestState") != nil:
		return false // what was begun is kept there
	case !t.dest.Repeatable && !reads(call.Method):
		return false
	}
	return outcomeOf(ctx, err, t) == failed
}

// reads reports whether calls of the method change nothing.
func reads(method string) bool {
	switch method {
	case mcp.MethodPromptsGet, mcp.MethodRead, mcp.MethodComplete:
		return true
	}
	return false
}

// outcomeOf tells what the end of a call says of the replica.
func outcomeOf(ctx context.Context, err error, t *tracker) outcome {
	e := mcp.AsError(err)
	switch {
	case err == nil, t.done.Load():
		return succeeded
	case ctx.Err() != nil:
		return neutral
	case e == nil:
		return failed
	case e.Raw != nil && e.Code == mcp.CodeInternal:
		return failed
	case e.Raw != nil:
		return succeeded // it has an opinion, so it is well
	}
	switch e.Reason {
	case mcp.Upstream, mcp.Timeout, mcp.Internal:
		return failed
	default:
		return neutral
	}
}

// A tracker is the Reply of a call on its way to a replica: it notes what the client has seen of it.
type tracker struct {
	mcp.Reply

	dest              mcp.Destination // of the attempt under way
	told, asked, done atomic.Bool
	state             string // by which the client brings back what it was asked
}

// Notify passes a notification on.
func (t *tracker) Notify(ctx context.Context, notice *wire.Message) error {
	t.told.Store(true)
	return t.Reply.Notify(ctx, notice)
}

// Ask puts questions to the client.
func (t *tracker) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	t.asked.Store(true)
	return t.Reply.Ask(ctx, questions)
}

// Done ends the call.
func (t *tracker) Done(ctx context.Context, result *mcp.Result) error {
	t.state = stateKey(askedState(result))
	t.done.Store(true)
	return t.Reply.Done(ctx, result)
}
