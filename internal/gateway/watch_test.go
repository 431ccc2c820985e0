package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
)

// A watcher is a client that is subscribed to test://one, with the stream on which it is told of it.
type watcher struct {
	*client
	told chan string
}

// watching subscribes a client of that kind: modern, legacy, or asking, which is of the legacy era and has a session with the
// server of its own.
func (g *gate) watching(t *testing.T, kind string) *watcher {
	t.Helper()
	w := &watcher{client: g.modernClient("{}"), told: make(chan string, 100)}
	var stream *incoming
	if kind == "modern" {
		stream, _ = w.start(t, "subscriptions/listen", `{"notifications":{"resourceSubscriptions":["test://one"]}}`, nil)
		stream.must(t, `"resourceSubscriptions":["test://one"]`)
	} else {
		w.client = g.legacy(t, map[string]string{"legacy": "{}", "asking": everything}[kind])
		stream = w.listen(t, nil)
		if answer := w.ask(t, "resources/subscribe", `{"uri":"test://one"}`); !strings.Contains(answer, `"result"`) {
			t.Fatalf("subscribe: %s", answer)
		}
	}
	go func() {
		for m := stream.message(); m != ""; m = stream.message() {
			w.told <- m
		}
	}()
	return w
}

// hears reports whether the client is told that the resource has changed, when it has changed a few times.
func (w *watcher) hears(t *testing.T, p *peer) bool {
	t.Helper()
	for len(w.told) > 0 {
		<-w.told
	}
	const update = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one","vendor":1.10}}`
	for range 200 {
		p.announce(update, `"test://one"`)
		select {
		case m := <-w.told:
			if strings.Contains(m, "resources/updated") {
				return true
			}
		case <-time.After(25 * time.Millisecond):
		}
	}
	return false
}

// TestSubscriptionsStay restarts a server, changes its entry, and takes it away for a while: whoever is subscribed stays so.
func TestSubscriptionsStay(t *testing.T) {
	t.Parallel()
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, era == "modern")
			cfg := configured(t, p.server("up"))
			g := openWith(t, cfg)
			watchers := map[string]*watcher{}
			for _, kind := range []string{"legacy", "modern", "asking"} {
				watchers[kind] = g.watching(t, kind)
			}
			changed, without := *cfg, *cfg
			changed.Servers = []config.Server{p.server("up")}
			changed.Servers[0].Tools.Timeout = 17 * time.Second
			without.Servers = nil
			reload := func(c *config.Config) func() error { return func() error { return g.Reload(c) } }
			for _, step := range []struct {
				what string
				do   func() error
			}{
				{"nothing", func() error { return nil }},
				{"a restart", func() error { return restartBy(t, g, cfg) }},
				{"a change of its entry", reload(&changed)},
			} {
				if err := step.do(); err != nil {
					t.Fatal(err)
				}
				for kind, w := range watchers {
					if !w.hears(t, p.peer) {
						t.Errorf("a %s client is told nothing after %s", kind, step.what)
					}
				}
			}
			if err := g.Reload(&without); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the server is taken away", func() bool { return era == "modern" || p.openTalks() == 0 })
			if err := g.Reload(&changed); err != nil {
				t.Fatal(err)
			}
			for _, kind := range []string{"legacy", "modern"} {
				if !watchers[kind].hears(t, p.peer) {
					t.Errorf("a %s client is told nothing after the server came back", kind)
				}
			}
			if w := g.watching(t, "legacy"); !w.hears(t, p.peer) {
				t.Error("a client that comes later is told nothing")
			}
		})
	}
}

// restartBy does what `sumun server restart` does.
func restartBy(t *testing.T, g *gate, cfg *config.Config) error {
	t.Helper()
	c := g.modernClient("{}")
	c.key = readKey(t, cfg)
	if answer := c.ask(t, "mcp.admin.restart", `{"server":"up"}`); !strings.Contains(answer, `"result"`) {
		return fmt.Errorf("restart: %s", answer)
	}
	return nil
}

// TestTooManySubscriptions refuses what goes beyond the limit, in both eras, and says so.
func TestTooManySubscriptions(t *testing.T) {
	t.Parallel()
	const most = 1024
	g := open(t, startPeer(t, false).server("up"))
	c := g.legacy(t, "{}")
	uris := make([]string, most+1)
	for i := range uris {
		uris[i] = fmt.Sprintf(`"test://item/%d"`, i)
		answer := c.ask(t, "resources/subscribe", `{"uri":`+uris[i]+`}`)
		if code, says := fault(answer); i < most && code != 0 || i == most && (code != -32602 || !strings.Contains(says, "1024")) {
			t.Errorf("subscription %d: %s", i+1, answer)
		}
	}
	answer := g.modernClient("{}").ask(t, "subscriptions/listen", `{"notifications":{"resourceSubscriptions":[`+strings.Join(uris, ",")+`]}}`)
	if code, says := fault(answer); code != -32602 || !strings.Contains(says, "1024") {
		t.Errorf("a stream with too many: %s", answer)
	}
}

