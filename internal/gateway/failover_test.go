package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// A trouble is what can be wrong with a replica while it runs.
type trouble struct {
	*httpPeer

	front *httptest.Server
	// lag is how long a tool call takes at least, failing that it is answered with 500.
	lag     atomic.Int64
	failing atomic.Bool
	calls   atomic.Int64
}

// ServeHTTP delays tool calls, or fails them.
func (p *trouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Mcp-Method") == "tools/call" {
		p.calls.Add(1)
		time.Sleep(time.Duration(p.lag.Load()))
		if p.failing.Load() {
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
	}
	p.httpPeer.ServeHTTP(w, r)
}

// A load is a number of clients that call a tool one call after the other, and what became of their calls.
type load struct {
	mu       sync.Mutex
	failed   int
	why      string
	took     []time.Duration
	replicas map[string]int
}

// run has clients call the tool for a while. They pause between calls: what is measured is the gate, not how busy the machine is.
func (l *load) run(t *testing.T, g *gate, tool string, lasting time.Duration) {
	t.Helper()
	const clients = 8
	l.failed, l.took, l.replicas = 0, nil, map[string]int{}
	over := time.Now().Add(lasting)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c := g.modernClient("{}")
			for time.Now().Before(over) {
				start := time.Now()
				l.note(c.ask(t, "tools/call", `{"name":"`+tool+`","arguments":{}}`), time.Since(start))
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

func (l *load) note(answer string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	if strings.Contains(answer, `"error"`) {
		l.failed++
		l.why = answer
		return
	}
	l.replicas[textOf(answer)]++
}

// shared reports whether each of those replicas took a good part of the calls.
func (l *load) shared(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return l.replicas[name] <= len(l.took)/10 })
}

// p99 is what 99 of 100 calls took at most.
func (l *load) p99() time.Duration {
	slices.Sort(l.took)
	return l.took[len(l.took)*99/100]
}

// tell prints how it went, and wants no more than a share of the calls to have failed.
func (l *load) tell(t *testing.T, what string, most float64) {
	t.Helper()
	rate := float64(l.failed) / float64(len(l.took))
	t.Logf("%-28s %5d calls, %.2f %% failed, p99 %v, %v", what, len(l.took), 100*rate, l.p99().Round(100*time.Microsecond), l.replicas)
	if rate > most {
		t.Errorf("%s: %.2f %% of the calls failed, as: %s", what, 100*rate, l.why)
	}
}

// startTroubled starts three replicas that can be given trouble.
func startTroubled(t *testing.T) ([]*trouble, config.Server) {
	t.Helper()
	peers := startCrew(t, true)
	s := peers.server("shop")
	s.Health.Pause, s.Health.Interval = 300*time.Millisecond, 200*time.Millisecond
	s.Replicas = nil
	all := make([]*trouble, len(peers))
	for i, p := range peers {
		all[i] = &trouble{httpPeer: p}
		all[i].front = httptest.NewServer(all[i])
		t.Cleanup(func() {
			all[i].front.CloseClientConnections()
			all[i].front.Close()
		})
		if s.URL = all[0].front.URL; i > 0 {
			s.Replicas = append(s.Replicas, all[i].front.URL)
		}
	}
	return all, s
}

