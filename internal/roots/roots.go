// Package roots keeps the contexts in which calls are made: the roots of a caller, the tree of each with variables and
// sampling parameters that a node inherits and overrides, and the memory of earlier results. It answers mcp.root.* and
// mcp.sampling.*, and hands on what is in force to tools, prompts and resources, and to servers' questions to a model.
//
// Everything of a root belongs to one caller. What a client is told to be done is stored before it is told; what a call
// reads is in memory.
package roots

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Target is where a call goes, as the hall knows it.
type Target struct {
	// Server is the name of the server.
	Server string
	// Trusted says that the server is our own, or that the operator has it take part in contexts: it is handed
	// variables and memory, and its tools may change the sampling parameters for what follows. Others are handed the
	// parameters only.
	Trusted bool
	// Remember says that the operator lets identical calls be answered from memory, and ReadOnly that the tool changes
	// nothing, by the word of one who is believed. A call of any other tool has the answers of its root forgotten.
	Remember, ReadOnly bool
}

// Settings are what the configuration says of roots.
type Settings struct {
	// TTL is how long a root lives without use, unless mcp.root.create says otherwise.
	TTL time.Duration
	// Max is how many roots one caller may have.
	Max int
	// Entries and Bytes bound the memory of a root that has one: it may ask for less, not for more.
	Entries, Bytes int
	// Workspaces gives the roots of workspaces a memory from the first tool call on.
	Workspaces bool
}

// Options configures Roots.
type Options struct {
	// Store keeps the roots.
	Store Store
	// Log takes what goes wrong.
	Log *slog.Logger
	// Settings are those of the configuration; Set changes them.
	Settings Settings
	// Target tells where a call of a tool, prompt or resource will go; nil trusts nobody. It is asked in each call of
	// a tool, so it must be quick.
	Target func(ctx context.Context, call *mcp.Call) Target
	// Event is told what has happened to a root of a caller: a method, and its parameters as JSON.
	Event func(caller, method string, params []byte)
	// Closed is told of each root that is closed or has expired, so that what else belongs to it can go too.
	Closed func(caller, rootID string)
}

// Roots are the roots of all callers. Its methods may be called concurrently.
type Roots struct {
	o        Options
	settings atomic.Pointer[Settings]
	writer   *writer

	// ctx is the parent of what lives as long as a root; it ends with the house.
	ctx     context.Context //nolint:containedctx // of the house
	end     context.CancelFunc
	running sync.WaitGroup

	tenants  sync.Map // of *tenant, by the id of the caller
	sessions sync.Map // of *workspace, by the id of the session
}

// New returns the roots that are in the store. Close ends them; ctx only bounds the reading.
func New(ctx context.Context, o Options) (*Roots, error) {
	if o.Store == nil || o.Log == nil {
		return nil, errors.New("roots need a store and a log")
	}
	x := &Roots{o: o}
	x.Set(o.Settings)
	x.ctx, x.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := x.load(ctx); err != nil {
		x.end()
		return nil, fmt.Errorf("reading the roots: %w", err)
	}
	x.writer = newWriter(ctx, o.Store, o.Log)
	x.running.Go(x.sweep)
	return x, nil
}

// Set takes the settings of a new configuration over. Roots that are there keep their time to live and their memory.
func (x *Roots) Set(s Settings) { x.settings.Store(&s) }

// Close stores what waits and ends the roots' goroutines.
func (x *Roots) Close() error {
	x.end()
	x.running.Wait()
	x.writer.close()
	return nil
}

// SessionEnded forgets the workspace of a session.
func (x *Roots) SessionEnded(id string) { x.sessions.Delete(id) }

// tenant returns the caller's roots; nil where it has none and they are not to be made.
func (x *Roots) tenant(caller string, anew bool) *tenant {
	if t, ok := x.tenants.Load(caller); ok {
		return t.(*tenant) //nolint:errcheck // the map holds nothing else
	}
	if !anew {
		return nil
	}
	t, _ := x.tenants.LoadOrStore(caller, newTenant(caller))
	return t.(*tenant) //nolint:errcheck // the map holds nothing else
}

// load reads what is stored.
func (x *Roots) load(ctx context.Context) error {
	for c, err := range x.o.Store.Roots(ctx) {
		if err != nil {
			return err
		}
		if err := x.loadOne(c); err != nil {
			return fmt.Errorf("root %q of %q: %w", c.Root, c.Caller, err)
		}
	}
	return nil
}

