package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// grace is how long a peer may take to answer outside of a run, and the last answers of a run beyond its end.
const grace = 15 * time.Second

// idsEach is how many JSON-RPC ids each client has for itself, so that a server sees none twice.
const idsEach = 900_000

// A Task is the request that the clients of a run repeat.
type Task struct {
	Script  Script
	AtLeast int                           // bytes that an answer's body must have
	Request func(session string) *Message // renders it for one client; the session is empty in the modern era
}

// Clients are callers at one address that work at the same time, each at a connection and, in the legacy era, in a
// session of its own. The owner uses them from one goroutine and closes them.
type Clients struct {
	script Script
	each   []*client
}

// Open connects n clients, at most 1,000, and opens their sessions.
func Open(ctx context.Context, t Task, n int) (*Clients, error) {
	all := &Clients{script: t.Script}
	for i := range n {
		c := &client{addr: t.Script.Addr, atLeast: t.AtLeast, id: firstID + uint64(i)*idsEach}
		if err := c.open(ctx, t); err != nil {
			all.Close()
			return nil, fmt.Errorf("opening client %d of %d at %s: %w", i+1, n, t.Script.Addr, err)
		}
		all.each = append(all.each, c)
	}
	return all, nil
}

// Drive lets all clients work for a time, or until they have made a number of calls together (0: no such limit), and
// returns what they have seen in it. It ends early when the context does.
func (all *Clients) Drive(ctx context.Context, d time.Duration, calls int64) Tally {
	start := time.Now()
	var taken atomic.Int64
	more := func() bool {
		return time.Since(start) < d && ctx.Err() == nil && (calls == 0 || taken.Add(1) <= calls)
	}
	var wg sync.WaitGroup
	for _, c := range all.each {
		wg.Go(func() { c.work(ctx, start.Add(d+grace), more) })
	}
	wg.Wait()
	seen := Tally{Elapsed: time.Since(start)}
	for _, c := range all.each {
		seen.merge(&c.seen)
	}
	return seen
}

// Close ends the sessions and closes the connections. A peer that has gone already is no failure.
func (all *Clients) Close() {
	for _, c := range all.each {
		if c.session != "" && c.extend(time.Now().Add(grace)) == nil {
			_, _ = c.exchange(all.script.end(c.session))
		}
		_ = c.conn.Close()
	}
}

// A Tally is what clients have seen.
type Tally struct {
	Calls   int64         // answered correctly
	Failed  int64         // answered wrongly or not in time
	Dropped int64         // connections that the other side closed
	Elapsed time.Duration // from the first request to the last answer
	First   error         // the first thing that went wrong, or nil
	latency histogram
}

// Quantile returns the time in which the given share (0 to 1) of the calls were answered, at most 4 % too high.
func (t *Tally) Quantile(share float64) time.Duration { return t.latency.quantile(share) }

// merge adds what another client has seen.
func (t *Tally) merge(other *Tally) {
	t.Calls += other.Calls
	t.Failed += other.Failed
	t.Dropped += other.Dropped
	if t.First == nil {
		t.First = other.First
	}
	t.latency.merge(&other.latency)
}
