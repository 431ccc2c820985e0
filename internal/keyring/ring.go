// Package keyring knows the keys that are kept in the store: who holds a secret, whether it is still good, and how often it was used.
//
// All keys are in memory, so that a call waits for nothing, and the store is asked a few times a second whether one has changed. When the
// store does not say so for a second, nobody knows whether a key was revoked: then its holder is refused, unless the operator allows some
// grace. That a secret is not known is believed only after the store was asked once more, since it may be a moment old.
package keyring

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Store keeps keys. Several instances may share one.
type Store interface {
	// KeyChanges returns the keys that have changed since that revision, those that were revoked among them; of all that are not
	// revoked, if there is no such revision.
	KeyChanges(ctx context.Context, since int64) (Changes, error)
	// UseKeys adds to the counts of uses.
	UseKeys(ctx context.Context, uses []Use) error
}

// Changes are what a store knows that a Ring does not yet.
type Changes struct {
	// Revision is raised by each change of a key.
	Revision int64
	// All says that Keys are all that are not revoked.
	All bool
	// Keys are those that have changed.
	Keys []Key
}

// A Use is that a key was used.
type Use struct {
	// ID is the key's, Times how often it was used, Last when that was last.
	ID    string
	Times int64
	Last  time.Time
}

// A Resolver makes callers of keys, as one configuration says what scopes and roles are. A caller's Over is the Ring's own to set.
type Resolver interface {
	Holder(k *Key) mcp.Caller
}

// Bounds of how old may be what is known of keys.
const (
	// interval is how often the store is asked for changes.
	interval = 250 * time.Millisecond
	// patience is how long it may take to answer.
	patience = 500 * time.Millisecond
	// fresh is how long its answer holds: two tries fit in.
	fresh = time.Second
	// gap is the time from one question to the next that callers with unknown secrets can cause.
	gap = 25 * time.Millisecond
	// wait is how long a caller waits for the store before it is refused.
	wait = time.Second
	// abandon is how long, beyond the grace, streams stay open although nobody knows whether their keys still hold.
	abandon = 10 * time.Second
	// behind is how often uses are written.
	behind = 5 * time.Second
)

// MaxGrace is the longest grace.
const MaxGrace = 15 * time.Minute

// Options are what Open makes a Ring of.
type Options struct {
	// Store keeps the keys.
	Store Store
	// Log takes what people should know.
	Log *slog.Logger
}

// A Ring holds the keys of a store. Its methods may be called concurrently.
type Ring struct {
	Options
	grace  atomic.Int64
	shards [256]atomic.Pointer[map[[32]byte]*held] // by the first byte of the hash; nobody changes a map

	epoch     time.Time    // what times are counted from, by a clock that nobody can set
	confirmed atomic.Int64 // when the last question that was answered was asked, since epoch
	failing   atomic.Bool  // the last question was not answered

	mu    sync.Mutex
	round chan struct{} // closed once the next question is answered, or not
	call  chan struct{} // wakes who asks

	// What follows belongs to the goroutine that asks.
	revision int64
	entries  map[string]*entry // by the key's id
	next     time.Time         // when a secret is over next; zero for never

	uses    uses
	stop    context.CancelFunc
	running sync.WaitGroup
}

// An entry is a key on the ring.
type entry struct {
	key  Key
	held []*held
	use  use
}

// A held is one secret of a key. What it says never changes: after a change of the key it is another one.
type held struct {
	hash  [32]byte
	ends  int64 // in milliseconds of Unix time; 0 for never
	entry *entry
	over  chan struct{} // closed when the secret is good for nothing any more
	owner atomic.Pointer[owner]
}

// An owner is who holds a secret by one configuration.
type owner struct {
	by     Resolver
	caller mcp.Caller
}

