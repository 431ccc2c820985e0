package route

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestSession keeps a client that has sessions of its own at one replica, until that is away.
func TestSession(t *testing.T) {
	w := newWorld()
	r := w.open(t, three(), `{}`)
	client := func(id string) func(*Request) {
		return func(rq *Request) {
			rq.Call.Session, rq.Call.Capabilities = &mcp.Session{ID: id}, []byte(`{"elicitation":{}}`)
		}
	}
	home := map[string]string{}
	for i := range 30 {
		id := strconv.Itoa(i % 6)
		got, err := send(t, r, client(id))
		if home[id] == "" {
			home[id] = got
		}
		if got != home[id] || err != nil {
			t.Errorf("client %s moves from %s to %s, %v", id, home[id], got, err)
		}
	}
	if len(w.reached) != 3 {
		t.Errorf("clients are at %v", w.reached)
	}
	r.SetState(home["0"], false)
	moved, _ := send(t, r, client("0"))
	r.SetState(home["0"], true)
	if stays, _ := send(t, r, client("0")); moved == home["0"] || stays != moved {
		t.Errorf("from %s, which was away, the client goes to %s and then to %s", home["0"], moved, stays)
	}
	r.SessionEnded("0")
	if len(r.sessions.of) != 5 {
		t.Errorf("%d clients are remembered, want 5", len(r.sessions.of))
	}
	seen := map[string]bool{}
	for range 6 { // a client that shares the session moves
		got, _ := send(t, r, func(rq *Request) { rq.Call.Session = &mcp.Session{ID: "shared"} })
		seen[got] = true
	}
	if len(seen) != 3 {
		t.Errorf("a client without a session of its own stays at %v", seen)
	}
}

// TestHome finds the replica for subscriptions: that of a client's own session, or of all the same one.
func TestHome(t *testing.T) {
	w := newWorld()
	r := w.open(t, append(three(), single("a")...), `{}`)
	own := &mcp.Call{Name: "file:///x", Session: &mcp.Session{ID: "own"}, Capabilities: []byte(`{"roots":{}}`)}
	home, _ := send(t, r, func(rq *Request) { rq.Call.Session, rq.Call.Capabilities = own.Session, own.Capabilities })
	for range 3 {
		if got := r.Home("s", own); got != home {
			t.Errorf("subscribes at %s, has a session at %s", got, home)
		}
		_, _ = send(t, r)
	}
	own.Session = &mcp.Session{ID: "new"}
	home = r.Home("s", own)
	if got, _ := send(t, r, func(rq *Request) { rq.Call.Session, rq.Call.Capabilities = own.Session, own.Capabilities }); got != home {
		t.Errorf("subscribed at %s, called %s", home, got)
	}
	r.SetState(home, false)
	if got := r.Home("s", own); got == home {
		t.Errorf("subscribes at %s, which is away", got)
	}
	shared := &mcp.Call{Name: "file:///x", Session: &mcp.Session{ID: "shared"}}
	if got := r.Home("s", shared); got != r.Watcher("s", "file:///x") {
		t.Errorf("subscribes at %s, others at %s", got, r.Watcher("s", "file:///x"))
	}
	for server, want := range map[string]string{"a": "a", "gone": "gone"} {
		if got := r.Home(server, own); got != want {
			t.Errorf("%s is reached at %s", server, got)
		}
	}
}

// TestIsolation keeps callers at one replica where the server has a session for each.
func TestIsolation(t *testing.T) {
	for isolation, want := range map[string]int{"caller": 1, "shared": 3, "session": 3, "auto": 3} {
		servers := three()
		servers[0].Isolation = isolation
		w := newWorld()
		r := w.open(t, servers, `{}`)
		for range 9 {
			_, _ = send(t, r)
		}
		if len(w.reached) != want {
			t.Errorf("%s: the calls of one caller reach %v", isolation, w.reached)
		}
	}
}

// TestState brings what a server of the modern era asked back to the replica that did, for as long as it may be wanted.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.open(t, three(), `{}`)
		n := 0
		for _, replica := range []string{"s/1", "s/2", "s/3"} {
			w.is(replica, func(ctx context.Context, reply mcp.Reply) error {
				n++
				return reply.Done(ctx, &mcp.Result{
					Revision: mcp.Latest(), Value: fmt.Appendf(nil, `{"resultType":"input_required","requestState":"%s %d"}`, replica, n),
				})
			})
		}
		with := func(state string) func(*Request) {
			return func(rq *Request) {
				rq.Call.Request = message(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","requestState":"`+state+`"}}`)
			}
		}
		for range 10 {
			asked, _ := send(t, r)
			state := fmt.Sprintf("%s %d", asked, n)
			time.Sleep(10 * time.Minute)
			if got, _ := send(t, r, with(state)); got != asked {
				t.Errorf("%s asked, and the answer goes to %s", asked, got)
			}
		}
		if r.states.order.Len() != 20 {
			t.Errorf("%d states are known", r.states.order.Len())
		}
		time.Sleep(time.Hour)
		for element := r.states.order.Front(); element != nil; element = r.states.order.Front() {
			if b := value(element); r.states.get(b.owner, b.server) != "" {
				t.Fatal("a state is known for ever")
			}
		}
	})
}

// TestMemory bounds what is remembered.
func TestMemory(t *testing.T) {
	m := memory{most: 3}
	for i := range 5 {
		m.put(fmt.Sprint("owner ", i), "s", "s/1")
		m.get("owner 0", "s")
	}
	for i, want := range []string{"s/1", "", "", "s/1", "s/1"} {
		if got := m.get(fmt.Sprint("owner ", i), "s"); got != want {
			t.Errorf("owner %d is at %q, want %q", i, got, want)
		}
	}
	m.put("owner 0", "s", "s/2")
	if got := m.get("owner 0", "s"); got != "s/2" {
		t.Errorf("owner 0 is at %q", got)
	}
}
