package roots

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/memory"
	"github.com/sumun-mcp/sumun/internal/sampling"
)

// defaultID is the root of calls that name none and come from no workspace.
const defaultID = "default"

// A root is one context tree of a caller. What is read in calls is an atomic value of its own; changes come one after
// the other, and are seen once they are stored.
type root struct {
	tenant *tenant
	id     string
	// record has what does not change but for Used and Cleared, which stand below.
	record Record
	memory *memory.Memory

	// gate is held by who changes the root or closes it.
	gate chan struct{}
	// live says that the root is stored, and not closed.
	live atomic.Bool
	tree atomic.Pointer[tree]
	// used is when the root was used last, and noted which of that is stored, in milliseconds of Unix time.
	used, noted atomic.Int64

	// ctx ends when the root is closed.
	ctx context.Context //nolint:containedctx // of the root
	end context.CancelCauseFunc

	mu sync.Mutex
	// sealed says that the root is being closed: nothing of it is stored any more, lest it go to a root of the same id
	// that is made afterwards.
	sealed bool
	// visited are the paths that calls have named, whether they have values of their own or not. They are not stored.
	visited map[string]struct{}
}

// newRoot returns a root that is not live yet, with its gate held.
func newRoot(ctx context.Context, t *tenant, id string, record Record) *root {
	r := &root{tenant: t, id: id, record: record, gate: make(chan struct{}, 1)}
	r.ctx, r.end = context.WithCancelCause(ctx)
	r.tree.Store(noTree)
	r.used.Store(record.Used.UnixMilli())
	r.noted.Store(record.Used.UnixMilli())
	if record.Entries > 0 {
		r.memory = memory.New(int(record.Entries), int(record.Bytes), record.Cleared)
	}
	r.gate <- struct{}{}
	return r
}

// lock takes the gate.
func (r *root) lock(ctx context.Context) error {
	select {
	case r.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *root) unlock() { <-r.gate }

// row is the record as it is to be stored now.
func (r *root) row() *Record {
	row := r.record
	row.Used = time.UnixMilli(r.used.Load())
	if r.memory != nil {
		row.Cleared = r.memory.Watermark()
	}
	return &row
}

// change names the root in a change.
func (r *root) change(c Change) Change {
	c.Caller, c.Root = r.tenant.caller, r.id
	return c
}

// expires is when the root ends unless it is used.
func (r *root) expires() time.Time { return time.UnixMilli(r.used.Load()).Add(r.record.TTL) }

// touch notes a use. It is stored when a tenth of the time to live has gone by since the one that is: a restart may
// cost a root so much of its time.
func (r *root) touch(w *writer, now time.Time) {
	ms := now.UnixMilli()
	for old := r.used.Load(); old < ms && !r.used.CompareAndSwap(old, ms); old = r.used.Load() {
		continue
	}
	noted := r.noted.Load()
	if ms-noted >= r.record.TTL.Milliseconds()/10 && r.noted.CompareAndSwap(noted, ms) {
		r.later(w, Change{Record: r.row()})
	}
}

// later has a change stored some time, unless the root is being closed.
func (r *root) later(w *writer, c Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		w.later(r.change(c))
	}
}

// write returns once a change is stored. The gate need not be held.
func (r *root) write(w *writer, c Change) error {
	r.mu.Lock()
	if r.sealed {
		r.mu.Unlock()
		return errClosed(r.id, false)
	}
	stored := w.begin(r.change(c))
	r.mu.Unlock()
	return <-stored
}

// seal says whether something of the root may be stored.
func (r *root) seal(sealed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sealed = sealed
}

// visit notes the path of a call, within the bound of nodes.
func (r *root) visit(path string) {
	if path == "" || r.tree.Load().nodes[path] != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visited == nil {
		r.visited = map[string]struct{}{}
	}
	if len(r.visited) < mostNodes {
		r.visited[path] = struct{}{}
	}
}

// set changes a node. The gate is held.
func (r *root) set(w *writer, path string, n *node) error {
	next, err := r.tree.Load().with(path, n)
	if err != nil {
		return err
	}
	if err := w.write(r.change(Change{Record: r.row()}), r.change(Change{Node: n.stored(path)})); err != nil {
		return notStored(err)
	}
	r.tree.Store(next)
	return nil
}

// stored is the node as it is stored.
func (n *node) stored(path string) *Node {
	s := &Node{Path: path}
	if !n.sampling.IsZero() {
		s.Sampling = encode(n.sampling)
	}
	if len(n.variables) > 0 {
		s.Variables = encode(n.variables)
	}
	return s
}

// load puts a node in that was stored.
func (r *root) load(s *Node) error {
	n := &node{}
	var err error
	if n.sampling, err = sampling.Load(s.Sampling); err != nil {
		return err
	}
	if len(s.Variables) > 0 {
		if err := json.Unmarshal(s.Variables, &n.variables); err != nil {
			return err
		}
	}
	next := &tree{nodes: r.tree.Load().nodes, bytes: r.tree.Load().bytes + n.size() + len(s.Path)}
	if next.nodes == nil {
		next.nodes = map[string]*node{}
	}
	next.nodes[s.Path] = n // nobody else has the map yet
	r.tree.Store(next)
	return nil
}

// notStored tells a client that its change does not hold.
func notStored(err error) error {
	if mcp.AsError(err) != nil {
		return err
	}
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "%v; nothing was changed, try again", errNotStored)
}

// errClosed is what a use of a closed root gets.
func errClosed(id string, expired bool) *mcp.Error {
	if expired {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "root closed: %q was not used for its time to live; mcp.root.create makes it anew", id)
	}
	return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "root closed: %q; mcp.root.create makes it anew", id)
}

// errUnknown is what a use of a root gets that there never was.
func errUnknown(id string) *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "there is no root %q; mcp.root.create makes one", id)
}

// paths are those of the nodes below the root, in order, with those that calls have named.
func (r *root) paths() []string {
	seen := map[string]struct{}{}
	r.mu.Lock()
	maps.Copy(seen, r.visited)
	r.mu.Unlock()
	for path := range r.tree.Load().nodes {
		seen[path] = struct{}{}
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}
