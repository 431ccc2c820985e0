package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestIsolation has clients that can be asked, and one that cannot, call the same tools of one server at once: each gets
// its own questions and log messages and nobody else's.
func TestIsolation(t *testing.T) {
	t.Parallel()
	for _, carrier := range []string{"http", "pipe"} {
		t.Run(carrier, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, "legacy", carrier)
			a, b, plain := s.gate.legacy(t, everything), s.gate.legacy(t, everything), s.gate.legacy(t, "{}")
			streams := map[string]*incoming{"a": a.listen(t, nil), "b": b.listen(t, nil), "plain": plain.listen(t, nil)}
			first, _ := a.start(t, "tools/call", `{"name":"elicit"}`, nil)
			second, _ := b.start(t, "tools/call", `{"name":"elicit"}`, nil)
			mine, theirs := first.must(t, "elicitation/create"), second.must(t, "elicitation/create")
			// The ids of the questions may well be equal: they count only within a session.
			b.reply(t, theirs, `{"action":"accept","content":{"who":"b"}}`)
			a.reply(t, mine, `{"action":"accept","content":{"who":"a"}}`)
			if text := textOf(first.last(t)); !strings.Contains(text, `"who":"a"`) {
				t.Errorf("the call of a: %s", text)
			}
			if text := textOf(second.last(t)); !strings.Contains(text, `"who":"b"`) {
				t.Errorf("the call of b: %s", text)
			}
			in := b.post(t, answering(t, mine, `"result":{"action":"accept"}`), nil)
			if in.status != http.StatusBadRequest {
				t.Errorf("an answer to a question that nobody asks any more: status %d", in.status)
			}
			if text := plain.call(t, "elicit"); !strings.Contains(text, `"action":"cancel"`) {
				t.Errorf("a client that cannot be asked: the server is told %s", text)
			}
			for _, c := range []*client{a, b, plain} {
				checkProgress(t, c, []string{"log 0", "log 1", "log 2"})
			}
			for name, stream := range streams {
				stream.end()
				if rest := stream.all(); len(rest) > 0 {
					t.Errorf("%s is told %q", name, rest)
				}
			}
		})
	}
}

// TestSharing counts the sessions with a server: clients that can be asked have one each, the others share one, and those
// of clients that have left are closed.
func TestSharing(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	var sharing, asking []*client
	for range 4 {
		sharing = append(sharing, g.legacy(t, "{}"))
	}
	for _, c := range sharing {
		c.call(t, "echo")
	}
	g.modernClient("{}").call(t, "echo")
	talks := map[string]bool{}
	for _, r := range p.got("tools/call") {
		talks[r.talk] = true
	}
	if len(talks) != 1 {
		t.Errorf("clients that can be asked nothing used %d sessions", len(talks))
	}
	for id := range talks {
		defer func() {
			if p.talk(id) == nil {
				t.Error("the shared session was closed")
			}
		}()
	}
	for i := range 3 {
		c := g.legacy(t, fmt.Sprintf(`{"elicitation":{},"experimental":{"n":%d}}`, i))
		c.call(t, "echo")
		c.call(t, "echo")
		asking = append(asking, c)
	}
	talks = map[string]bool{}
	for _, r := range p.got("tools/call")[5:] {
		talks[r.talk] = true
	}
	if len(talks) != 3 {
		t.Errorf("3 clients that can be asked used %d sessions", len(talks))
	}
	hellos := strings.Join(p.hellos(), "\n")
	for i := range asking {
		if !strings.Contains(hellos, fmt.Sprintf(`{"elicitation":{},"experimental":{"n":%d}}`, i)) {
			t.Errorf("the server was not told what client %d can do: %s", i, hellos)
		}
	}
	open := p.openTalks()
	for _, c := range asking {
		c.send(t, http.MethodDelete, "", nil).end()
	}
	eventually(t, "the sessions of clients that have left are closed", func() bool { return p.openTalks() == open-3 })
	for _, c := range sharing {
		c.send(t, http.MethodDelete, "", nil).end()
	}
	time.Sleep(50 * time.Millisecond) // for what must not happen
}

// TestOwnProcess counts the processes of a server on a pipe.
func TestOwnProcess(t *testing.T) {
	t.Parallel()
	p := newPipePeer(t, "legacy")
	g := open(t, p.server("up"))
	plain, other := g.legacy(t, "{}"), g.legacy(t, "{}")
	plain.call(t, "echo")
	other.call(t, "echo")
	if n := len(p.processes()); n != 1 {
		t.Errorf("clients that can be asked nothing have %d processes", n)
	}
	a, b := g.legacy(t, everything), g.legacy(t, everything)
	a.call(t, "echo")
	b.call(t, "echo")
	alive := len(p.alive())
	if alive < 3 {
		t.Errorf("%d processes for one shared and two clients of their own", alive)
	}
	a.send(t, http.MethodDelete, "", nil).end()
	b.send(t, http.MethodDelete, "", nil).end()
	eventually(t, "the processes of clients that have left end", func() bool { return len(p.alive()) == alive-2 })
	if text := plain.call(t, "echo"); !strings.Contains(text, "echo") {
		t.Errorf("the shared process: %s", text)
	}
}

// TestForgottenSession has a server forget the session: the gate opens another one, and a call that was not begun is
// made again without the client noticing.
func TestForgottenSession(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	for name, c := range map[string]*client{"shared": g.legacy(t, "{}"), "own": g.legacy(t, everything)} {
		if text := c.call(t, "leave"); text != "left" {
			t.Errorf("%s: %s", name, text)
		}
		start := time.Now()
		if text := c.call(t, "echo"); !strings.Contains(text, `"name":"echo"`) {
			t.Errorf("%s: the call after the session was lost: %s", name, text)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: that took %v", name, took)
		}
	}
}