// TestFailover puts three replicas under load, and has one fail, one be slow and one be gone: hardly a call fails, what is in trouble
// gets next to none, and comes back when it is well.
func TestFailover(t *testing.T) {
	t.Parallel()
	replicas, s := startTroubled(t)
	g := openWith(t, func() *config.Config {
		cfg := configured(t, s)
		cfg.Routing = []config.Route{{Name: "shop.who", Strategy: "least-pending", Retries: 2}}
		return cfg
	}())
	const phase = 700 * time.Millisecond
	var l load
	l.run(t, g, "shop.who", phase)
	l.tell(t, "all are well", 0)
	usual := l.p99()

	replicas[1].calls.Store(0)
	replicas[1].failing.Store(true)
	l.run(t, g, "shop.who", phase)
	l.tell(t, "one fails", 0.01)
	if n := replicas[1].calls.Swap(0); n > int64(len(l.took)) {
		t.Errorf("the one that fails was called %d times", n)
	}
	replicas[2].lag.Store(int64(200 * time.Millisecond))
	l.run(t, g, "shop.who", phase)
	l.tell(t, "one fails, one is slow", 0.01)
	replicas[1].failing.Store(false)
	replicas[2].lag.Store(0)
	returned := g.until(t, &l, func() bool { return l.shared("2", "3") })
	l.tell(t, "both are well again", 0)
	if !returned {
		t.Errorf("what is well again gets no calls: %v; %s", l.replicas, g.dialect(t, "mcp.routing", "{}"))
	}

	replicas[0].front.CloseClientConnections()
	replicas[0].front.Listener.Close()
	replicas[0].front.CloseClientConnections()
	replicas[1].failing.Store(true)
	replicas[2].lag.Store(int64(30 * time.Millisecond))
	l.run(t, g, "shop.who", phase)
	l.tell(t, "one gone, one fails, one slow", 0.02)
	replicas[1].failing.Store(false)
	replicas[2].lag.Store(0)
	g.until(t, &l, func() bool { return l.shared("2", "3") })
	l.tell(t, "two of three are well", 0)
	if l.p99() > 20*usual+100*time.Millisecond {
		t.Errorf("99 of 100 calls take up to %v, when all were well %v", l.p99(), usual)
	}
}

// until puts load on the gate until something holds, and reports whether it does at last.
func (g *gate) until(t *testing.T, l *load, ok func() bool) bool {
	t.Helper()
	for range 20 {
		if l.run(t, g, "shop.who", 250*time.Millisecond); ok() {
			return true
		}
	}
	return false
}

// TestFailoverSticky keeps the roots of callers at their replicas under load: only those of one that is in trouble move, and they
// come back.
func TestFailoverSticky(t *testing.T) {
	t.Parallel()
	replicas, s := startTroubled(t)
	s.Health.Latency = 0 // on a busy machine any of them may be slow for a while
	cfg := configured(t, s)
	cfg.Routing = []config.Route{{Name: "shop.*", Strategy: "sticky:root", Retries: 2}}
	g := openWith(t, cfg)
	where := func(root int) string {
		got := g.dialect(t, "mcp.tool.invoke", fmt.Sprintf(`{"toolId":"shop.who","args":{},"context":{"rootId":"root-%d"}}`, root))
		_, got, _ = strings.Cut(got, `"output":"`)
		got, _, _ = strings.Cut(got, `"`)
		return got
	}
	const roots = 24
	for root := range roots {
		g.dialect(t, "mcp.root.create", fmt.Sprintf(`{"rootId":"root-%d"}`, root))
	}
	homes := make([]string, roots)
	seen := map[string]bool{}
	for root := range roots {
		homes[root] = where(root)
		seen[homes[root]] = true
	}
	if len(seen) != 3 {
		t.Fatalf("the roots are at %v", homes)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	busy.Go(func() {
		c := g.modernClient("{}")
		for ctx.Err() == nil {
			c.ask(t, "tools/call", `{"name":"shop.who","arguments":{}}`)
			time.Sleep(10 * time.Millisecond)
		}
	})
	moved := func(allowed string) (n int) {
		t.Helper()
		for root := range roots {
			if got := where(root); got != homes[root] {
				n++
				if homes[root] != allowed {
					t.Errorf("root %d moves from %s to %s", root, homes[root], got)
				}
			}
		}
		return n
	}
	moved("none")
	replicas[1].failing.Store(true)
	moved("2")
	if n := moved("2"); n == 0 {
		t.Error("nothing moves from the replica that fails")
	}
	replicas[1].failing.Store(false)
	back := -1
	for range 50 {
		if back = moved("2"); back == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if back != 0 {
		t.Errorf("%d roots do not come back", back)
	}
}
