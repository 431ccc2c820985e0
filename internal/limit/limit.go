// Package limit says how much a caller may do: how often, how many calls at once, and how many bytes, for each key, each tool and each
// server. What is too much is refused at once, with the time after which it is worth another try; nothing waits here.
package limit

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Rule bounds calls. What is zero is not bounded.
type Rule struct {
	// Rate is how many calls there may be in a second, Burst how many at once after a silence.
	Rate  float64
	Burst int
	// Concurrent is how many calls may run at once.
	Concurrent int
	// Bytes is how many bytes calls and answers may have in a second. What goes beyond is let through once, and is made up for by
	// waiting: how large an answer is, nobody knows beforehand.
	Bytes float64
}

// free reports whether the rule bounds nothing.
func (r *Rule) free() bool { return r.Rate == 0 && r.Concurrent == 0 && r.Bytes == 0 }

// Settings are what is to be held to.
type Settings struct {
	// Key is for each caller, Keys for single ones, by their IDs, in its place.
	Key  Rule
	Keys map[string]Rule
	// Tools are for the tools whose names fit, by names and patterns with *; all that fit count. Servers are by their names. Both are
	// for all callers together.
	Tools   map[string]Rule
	Servers map[string]Rule
	// ServerOf returns the name of the server that a call is about to go to, empty if it goes to none. It is asked only where servers
	// are bounded; nil stands for none.
	ServerOf func(ctx context.Context, call *mcp.Call) string
}

// A Limiter holds calls to its Settings. Its methods may be called concurrently. Nothing that it keeps grows with what callers send, but
// for a bucket for each caller, of which there are at most maxCallers.
type Limiter struct {
	plan    atomic.Pointer[plan]
	callers callers
}

// New returns a Limiter.
func New(s Settings) *Limiter {
	l := &Limiter{}
	l.callers.open()
	l.Set(s)
	return l
}

// Set has other settings held to from now on. What was used up stays used up.
func (l *Limiter) Set(s Settings) { l.plan.Store(newPlan(s, l.plan.Load())) }

// Middleware refuses what is too much. Notifications of the standard are never refused, nor what ends or continues a call that was let in; a call that
// continues one counts, but finds the place among the running ones that it has already.
func (l *Limiter) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		p := l.plan.Load()
		if p.free || call.Caller == nil || !counts(call) {
			return next.Handle(ctx, call, reply)
		}
		t, err := l.enter(ctx, p, call)
		if err != nil {
			return err
		}
		defer t.leave()
		if t.weighs {
			t.reply, reply = reply, t
		}
		return next.Handle(ctx, call, reply)
	})
}

// counts reports whether a call is bounded at all.
func counts(call *mcp.Call) bool {
	switch call.Method {
	case mcp.MethodPing, mcp.MethodTaskCancel, mcp.MethodUnsubscribe, mcp.MethodUnsubscribeEvents:
		return false
	}
	return call.Dialect != "" || !call.IsNotification() // in the dialect, anything can be asked for without wanting an answer
}

// stays reports whether a call runs for as long as its client likes: it takes no place among those that run at once.
func stays(call *mcp.Call) bool {
	return call.Method == mcp.MethodListen || call.Method == mcp.MethodSubscribeEvents || call.Resume != nil
}

// enter lets a call in, or says why not. Who is bounded by a rule of its own is refused by it first, so that its calls use up nothing of
// what it shares with others.
func (l *Limiter) enter(ctx context.Context, p *plan, call *mcp.Call) (*ticket, error) {
	now := time.Now()
	t := tickets.Get().(*ticket) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	if own := p.keys[call.Caller.ID]; own != nil {
		t.add(own.bucket, &own.rule)
	} else if !p.Key.free() {
		t.add(l.callers.bucket(call.Caller.ID, &p.Key, now), &p.Key)
	}
	for _, one := range p.tools {
		if ofTool(call) && mcp.Match(one.name, call.Name) {
			t.add(one.bucket, &one.rule)
		}
	}
	if p.ServerOf != nil && len(p.servers) > 0 {
		if one, ok := p.servers[p.ServerOf(ctx, call)]; ok {
			t.add(one.bucket, &one.rule)
		}
	}
	wait := t.take(now, stays(call))
	if wait == 0 {
		if t.weighs && call.Request != nil {
			t.weigh(now, len(call.Request.Raw))
		}
		return t, nil
	}
	t.leave()
	return nil, refused(wait)
}

// ofTool reports whether a call is about a tool, or a task that runs one.
func ofTool(call *mcp.Call) bool {
	method, _ := mcp.MethodByName(call.Method)
	return method.NameMember != "" && method.Kind == mcp.Tool
}

// refused is the refusal of a call that may be made after that time.
func refused(wait time.Duration) *mcp.Error {
	ms := max(1, (wait + time.Millisecond - 1).Milliseconds())
	data := strconv.AppendInt([]byte(`{"reason":"rate-limited","retryAfterMs":`), ms, 10)
	return &mcp.Error{
		Code: mcp.CodeInternal, Reason: mcp.RateLimited, Data: append(data, '}'),
		Message: "too many calls, or too much in them; try again in " + (time.Duration(ms) * time.Millisecond).String(),
	}
}