func (x *Roots) loadOne(c Change) error {
	t := x.tenant(c.Caller, true)
	if c.Record != nil {
		if !c.Record.Closed.IsZero() {
			t.bury(c.Root, c.Record.Expired)
			return nil
		}
		r, _, err := t.begin(x.ctx, c.Root, *c.Record, len(t.roots)+1)
		if err != nil {
			return err
		}
		t.settle(r, true)
		r.unlock()
		return nil
	}
	r := t.roots[c.Root]
	switch {
	case r == nil:
		return errors.New("something of it is stored, but not the root itself")
	case c.Node != nil:
		return r.load(c.Node)
	case c.Entry != nil && r.memory != nil:
		return r.memory.Load(c.Entry.Seq, c.Entry.Data)
	}
	return nil
}

// sweeping is how often it is looked for roots that have expired. One that is used meanwhile is found at once.
const sweeping = 10 * time.Second

func (x *Roots) sweep() {
	tick := time.NewTicker(sweeping)
	defer tick.Stop()
	for {
		for _, t := range x.tenants.Range {
			for _, r := range t.(*tenant).due(time.Now()) { //nolint:errcheck // the map holds nothing else
				// Its error stands in the log, and the next round tries again.
				_ = x.close(x.ctx, r, true)
			}
		}
		select {
		case <-tick.C:
		case <-x.ctx.Done():
			return
		}
	}
}

// find returns a live root, as tenant.find does, once those that have expired are closed.
func (x *Roots) find(ctx context.Context, t *tenant, id string) (*root, error) {
	r, err := t.find(id)
	if r == nil || time.Now().Before(r.expires()) {
		return r, err
	}
	if err := x.close(ctx, r, true); err != nil {
		return nil, err
	}
	return t.find(id)
}

// close closes a root, because it has expired or because it is wanted, and tells of it.
func (x *Roots) close(ctx context.Context, r *root, expired bool) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	closed, err := x.closeLocked(r, expired)
	r.unlock()
	if !closed {
		return err
	}
	if x.o.Closed != nil {
		x.o.Closed(r.tenant.caller, r.id)
	}
	reason := "closed"
	if expired {
		reason = "expired"
	}
	x.tell(r.tenant.caller, mcp.EventRootClosed, struct {
		RootID string `json:"rootId"`
		Reason string `json:"reason"`
	}{r.id, reason})
	return nil
}

func (x *Roots) closeLocked(r *root, expired bool) (closed bool, err error) {
	now := time.Now()
	switch {
	case !r.live.Load() && expired, expired && now.Before(r.expires()):
		return false, nil
	case !r.live.Load():
		return false, errClosed(r.id, false)
	}
	changes := []Change{r.change(Change{Forget: true})}
	if !r.record.Lazy {
		row := r.row()
		row.Closed, row.Expired = now, expired
		changes[0] = r.change(Change{Empty: true, Record: row})
		if id, ok := r.tenant.oldest(); ok {
			changes = append(changes, Change{Caller: r.tenant.caller, Root: id, Forget: true})
		}
	}
	r.seal(true)
	if err := x.writer.write(changes...); err != nil {
		r.seal(false)
		return false, notStored(err)
	}
	r.tenant.remove(r, expired)
	return true, nil
}

// create makes a root; it returns the one that is there or being made, unless it is new.
func (x *Roots) create(t *tenant, id string, record Record, nodes ...*Node) (r *root, isNew bool, err error) {
	r, isNew, err = t.begin(x.ctx, id, record, x.settings.Load().Max)
	if err != nil || !isNew {
		return r, false, err
	}
	defer r.unlock()
	// What may be left of a root of that id goes.
	changes := []Change{r.change(Change{Forget: true}), r.change(Change{Record: &record})}
	for _, n := range nodes {
		if err = r.load(n); err == nil && r.tree.Load().bytes > mostBytes {
			err = full("the variables and parameters of a root may take %d bytes; store large things as resources", mostBytes)
		}
		if err != nil {
			t.settle(r, false)
			return nil, false, err
		}
		changes = append(changes, r.change(Change{Node: n}))
	}
	if err = x.writer.write(changes...); err != nil {
		t.settle(r, false)
		return nil, false, notStored(err)
	}
	t.settle(r, true)
	return r, true, nil
}

// tell tells of an event.
func (x *Roots) tell(caller, method string, params any) {
	if x.o.Event != nil {
		x.o.Event(caller, method, encode(params))
	}
}