// between serves what a handler does, except that fails may answer a request in its place.
func between(t *testing.T, h http.Handler, fails func(r *http.Request, body string) bool) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if fails(r, string(body)) {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

// TestSubscribersInTurn has a second client subscribe while the server has not answered the first, which it then refuses: no
// client is told of success that the server has not agreed to.
func TestSubscribersInTurn(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	came, refuse := make(chan struct{}, 10), make(chan struct{})
	release := sync.OnceFunc(func() { close(refuse) })
	t.Cleanup(release) // before the server is closed, which waits for its handlers
	s := p.server("up")
	s.URL = between(t, p, func(_ *http.Request, body string) bool {
		if !strings.Contains(body, `"resources/subscribe"`) {
			return false
		}
		came <- struct{}{}
		<-refuse
		return true
	})
	g := open(t, s)
	clients := []*client{g.legacy(t, "{}"), g.legacy(t, "{}")}
	answers := make(chan string, 2)
	for i, c := range clients {
		go func() { answers <- c.ask(t, "resources/subscribe", `{"uri":"test://one"}`) }()
		if i == 0 {
			coming(t, "the first subscription at the server", came)
		}
	}
	select {
	case answer := <-answers:
		t.Errorf("before the server has answered: %s", answer)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	for range clients {
		if answer := coming(t, "the answer to a subscription", answers); !strings.Contains(answer, `"error"`) {
			t.Errorf("the server refuses, and the client is told %s", answer)
		}
	}
}

// TestSubscribeToWhatOneSees has a server offer a resource to modern clients only.
func TestSubscribeToWhatOneSees(t *testing.T) {
	t.Parallel()
	old, young := startPeer(t, false), startPeer(t, true)
	old.setList("resources/list", `{"resources":[{"uri":"test://two","name":"two"}]}`)
	s := config.NewServer("up")
	s.URL = between(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Protocol-Version") == modernRevision {
			young.ServeHTTP(w, r)
		} else {
			old.ServeHTTP(w, r)
		}
	}), func(*http.Request, string) bool { return false })
	g := open(t, s)
	if list := g.modernClient("{}").ask(t, "resources/list", "{}"); !strings.Contains(list, "test://one") {
		t.Fatalf("the modern list: %s", list)
	}
	if list := g.legacy(t, "{}").ask(t, "resources/list", "{}"); strings.Contains(list, "test://one") {
		t.Fatalf("the legacy list: %s", list)
	}
	if w := g.watching(t, "modern"); !w.hears(t, young.peer) {
		t.Error("a modern client is told nothing of what only it sees")
	}
}

// TestNoLists tells of a server that is there and never gives its lists.
func TestNoLists(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	p.setList("tools/list", "")
	cfg := configured(t, p.server("up"))
	c := openWith(t, cfg).modernClient("{}")
	c.key = readKey(t, cfg)
	answer := c.ask(t, "mcp.admin.servers", "{}")
	if !strings.Contains(answer, `"state":"ready"`) || !strings.Contains(answer, `"error":"lists: tools/list of server`) {
		t.Errorf("the server is told to be %s", answer)
	}
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(b))
	return len(b), nil
}

// TestOneLine starts a server whose program is missing: each attempt is one line in the log, which names the server once.
func TestOneLine(t *testing.T) {
	t.Parallel()
	dead := config.NewServer("dead")
	dead.Command = "/nonexistent/program"
	cfg := configured(t, dead)
	log := &lines{}
	g, err := gateway.Open(t.Context(), cfg, gateway.Parts{
		Log: slog.New(slog.NewTextHandler(log, nil)), Version: "1", Reaper: []string{os.Args[0], "__reap"},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.Settled(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		t.Error(err)
	}
	attempts, how := 0, 0
	for _, line := range log.all {
		switch {
		case !strings.Contains(line, "dead"):
		case strings.Contains(line, `msg="how a server runs"`) && how == 0: // once: without a box
			how++
		case strings.Contains(line, `msg="server not ready"`) && strings.Count(line, "dead") == 1:
			attempts++
		default:
			t.Errorf("one line too many, or doubled: %s", line)
		}
	}
	if attempts == 0 {
		t.Errorf("nothing was logged: %q", log.all)
	}
}
