package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A loss is a way in which a session with a server is lost in mid-session.
type loss struct {
	name string
	// begun says that the server may have begun the call that finds it lost.
	begun bool
	// answer is what the server answers on the session that is lost.
	answer func(w http.ResponseWriter, r *http.Request, id string)
}

// losses are the ways over HTTP. A process that is killed is TestKilledCall.
var losses = []loss{
	{"400", false, func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, "no such session", http.StatusBadRequest)
	}},
	{"404", false, func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, "gone", http.StatusNotFound)
	}},
	{"200 with an error", false, func(w http.ResponseWriter, _ *http.Request, id string) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32001,"message":"Session not found"}}`, id)
	}},
	{"connection reset", true, func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) }},
	{"silent", true, func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }},
}

// TestLostSession loses the session with a legacy server in mid-session. A call that was not begun is made again, one that may have
// been begun only if the server says that it may and is believed; whatever became of it, the next call works.
func TestLostSession(t *testing.T) {
	t.Parallel()
	for _, l := range losses {
		for _, trusted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, trusted %v", l.name, trusted), func(t *testing.T) {
				t.Parallel()
				loseSession(t, l, trusted)
			})
		}
	}
}

func loseSession(t *testing.T, l loss, trusted bool) {
	t.Helper()
	p := startPeer(t, false)
	p.offer("look", `,"annotations":{"readOnlyHint":true}`, func(_ context.Context, t *talk, _ message, _ func(string)) string {
		return t.text("seen")
	})
	var lost atomic.Value // the id of the session that is lost
	lost.Store("none")
	s := p.server("up")
	s.URL = losing(t, p, l, &lost)
	s.Trust.Annotations, s.Tools.Timeout = trusted, 700*time.Millisecond
	g := open(t, s)
	for name, c := range map[string]*client{"shared": g.legacy(t, "{}"), "own": g.legacy(t, everything), "modern": g.modernClient("{}")} {
		if text := c.call(t, "echo"); !strings.Contains(text, "echo") {
			t.Fatalf("%s: before: %s", name, text)
		}
		calls := p.got("tools/call")
		lost.Store(calls[len(calls)-1].talk)
		answer := c.ask(t, "tools/call", `{"name":"look","arguments":{}}`)
		// Who is silent is not asked again: the call has taken its time.
		repeated := !l.begun || trusted && l.name != "silent"
		if code, says := fault(answer); repeated && textOf(answer) != "seen" || !repeated && (code != -32603 || !strings.Contains(says, `"up"`)) {
			t.Errorf("%s: the call that finds the session lost: %s", name, answer)
		}
		if l.name == "silent" {
			lost.Store("none") // the server comes to itself
		}
		if text := c.call(t, "echo"); !strings.Contains(text, `"name":"echo"`) {
			t.Errorf("%s: the next call: %s", name, text)
		}
		lost.Store("none")
	}
}

// losing serves what the peer does, except that calls on the session that is lost are answered as the loss says: once where the
// server only stumbles, and always where it has forgotten the session.
func losing(t *testing.T, p *httpPeer, l loss, lost *atomic.Value) string {
	t.Helper()
	return between(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Mcp-Session-Id")
		if id == "" || id != lost.Load() || r.Method != http.MethodPost {
			p.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if l.name == "connection reset" {
			lost.Store("none")
		}
		l.answer(w, r, string(messageOf(string(body)).ID))
	}), func(*http.Request, string) bool { return false })
}

// TestKilledCall kills the process of a server in mid-call: the call is not made again, since it may have had effects, and the next
// one works.
func TestKilledCall(t *testing.T) {
	t.Parallel()
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			p := newPipePeer(t, era)
			g := open(t, p.server("up"))
			for name, c := range map[string]*client{"legacy": g.legacy(t, "{}"), "modern": g.modernClient("{}")} {
				before := strings.Count(p.all(), `"name":"forever"`)
				c.next++
				answer := make(chan *incoming, 1)
				go func() { answer <- c.post(t, c.request(c.next, "tools/call", `{"name":"forever","arguments":{}}`), nil) }()
				begun := func() bool { return strings.Count(p.all(), `"name":"forever"`) == before+1 }
				eventually(t, "the call reaches the server", begun)
				for _, pid := range p.alive() {
					kill(pid)
				}
				if code, says := fault((<-answer).last(t)); code != -32603 || !strings.Contains(says, `"up"`) {
					t.Errorf("%s: the call that was cut off: %d %s", name, code, says)
				}
				eventually(t, "the next call works", func() bool { return strings.Contains(c.call(t, "echo"), `"name":"echo"`) })
				if !begun() {
					t.Errorf("%s: the call was made again", name)
				}
			}
		})
	}
}

// TestLateAnswer has an answer arrive after its client has left. In the legacy era it is kept until the client comes for it; in the
// modern era the call was cancelled, at servers of both eras.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			p.offer("late", "", late)
			g := open(t, p.server("up"))
			const params = `{"_meta":{$META,"progressToken":"tok"},"name":"late","arguments":{}}`
			c := g.legacy(t, "{}")
			in, id := c.start(t, "tools/call", strings.Replace(params, "$META,", "", 1), nil)
			in.must(t, "notifications/progress")
			seen := in.ids[len(in.ids)-1]
			in.end()
			young := g.modernClient("{}")
			other, _ := young.start(t, "tools/call", params, nil)
			other.must(t, "notifications/progress")
			other.end()
			eventually(t, "the server hears that the modern client has left", func() bool { return p.count("cancelled") == 1 })
			close(p.release)
			rest := c.listen(t, map[string]string{"Last-Event-ID": seen}).all()
			if len(rest) != 1 || !strings.Contains(rest[0], fmt.Sprintf(`"id":%d`, id)) || textOf(rest[0]) != "held" {
				t.Errorf("the legacy client comes back and is told %q", rest)
			}
			if n := p.count("cancelled"); n != 1 {
				t.Errorf("%d calls were cancelled, want that of the modern client", n)
			}
		})
	}
}

// late says that it has begun, and answers when it is told to.
func late(ctx context.Context, t *talk, m message, say func(string)) string {
	say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":1}}`, m.param("_meta", "progressToken")))
	select {
	case <-t.peer.release:
		return t.text("held")
	case <-ctx.Done():
		t.remember("cancelled")
		return ""
	}
}
