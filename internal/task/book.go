package task

import (
	"container/list"
	"slices"
	"sync"
)

// Bounds of a Book. Beyond them the oldest task is forgotten: it can still be
// addressed, but is not listed and tells nothing by itself any more.
const (
	maxPerSession = 256
	maxTasks      = 1 << 16
)

// A Book remembers the tasks of clients of the legacy era, each of one session. What
// it does not know is nobody's. The zero value is ready; its methods may be called
// concurrently.
type Book struct {
	// mu guards what follows.
	mu sync.Mutex
	// sessions holds the tasks of each session, the oldest first.
	sessions map[string][]*entry
	// tasks holds them by the server and its id, and by the session: those with servers of their own may share an id.
	tasks map[key]map[string]*entry
	// order holds all of them, the oldest first.
	order list.List
}

// A key is a task as its server names it.
type key struct{ server, id string }

func (e *entry) key() key { return key{e.ref.Server, e.ref.ID} }

// An entry is one task. It is not changed once it is in the book.
type entry struct {
	session, caller string
	// token is the client's name of the task.
	token string
	ref   Ref
	// progress is the token under which the client wants to be told of progress, as
	// JSON; nil if it does not.
	progress []byte
	element  *list.Element
}

// note enters a task under the token that is made by seal, unless its session knows it,
// and returns its token.
func (b *Book) note(e *entry, seal func() string) (token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	session := e.session
	if known := b.find(session, e.ref.Server, e.ref.ID); known != nil {
		return known.token
	}
	if e.ref.Session == "" {
		b.supersede(e.key())
	}
	e.token = seal()
	if b.sessions == nil {
		b.sessions, b.tasks = map[string][]*entry{}, map[key]map[string]*entry{}
	}
	b.sessions[session] = append(b.sessions[session], e)
	if b.tasks[e.key()] == nil {
		b.tasks[e.key()] = map[string]*entry{}
	}
	b.tasks[e.key()][session] = e
	e.element = b.order.PushBack(e)
	if len(b.sessions[session]) > maxPerSession {
		b.forget(b.sessions[session][0])
	}
	if b.order.Len() > maxTasks {
		b.forget(b.order.Front().Value.(*entry)) //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
	return e.token
}

// supersede forgets tasks in the session with a server that clients share: it gives an id again, which it may do only when it
// was started anew, so that they are gone. The lock is held.
func (b *Book) supersede(k key) {
	for _, e := range b.tasks[k] {
		if e.ref.Session == "" {
			b.forget(e)
		}
	}
}

// find returns a session's entry of a task, nil if there is none. The lock is held.
func (b *Book) find(session, server, id string) *entry {
	return b.tasks[key{server, id}][session]
}

// forget takes an entry out. The lock is held.
func (b *Book) forget(e *entry) {
	b.order.Remove(e.element)
	its := slices.DeleteFunc(b.sessions[e.session], func(other *entry) bool { return other == e })
	if b.sessions[e.session] = its; len(its) == 0 {
		delete(b.sessions, e.session)
	}
	same := b.tasks[e.key()]
	if delete(same, e.session); len(same) == 0 {
		delete(b.tasks, e.key())
	}
}

// entry returns a session's entry of a task, nil if there is none.
func (b *Book) entry(session, server, id string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(session, server, id)
}

// owner returns the entry of a task in the session with the server that clients share; nil if there is none.
func (b *Book) owner(server, id string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.tasks[key{server, id}] {
		if e.ref.Session == "" {
			return e
		}
	}
	return nil
}

// taken reports whether another caller has a task of that id in the session with the server that clients share: then the
// server was started anew, and has given the id again.
func (b *Book) taken(caller, server, id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.tasks[key{server, id}] {
		if e.ref.Session == "" {
			return e.caller != caller
		}
	}
	return false
}

// Servers returns the servers of which a session has tasks, in the order of the first of each.
func (b *Book) Servers(session string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, e := range b.sessions[session] {
		if !slices.Contains(names, e.ref.Server) {
			names = append(names, e.ref.Server)
		}
	}
	return names
}

// Drop forgets the tasks of a session that has ended.
func (b *Book) Drop(session string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Clone(b.sessions[session]) {
		b.forget(e)
	}
}

// Len returns how many tasks the book knows.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.order.Len()
}