// Open returns a Ring with the keys of the store, which follows the store until Close. An error says that the store could not be read.
func Open(ctx context.Context, o Options) (*Ring, error) {
	r := &Ring{Options: o, epoch: time.Now(), round: make(chan struct{}), call: make(chan struct{}, 1), entries: map[string]*entry{}}
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.ask(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	r.running.Go(func() { r.follow(ctx) })
	r.running.Go(func() { r.writeUses(ctx) })
	return r, nil
}

// Close writes what is left of the uses, and ends. Of no Ring there is nothing to close.
func (r *Ring) Close() {
	if r != nil {
		r.stop()
		r.running.Wait()
	}
}

// SetGrace says how long those who hold a key that is known are let in while the store does not answer: zero does not let them. Where
// there is no Ring, it says nothing.
func (r *Ring) SetGrace(d time.Duration) {
	if r != nil {
		r.grace.Store(int64(min(d, MaxGrace)))
	}
}

// Find returns who holds a secret, whose hash is given too, by what the Resolver says of its key; nil if nobody does. An error says
// that it cannot be told, since the store does not answer.
func (r *Ring) Find(secret string, hash *[32]byte, by Resolver) (*mcp.Caller, *mcp.Error) {
	if h := r.held(hash); h != nil && r.age() <= fresh+time.Duration(r.grace.Load()) {
		return h.caller(by), nil
	}
	return r.findLate(secret, hash, by)
}

// findLate is Find for what is not known, or was known too long ago.
func (r *Ring) findLate(secret string, hash *[32]byte, by Resolver) (*mcp.Caller, *mcp.Error) {
	if !IsIssued(secret) {
		return nil, nil //nolint:nilnil // see Find
	}
	if !r.failing.Load() || r.age() <= fresh {
		r.ask1()
	}
	if r.age() > fresh {
		return nil, unreachable()
	}
	if h := r.held(hash); h != nil {
		return h.caller(by), nil
	}
	return nil, nil //nolint:nilnil // see Find
}

// unreachable is the refusal of who cannot be told from others.
func unreachable() *mcp.Error {
	return &mcp.Error{
		Code: mcp.CodeInternal, Reason: mcp.Unavailable,
		Message: "whether the key still holds cannot be told, since the store does not answer; try again in a moment",
		Data:    []byte(`{"reason":"unavailable","retryAfterMs":1000}`),
	}
}

// ask1 has the store asked once more, and waits for the end of that.
func (r *Ring) ask1() {
	r.mu.Lock()
	round := r.round
	r.mu.Unlock()
	select {
	case r.call <- struct{}{}:
	default: // it was woken already
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-round:
	case <-timer.C:
	}
}

// age is how long ago it was known for sure which keys hold.
func (r *Ring) age() time.Duration { return time.Since(r.epoch) - time.Duration(r.confirmed.Load()) }

func (r *Ring) held(hash *[32]byte) *held {
	shard := r.shards[hash[0]].Load()
	if shard == nil {
		return nil
	}
	h := (*shard)[*hash]
	if h == nil || subtle.ConstantTimeCompare(h.hash[:], hash[:]) != 1 {
		return nil
	}
	return h
}

// caller returns who holds the secret, and counts the use; nil if it is over.
func (h *held) caller(by Resolver) *mcp.Caller {
	now := time.Now().UnixMilli()
	if h.ends != 0 && now >= h.ends {
		return nil
	}
	h.entry.use.count(now)
	if o := h.owner.Load(); o != nil && o.by == by {
		return &o.caller
	}
	o := &owner{by: by, caller: by.Holder(&h.entry.key)}
	o.caller.Over = h.over
	h.owner.Store(o)
	return &o.caller
}

// put adds secrets to the shards and takes others out, which are over.
func (r *Ring) put(add, remove []*held) {
	changed := map[byte]map[[32]byte]*held{}
	shard := func(b byte) map[[32]byte]*held {
		if changed[b] == nil {
			changed[b] = map[[32]byte]*held{}
			if now := r.shards[b].Load(); now != nil {
				maps.Copy(changed[b], *now)
			}
		}
		return changed[b]
	}
	for _, h := range remove {
		delete(shard(h.hash[0]), h.hash)
	}
	for _, h := range add {
		shard(h.hash[0])[h.hash] = h
	}
	for b, m := range changed {
		r.shards[b].Store(&m)
	}
	for _, h := range remove { // only now, so that who sees it closed cannot find it any more
		close(h.over)
	}
}
