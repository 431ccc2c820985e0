package roots

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// mostGraves is of how many closed roots of a caller it is known that they were there.
const mostGraves = 1000

// A tenant is a caller with its roots. No other caller can reach them.
type tenant struct {
	caller string

	mu    sync.RWMutex
	roots map[string]*root
	// graves are the closed roots, the oldest in front.
	graves map[string]*list.Element
	order  list.List
	// derived is how many roots come from workspaces, and count how many there are, so that calls can tell at once
	// that there are none.
	derived, count atomic.Int64
}

// A grave is what is left of a closed root.
type grave struct {
	id      string
	expired bool
}

func newTenant(caller string) *tenant {
	return &tenant{caller: caller, roots: map[string]*root{}, graves: map[string]*list.Element{}}
}

// find returns the root of that id. The error says whether it was closed; there is none for a root that is made when
// it is first used, which is nil until then.
func (t *tenant) find(id string) (*root, error) {
	t.mu.RLock()
	r, e := t.roots[id], t.graves[id]
	t.mu.RUnlock()
	switch {
	case r != nil && r.live.Load():
		return r, nil
	case e != nil:
		return nil, errClosed(id, e.Value.(*grave).expired) //nolint:errcheck // the list holds nothing else
	case r != nil || id == defaultID || t.isDerived(id):
		return nil, nil //nolint:nilnil // it has nothing yet
	}
	return nil, errUnknown(id)
}

// derivedID is the id of the root that a caller has for a workspace.
func derivedID(caller, uri string) string {
	sum := sha256.Sum256([]byte(caller + "\x00" + uri))
	return workspacePrefix + hex.EncodeToString(sum[:12])
}

// workspacePrefix begins the ids of roots that come from workspaces.
const workspacePrefix = "workspace-"

func (t *tenant) isDerived(id string) bool { return strings.HasPrefix(id, workspacePrefix) }

// begin puts a root in that is to be made, with its gate held, unless there is one of that id: then it returns that.
func (t *tenant) begin(ctx context.Context, id string, record Record, most int) (r *root, isNew bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.roots[id]; r != nil {
		return r, false, nil
	}
	if len(t.roots) >= most {
		return nil, false, mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "there are %d roots of yours, as many as may be; close some with mcp.root.close", most)
	}
	r = newRoot(ctx, t, id, record)
	t.roots[id] = r
	return r, true, nil
}

// settle ends what begin began: the root is stored, or it is not.
func (t *tenant) settle(r *root, stored bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !stored {
		delete(t.roots, r.id)
		r.end(nil)
		return
	}
	if e := t.graves[r.id]; e != nil {
		t.order.Remove(e)
		delete(t.graves, r.id)
	}
	r.live.Store(true)
	t.counted(r, 1)
}

func (t *tenant) counted(r *root, n int64) {
	t.count.Add(n)
	if t.isDerived(r.id) {
		t.derived.Add(n)
	}
}

// remove takes a root out that is closed; one that was not made by use leaves a grave.
func (t *tenant) remove(r *root, expired bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.live.Store(false)
	delete(t.roots, r.id)
	t.counted(r, -1)
	if !r.record.Lazy {
		t.bury(r.id, expired)
	}
	r.end(errClosed(r.id, expired))
}

// bury notes that a root is closed. It is called with the lock held.
func (t *tenant) bury(id string, expired bool) {
	if e := t.graves[id]; e != nil {
		t.order.Remove(e)
	}
	t.graves[id] = t.order.PushBack(&grave{id, expired})
	if t.order.Len() > mostGraves {
		delete(t.graves, t.order.Remove(t.order.Front()).(*grave).id) //nolint:errcheck // the list holds nothing else
	}
}

// oldest returns the closed root that will be forgotten next, once there are as many as may be.
func (t *tenant) oldest() (id string, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.order.Len() < mostGraves {
		return "", false
	}
	return t.order.Front().Value.(*grave).id, true //nolint:errcheck // the list holds nothing else
}

// all returns the live roots, in the order of their ids.
func (t *tenant) all() []*root {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []*root
	for _, r := range t.roots {
		if r.live.Load() {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *root) int { return strings.Compare(a.id, b.id) })
	return all
}

// due returns the live roots that have not been used for their time.
func (t *tenant) due(now time.Time) []*root {
	return slices.DeleteFunc(t.all(), func(r *root) bool { return now.Before(r.expires()) })
}
