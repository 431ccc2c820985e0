package egress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// legacyCall returns a call of a client session that can be asked.
func asking(t *testing.T, revision, session, tool string) *mcp.Call {
	t.Helper()
	c := toolCall(t, revision, tool)
	c.Capabilities = []byte(askable)
	if c.Session != nil {
		c.Session = &mcp.Session{ID: session}
	}
	return c
}

// TestIsolation looks at which calls share a process.
func TestIsolation(t *testing.T) {
	t.Parallel()
	plain := func(revision string) func(t *testing.T, session string) *mcp.Call {
		return func(t *testing.T, session string) *mcp.Call {
			t.Helper()
			c := toolCall(t, revision, "pid")
			if c.Session != nil {
				c.Session = &mcp.Session{ID: session}
			}
			return c
		}
	}
	able := func(revision string) func(t *testing.T, session string) *mcp.Call {
		return func(t *testing.T, session string) *mcp.Call {
			t.Helper()
			return asking(t, revision, session, "pid")
		}
	}
	tests := map[string]struct {
		isolation string
		call      func(t *testing.T, session string) *mcp.Call
		processes int // after two calls each of two sessions, one after the other; the home is one
	}{
		"auto, cannot be asked":        {"auto", plain(legacy), 1},
		"auto, can be asked":           {"auto", able(legacy), 3},
		"auto, modern":                 {"auto", plain(modern), 1},
		"auto, modern can be asked":    {"auto", able(modern), 2}, // leased one after the other
		"shared, can be asked":         {"shared", able(legacy), 1},
		"session, cannot be asked":     {"session", plain(legacy), 3},
		"session, modern":              {"session", plain(modern), 2},
		"caller, cannot be asked":      {"caller", plain(legacy), 2},
		"caller, modern, can be asked": {"caller", able(modern), 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newPool(t, stdio("srv", func(c *config.Server) { c.Isolation = tt.isolation }))
			pids := map[string]string{}
			for range 2 {
				for _, session := range []string{"s1", "s2"} {
					pid := do(t, p, tt.call(t, session))
					if old := pids[session]; old != "" && old != pid {
						t.Errorf("session %s went to process %s and then to %s", session, old, pid)
					}
					pids[session] = pid
				}
			}
			if got := p.Status()[0].Processes; got != tt.processes {
				t.Errorf("%d processes, want %d", got, tt.processes)
			}
		})
	}
}

// TestOwnSession passes on what the client is, answers its server's questions, and ends with the client.
func TestOwnSession(t *testing.T) {
	t.Parallel()
	p, e := newPool(t, stdio("srv"))
	hello := do(t, p, asking(t, legacy, "s1", "hello"))
	if !strings.Contains(hello, `"capabilities":`+askable) || !strings.Contains(hello, `"clientInfo":{"name":"c"`) {
		t.Errorf("the server was told %s", hello)
	}
	p.SetLevel(t.Context(), "s1", "warning")
	e.waitFor(t, `tell s1 {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"emergency","data":"warning"}}`, 1)
	if n := p.Status()[0].Sessions; n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	p.RootsChanged(t.Context(), "s1")
	p.SessionEnded("s1")
	until(t, func() bool { return p.Status()[0].Sessions == 1 }, func() any { return p.Status() })
}

// TestQuestions has servers ask clients that can and cannot be asked.
func TestQuestions(t *testing.T) {
	t.Parallel()
	accept := func(mcp.Question) ([]byte, error) { return []byte(`{"x":1}`), nil }
	decline := func(mcp.Question) ([]byte, error) { return nil, mcp.ErrDeclined }
	tests := []struct {
		tool   string
		able   bool
		answer func(mcp.Question) ([]byte, error)
		want   string
	}{
		{mcp.MethodElicit, true, accept, `"result":{"x":1}`},
		{mcp.MethodElicit, true, nil, `"result":{"action":"cancel"}`},
		{mcp.MethodElicit, true, decline, `"result":{"action":"decline"}`},
		{mcp.MethodElicit, false, accept, `"result":{"action":"cancel"}`},
		{mcp.MethodSample, true, accept, `"result":{"x":1}`},
		{mcp.MethodSample, true, decline, `"error":{"code":-1`},
		{mcp.MethodSample, false, accept, `"error":{"code":-32601`},
		{mcp.MethodRoots, true, accept, `"result":{"roots":[]}`}, // put to the client, not to the call
		{mcp.MethodRoots, false, accept, `"error":{"code":-32601`},
	}
	p, _ := newPool(t, stdio("srv"))
	for _, tt := range tests {
		c := toolCall(t, legacy, tt.tool)
		if tt.able {
			c = asking(t, legacy, "s1", tt.tool)
		}
		r := &reply{answer: tt.answer}
		if err := p.Do(t.Context(), to(c), c, r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.text(), tt.want) {
			t.Errorf("%s, able %v: the server was answered %s, want %s", tt.tool, tt.able, r.text(), tt.want)
		}
	}
	if n := p.Status()[0].Refused; n != 4 {
		t.Errorf("%d questions refused, want 4", n)
	}
}

