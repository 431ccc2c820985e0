// Package ledger numbers the states of things that have etags, and lets one writer at a time, or several readers, at each.
package ledger

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// maxKnown is how many resources a ledger remembers.
const maxKnown = 100_000

// A Ledger knows the last state of each resource and numbers the states. A number is never given twice, nor smaller than before, also after
// a restart: it is the time in milliseconds when the state was first seen, or one more than the last. So who writes on condition of a
// revision never hits another state by chance, also when the ledger has forgotten the resource.
type Ledger struct {
	locks locks

	mu    sync.Mutex
	known map[key]*list.Element
	order *list.List // of *page, the one that was not seen for the longest time last
	last  int64
}

// A page is the last known state of one resource.
type page struct {
	key      key
	etag     string
	revision int64
}

// A key stands for a name: callers make up names of any length, such as URIs of queries with their values, and what is
// remembered of them is bounded.
type key [sha256.Size]byte

func keyOf(name string) key { return sha256.Sum256([]byte(name)) }

// New returns an empty Ledger.
func New() *Ledger {
	return &Ledger{known: map[key]*list.Element{}, order: list.New()}
}

// See notes that a resource is in the state of that etag, empty for one that is gone, and returns the state's revision, and whether it was
// known in another one before.
func (l *Ledger) See(name, etag string) (revision int64, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := keyOf(name)
	at, ok := l.known[of]
	if !ok && etag == "" {
		return 0, false // never was there
	}
	if !ok {
		at = l.order.PushFront(&page{key: of})
		l.known[of] = at
		if l.order.Len() > maxKnown {
			l.forget(l.order.Back())
		}
	}
	l.order.MoveToFront(at)
	p, _ := at.Value.(*page)
	if ok && p.etag == etag {
		return p.revision, false
	}
	l.last = max(l.last+1, time.Now().UnixMilli())
	p.etag, p.revision = etag, l.last
	return p.revision, ok
}

// Revision returns the revision of a resource as far as it is known, or 0.
func (l *Ledger) Revision(name string) int64 { return l.page(name).revision }

// ETag returns the etag of a resource as far as it is known, or none.
func (l *Ledger) ETag(name string) string { return l.page(name).etag }

func (l *Ledger) page(name string) page {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.known[keyOf(name)]; at != nil {
		p, _ := at.Value.(*page)
		return *p
	}
	return page{}
}

func (l *Ledger) forget(at *list.Element) {
	p, _ := l.order.Remove(at).(*page)
	delete(l.known, p.key)
}

// Acquire waits for a thing, to write it or to read it, and returns what gives it back.
func (l *Ledger) Acquire(name string, write bool) (release func()) {
	return l.locks.acquire(name, write)
}

// locks make reading and writing of one resource exclude each other. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	sync.RWMutex
	users int // who holds it or waits; guarded by locks.mu
}

// acquire waits for the lock of a thing, to write it or to read it, and returns what gives it back.
func (l *locks) acquire(name string, write bool) (release func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	one := l.held[name]
	if one == nil {
		one = &lock{}
		l.held[name] = one
	}
	one.users++
	l.mu.Unlock()
	free := one.RUnlock
	if write {
		free = one.Unlock
		one.Lock()
	} else {
		one.RLock()
	}
	return func() {
		free()
		l.mu.Lock()
		defer l.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(l.held, name)
		}
	}
}
