// Package approve lets calls wait for a person who allows them.
//
// A policy says which calls wait: all of them, or those of tools that may destroy something, that are new, and so on. Such a call is parked
// until somebody decides on it: whoever runs the gate, on a terminal, or the person in front of the host, by elicitation. The first decision
// counts. What nobody has allowed in time is refused.
//
// The store is the arbiter: a request for approval is settled there once, whichever instance the decision comes in at, and the instance that
// holds the call looks there a few times a second. Where the store cannot be asked or written, nothing is allowed. Decisions that are to be
// remembered are kept there too, for a caller and a tool as it was defined then.
package approve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// maxPerCaller and maxWaiting are how many calls may wait at once, of one caller and in all.
	maxPerCaller, maxWaiting = 64, 4096
	// poll is how often the store is looked at for decisions while a call waits, and beat how often it is told that the call still does.
	poll, beat = 200 * time.Millisecond, 500 * time.Millisecond
	// stale is how long a request of another instance may be without a beat: after that, nobody holds the call any more.
	stale = 3 * time.Second
	// storeTimeout bounds what the store is asked when the call itself has ended.
	storeTimeout = 3 * time.Second
	// reminder is how often a client that asked for progress is told that its call still waits.
	reminder = 15 * time.Second
)

// A House knows what calls address. The hall is one.
type House interface {
	// Target tells what a call addresses, a call of a tool or a write of a resource. It may wait for servers that have not been tried yet;
	// the error is what the client is told where there is nothing of that name.
	Target(ctx context.Context, call *mcp.Call) (Target, error)
	// Still returns why its caller may not make a call any more, nil if it may: a key may be revoked while its call waits.
	Still(call *mcp.Call) error
	// Seen tells since when the tool that a call addresses is known in this form.
	Seen(call *mcp.Call, t Target) Sight
}

// A Target is what a call addresses.
type Target struct {
	// Server is the name of the server that has it.
	Server string
	// Own says that it is the gate's own, which is never new.
	Own bool
	// Trusted says that what it says of itself is believed.
	Trusted bool
	// Definition is the tool as its server lists it; nil for a resource.
	Definition []byte
}

// A Sight is since when a tool is known.
type Sight struct {
	// Since is when it was first seen; zero if it is not known.
	Since time.Time
	// Changed says that it is not any more what it was then.
	Changed bool
}

// An Event is what the audit record says beside the record of the call: that something was asked, allowed, denied, or has expired.
type Event struct {
	// Kind is approval.asked, approval.allowed, approval.denied or approval.expired.
	Kind string
	// Actor is who has done it, empty for the gate itself.
	Actor string
	// Subject is the name of what is called.
	Subject string
	// Detail is what else there is to know.
	Detail map[string]any
}

// Options is what Approvals work with.
type Options struct {
	// Store keeps requests and remembered decisions.
	Store Store
	// Instance tells the requests of this instance from those of others.
	Instance string
	// House knows what calls address.
	House House
	// Record writes an event to the audit record; an error refuses the call. Nil records nothing.
	Record func(ctx context.Context, e Event) error
	// Redact takes out of arguments, a JSON value, what is not to be shown; nil leaves that to what everybody knows of secrets.
	Redact func(value []byte) []byte
	// Log takes what goes wrong.
	Log *slog.Logger
}

// Approvals hold the calls that wait. Their methods may be called concurrently.
type Approvals struct {
	Options

	policy atomic.Pointer[Policy]
	passes passes

	// end ends the goroutine that looks at the store; closing tells those who wait that nothing is decided any more.
	end     context.CancelFunc
	running sync.WaitGroup
	closing chan struct{}

	// mu guards what follows. No I/O is done under it.
	mu sync.Mutex
	// waiting are the calls that wait here, by the ids of their requests, and perCaller how many of each caller.
	waiting   map[string]*waiter
	perCaller map[string]int
	closed    bool
}

// A waiter is a call that waits.
type waiter struct {
	request Request
	// settled takes the request once somebody has decided on it, or it is over otherwise.
	settled chan Request
}

// New returns Approvals that ask nobody, until Set says otherwise. Close ends them.
func New(ctx context.Context, o Options) *Approvals {
	a := &Approvals{Options: o, closing: make(chan struct{}), waiting: map[string]*waiter{}, perCaller: map[string]int{}}
	a.policy.Store(&Policy{})
	ctx, a.end = context.WithCancel(ctx)
	a.running.Go(func() { a.follow(ctx) })
	return a
}

// Set takes a policy over. What waits already goes on waiting.
func (a *Approvals) Set(p *Policy) { a.policy.Store(p) }

// Len returns how many calls wait.
func (a *Approvals) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// Drain refuses what waits, and what comes: the gateway closes, and nobody can decide any more.
func (a *Approvals) Drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		close(a.closing)
	}
}

// Close refuses what waits, and waits until the store knows that. The store must stay open until then.
func (a *Approvals) Close() {
	a.Drain()
	a.end()
	a.running.Wait()
}

// park makes a place for a request, whose call runs until done is called.
func (a *Approvals) park(r *Request) (w *waiter, done func(), err error) {
	w = &waiter{request: *r, settled: make(chan Request, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return nil, nil, errClosing()
	case a.perCaller[r.Caller] >= maxPerCaller || len(a.waiting) >= maxWaiting:
		return nil, nil, mcp.Errorf(mcp.CodeInternal, mcp.RateLimited, "too many calls wait for a person to allow them; wait until some are decided on")
	}
	a.waiting[r.ID] = w
	a.perCaller[r.Caller]++
	a.running.Add(1)
	return w, func() {
		a.mu.Lock()
		delete(a.waiting, r.ID)
		if a.perCaller[r.Caller]--; a.perCaller[r.Caller] == 0 {
			delete(a.perCaller, r.Caller)
		}
		a.mu.Unlock()
		a.running.Done()
	}, nil
}

// tell tells the call that waits for a request, if it does here, how that was settled.
func (a *Approvals) tell(r Request) {
	a.mu.Lock()
	w := a.waiting[r.ID]
	a.mu.Unlock()
	if w == nil {
		return
	}
	select {
	case w.settled <- r:
	default: // it was told before
	}
}