// TestBridge has a legacy server ask a modern client.
func TestBridge(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv"))
	for _, method := range []string{mcp.MethodElicit, mcp.MethodSample, mcp.MethodRoots} {
		r := &reply{answer: func(q mcp.Question) ([]byte, error) { return []byte(`{"to":"` + q.Method + `"}`), nil }}
		c := asking(t, modern, "", method)
		if err := p.Do(t.Context(), to(c), c, r); err != nil || !strings.Contains(r.text(), `"result":{"to":"`+method+`"}`) {
			t.Errorf("the server was answered %s, %v", r.text(), err)
		}
	}
	r := &reply{answer: func(mcp.Question) ([]byte, error) { return nil, mcp.ErrExpired }}
	c := asking(t, modern, "", mcp.MethodElicit)
	if e := mcp.AsError(p.Do(t.Context(), to(c), c, r)); e == nil || e.Reason != mcp.Timeout {
		t.Errorf("a question that nobody answered: %v", e)
	}
}

// TestInputRequired relays a modern server's question to a modern client, and puts it to a legacy one as requests.
func TestInputRequired(t *testing.T) {
	t.Parallel()
	accept := func(mcp.Question) ([]byte, error) { return []byte(`{"action":"accept"}`), nil }
	tests := []struct {
		name, result string
		answer       func(mcp.Question) ([]byte, error)
		rounds       int // after which the server answers
		want         string
	}{
		{"answered", `"inputRequests":{"k\u0031":{"method":"elicitation/create","params":{"n":1.10}}},"requestState":"x"`, accept, 1, "done"},
		{"asked ten times", `"inputRequests":{"k":{"method":"elicitation/create"}}`, accept, 9, "done"},
		{"asked too often", `"inputRequests":{"k":{"method":"elicitation/create"}}`, accept, 100, "more than 10 times"},
		{"patience", `"requestState":"x"`, nil, 2, "done"},
		{
			"declined", `"inputRequests":{"k":{"method":"elicitation/create"}}`,
			func(mcp.Question) ([]byte, error) { return nil, mcp.ErrDeclined }, 1, "declined",
		},
		{"what it cannot", `"inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"url","url":"https://a"}}}`, accept, 1, "not declared"},
		{"unknown", `"inputRequests":{"k":{"method":"future/ask"}}`, accept, 1, "not declared"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rounds := 0
			f := &recorder{t: t, modern: true, tool: func(w http.ResponseWriter, id string) {
				result := `"resultType":"input_required",` + tt.result
				if rounds++; rounds > tt.rounds {
					result = `"resultType":"complete","content":[{"type":"text","text":"done"}]`
				}
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{%s}}`, id, result)
			}}
			p, _ := newPool(t, atURL("srv", f.serve()))
			r := &reply{}
			c := asking(t, modern, "", "ask")
			if err := p.Do(t.Context(), to(c), c, r); err != nil || !strings.Contains(r.result, tt.result) {
				t.Errorf("a modern client gets %s, %v", r.result, err)
			}
			rounds = 0
			c, r = asking(t, legacy, "s1", "ask"), &reply{answer: tt.answer}
			got := fmt.Sprint(p.Do(t.Context(), to(c), c, r)) + r.text()
			if !strings.Contains(got, tt.want) {
				t.Errorf("a legacy client gets %s, want %s", got, tt.want)
			}
			if tt.name == "answered" {
				if retry := f.body; !strings.Contains(retry, `"inputResponses":{"k\u0031":{"action":"accept"}}`) || !strings.Contains(retry, `"requestState":"x"`) {
					t.Errorf("the retry is %s", retry)
				}
			}
		})
	}
}

// TestLogging filters log messages by what the call wants.
func TestLogging(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv"))
	for _, tt := range []struct {
		revision, level string
		want            []string
	}{
		{legacy, "warning", []string{"high"}},
		{legacy, "debug", []string{"low", "high"}},
		{legacy, "", []string{"low", "high"}},
		{modern, "", nil},
		{modern, "error", []string{"high"}},
	} {
		c := toolCall(t, tt.revision, "log")
		c.LogLevel = tt.level
		r := &reply{}
		if err := p.Do(t.Context(), to(c), c, r); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range r.notices {
			if !strings.Contains(n, "emergency") {
				got = append(got, n)
			}
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s at %q: %q, want %q", tt.revision, tt.level, got, tt.want)
		}
	}
}

// TestLoggingOfNoCall has a server log while two calls are in flight on a pipe, so that nobody can say for which of them: on a
// session of one client it is told what its level lets through, on a shared one nobody is, and the message is counted.
func TestLoggingOfNoCall(t *testing.T) {
	t.Parallel()
	p, e := newPool(t, stdio("srv"))
	two := func(newCall func(tool string) *mcp.Call) {
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		never := newCall("never")
		others.Go(func() { _ = p.Do(ctx, to(never), never, &reply{}) })
		until(t, func() bool { return p.Status()[0].InFlight == 1 }, func() any { return p.Status() })
		log := newCall("log")
		log.LogLevel = "error"
		do(t, p, log)
		cancel()
		others.Wait()
	}
	two(func(tool string) *mcp.Call { return asking(t, legacy, "s1", tool) })
	e.waitFor(t, `tell s1 {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"high"}}`, 1)
	if n := e.count(`tell s1 {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"debug"`); n != 0 {
		t.Errorf("the client was told %d messages below its level", n)
	}
	if n := p.Status()[0].Unheard; n != 0 {
		t.Errorf("%d messages of a client's own session were dropped", n)
	}
	two(func(tool string) *mcp.Call { return toolCall(t, legacy, tool) })
	until(t, func() bool { return p.Status()[0].Unheard >= 2 }, func() any { return p.Status() })
}

// TestPatience lets calls be silent, make progress and ask, in a time of its own.
func TestPatience(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		during func(f *flow)
		want   time.Duration
	}{
		"silent": {func(*flow) {}, 30 * time.Second},
		"progress": {func(f *flow) {
			time.Sleep(20 * time.Second)
			f.touch(0)
		}, 50 * time.Second},
		"progress without end": {func(f *flow) {
			for f.ctx.Err() == nil {
				time.Sleep(20 * time.Second)
				f.touch(0)
			}
		}, 100 * time.Second},
		"a question": {func(f *flow) {
			f.touch(1)
			time.Sleep(60 * time.Second)
			f.touch(-1)
		}, 90 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{config: config.Server{MaxRuntime: 100 * time.Second}}
				began := time.Now()
				f := newFlow(t.Context(), s, &mcp.Destination{Timeout: 30 * time.Second}, toolCall(t, legacy, "x"), nil)
				defer f.end()
				var during sync.WaitGroup
				during.Go(func() { tt.during(f) })
				defer during.Wait()
				<-f.ctx.Done()
				if got := time.Since(began); got != tt.want {
					t.Errorf("the call ended after %v, want %v", got, tt.want)
				}
				if e := mcp.AsError(context.Cause(f.ctx)); e == nil || e.Reason != mcp.Timeout {
					t.Errorf("cause = %v", e)
				}
			})
		})
	}
}

// TestSubscribe subscribes through one session, once, in both eras, and again when the session was lost.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	t.Run("legacy", func(t *testing.T) {
		t.Parallel()
		p, e := newPool(t, stdio("srv"))
		for range 2 {
			if err := p.Subscribe(t.Context(), "srv", "x:1"); err != nil {
				t.Fatal(err)
			}
		}
		e.waitFor(t, "updated srv x:1", 1)
		c := toolCall(t, legacy, "die")
		_ = p.Do(t.Context(), to(c), c, &reply{})
		e.waitFor(t, "updated srv x:1", 2)
		if err := p.Unsubscribe(t.Context(), "x:1"); err != nil {
			t.Fatal(err)
		}
		if n := e.count("updated"); n != 2 {
			t.Errorf("%d updates, want 2", n)
		}
	})
	for _, kind := range []string{"in process", "http"} {
		t.Run("modern, "+kind, func(t *testing.T) {
			t.Parallel()
			server := newSDK()
			p, e := newPool(t)
			if kind == "http" {
				p.Update([]config.Server{atURL("srv", sdkHTTP(t, server, true))}, nil)
			} else {
				p.Update(nil, map[string]*sdk.Server{"srv": server})
			}
			for _, uri := range []string{"x:1", "x:2"} {
				if err := p.Subscribe(t.Context(), "srv", uri); err != nil {
					t.Fatal(err)
				}
			}
			update := func(uri string) {
				if err := server.ResourceUpdated(t.Context(), &sdk.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
					t.Error(err)
				}
			}
			update("x:1")
			update("x:2")
			e.waitFor(t, "updated srv x:1", 1)
			e.waitFor(t, "updated srv x:2", 1)
			if err := p.Unsubscribe(t.Context(), "x:1"); err != nil {
				t.Fatal(err)
			}
			update("x:1")
			update("x:2")
			e.waitFor(t, "updated srv x:2", 2)
			if n := e.count("updated srv x:1"); n != 1 {
				t.Errorf("%d updates of what nobody is subscribed to", n-1)
			}
			before := e.count("changed")
			server.RemoveTools("ask")
			e.waitFor(t, "changed srv", before+1)
		})
	}
}

// TestBounds limits sessions, and ends idle ones.
func TestBounds(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv", func(c *config.Server) { c.MaxSessions = 2 }),
		stdio("idle", func(c *config.Server) { c.IdleStop = 50 * time.Millisecond }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		c := asking(t, legacy, "s1", "never")
		done <- p.Do(ctx, to(c), c, &reply{})
	}()
	status := func() Status { return p.Status()[1] }
	until(t, func() bool { return status().InFlight == 1 }, func() any { return status() })
	c := asking(t, legacy, "s2", "echo")
	if e := mcp.AsError(p.Do(t.Context(), to(c), c, &reply{})); e == nil || e.Reason != mcp.Unavailable {
		t.Errorf("error = %v, want one about maxSessions", e)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	do(t, p, c) // now the idle one has to go
	d := to(c)
	d.Server = "idle"
	if err := p.Do(t.Context(), d, c, &reply{}); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return p.Status()[0].Sessions == 1 }, func() any { return p.Status() })
}
