package route

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// What is kept at a replica is used there: a client's own session with a server, and what a server of the modern era has asked a
// client and wants to see again.

// The bounds of what is remembered. What is forgotten is found anew, as for a client that comes for the first time.
const (
	mostBound    = 100_000
	stateLife    = 15 * time.Minute // longer than a client is waited for
	mostStates   = 8192
	sessionBound = "session "
	callerBound  = "caller "
)

// The values of a server's isolation (design/protocol.md, guarantee 10).
const (
	isolateShared  = "shared"
	isolateSession = "session"
	isolateCaller  = "caller"
)

// owner returns whose session with the server a call uses: empty where callers share it, or where it is used for the call alone.
func (s *server) owner(call *mcp.Call) string {
	switch {
	case s.Isolation == isolateShared:
		return ""
	case s.Isolation == isolateCaller:
		return callerBound + callerOf(call)
	case call.Session != nil && (s.Isolation == isolateSession || call.Asks()):
		return sessionBound + call.Session.ID
	default:
		return ""
	}
}

func callerOf(call *mcp.Call) string {
	if call.Caller == nil {
		return ""
	}
	return call.Caller.ID
}

// stateKey returns the key of the state that a server has given to a client, empty for none: of a call that brings it back, or of a
// result that asks for more (input_required).
func stateKey(state []byte) string {
	if len(state) == 0 || string(state) == "null" {
		return ""
	}
	sum := sha256.Sum256(state)
	return string(sum[:])
}

// askedState returns the state in a result by which a server of the modern era asks something.
func askedState(result *mcp.Result) []byte {
	if result.Revision == nil || !result.Revision.InputRequired || !wire.IsString(wire.Get(result.Value, "resultType"), "input_required") {
		return nil
	}
	return wire.Get(result.Value, "requestState")
}

// Home returns the replica of a server at which the client of a call has a session of its own, or is to have one; where clients share
// the sessions, the one that is to tell of changes of what the call names.
func (r *Router) Home(name string, call *mcp.Call) string {
	s, replicas := r.plan.Load().find(name)
	if s == nil || len(replicas) == 1 || s.owner(call) == "" {
		return r.Watcher(name, call.Name)
	}
	owner := s.owner(call)
	kept := r.plan.Load().replicas[r.sessions.get(owner, s.Name)]
	if kept != nil && kept.verdict(time.Now()) != away {
		return kept.name
	}
	home := r.Watcher(name, owner)
	r.sessions.put(owner, s.Name, home)
	return home
}

// A memory knows at which replica of a server something is kept. It forgets what was used longest ago. The zero value is ready; its
// methods may be called concurrently.
type memory struct {
	most int
	life time.Duration // 0 for ever

	mu    sync.Mutex
	of    map[string]map[string]*list.Element // by owner and server
	order list.List                           // what was used longest ago first
}

type bound struct {
	owner, server, replica string
	at                     time.Time
}

// get returns the replica of the server that is kept for the owner, empty if none is.
func (m *memory) get(owner, server string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.of[owner][server]
	if e == nil {
		return ""
	}
	b := value(e)
	if m.life > 0 && time.Since(b.at) > m.life {
		m.forget(e)
		return ""
	}
	m.order.MoveToBack(e)
	return b.replica
}

// put notes the replica of the server for the owner.
func (m *memory) put(owner, server, replica string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.of[owner][server]; e != nil {
		value(e).replica = replica
		m.order.MoveToBack(e)
		return
	}
	if m.of == nil {
		m.of = map[string]map[string]*list.Element{}
	}
	if m.of[owner] == nil {
		m.of[owner] = map[string]*list.Element{}
	}
	m.of[owner][server] = m.order.PushBack(&bound{owner: owner, server: server, replica: replica, at: time.Now()})
	if m.order.Len() > m.most {
		m.forget(m.order.Front())
	}
}

// drop forgets all that is kept for the owner.
func (m *memory) drop(owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.of[owner] {
		m.forget(e)
	}
}

// forget takes an element out. The lock is held.
func (m *memory) forget(e *list.Element) {
	b := value(e)
	m.order.Remove(e)
	if delete(m.of[b.owner], b.server); len(m.of[b.owner]) == 0 {
		delete(m.of, b.owner)
	}
}

func value(e *list.Element) *bound {
	return e.Value.(*bound) //nolint:errcheck,forcetypeassert // the list holds nothing else
}
