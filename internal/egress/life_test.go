package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// TestTimeout ends calls that are silent or take too long; progress keeps them alive.
func TestTimeout(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv", func(c *config.Server) { c.MaxRuntime = 3 * time.Second }))
	for _, tt := range []struct {
		tool    string
		timeout time.Duration
		want    string
	}{
		{"never", 100 * time.Millisecond, "was silent for 100ms and was cancelled; the call may have had effects"},
		{"slow", 1500 * time.Millisecond, ""},
		{"never", 0, "took longer than 3s"},
	} {
		c := toolCall(t, legacy, tt.tool)
		d := to(c)
		d.Timeout = tt.timeout
		e := mcp.AsError(p.Do(t.Context(), d, c, &reply{}))
		switch {
		case tt.want == "" && e != nil:
			t.Errorf("%s: %v", tt.tool, e)
		case tt.want != "" && (e == nil || e.Reason != mcp.Timeout || !strings.Contains(e.Message, tt.want)):
			t.Errorf("%s: error = %v, want %s", tt.tool, e, tt.want)
		}
	}
}

// TestDeath has a server end in mid-call: the call is told, the server starts again, and calls that may be repeated are.
func TestDeath(t *testing.T) {
	t.Parallel()
	p, e := newPool(t, stdio("srv"), stdio("other"))
	c := toolCall(t, legacy, "die")
	err := p.Do(t.Context(), to(c), c, &reply{})
	if got := mcp.AsError(err); got == nil || got.Reason != mcp.Upstream || !strings.Contains(got.Message, "exit status 7") ||
		string(got.Data) != `{"mayHaveRun":true}` {
		t.Errorf("error = %v", err)
	}
	if got := do(t, p, toolCall(t, legacy, "echo")); !strings.Contains(got, "echo") {
		t.Errorf("echo = %s", got)
	}
	e.waitFor(t, "changed srv", 1)
	d := to(c)
	d.Server, d.Name = "other", "echo"
	if err := p.Do(t.Context(), d, c, &reply{}); err != nil {
		t.Errorf("the other server: %v", err)
	}
	for _, s := range p.Status() {
		if want := map[string]int{"srv": 1, "other": 0}[s.Server]; s.Restarts != want || s.State != Ready {
			t.Errorf("status = %+v, want %d restarts", s, want)
		}
	}
}

// TestMissing has a server that cannot be started: others are not affected, and calls are told why.
func TestMissing(t *testing.T) {
	t.Parallel()
	p, e := newPool(t, stdio("srv"), stdio("gone", func(c *config.Server) { c.Command = "no-such-program" }))
	if got := do(t, p, toolCall(t, legacy, "echo")); !strings.Contains(got, "echo") {
		t.Errorf("echo = %s", got)
	}
	e.waitFor(t, "state gone failing", 1)
	_, err := p.List(t.Context(), "gone", mcp.LegacyPlain)
	if err == nil || !strings.Contains(err.Error(), `"no-such-program" was not found in PATH`) {
		t.Errorf("error = %v", err)
	}
	if _, err := p.List(t.Context(), "none", mcp.LegacyPlain); err == nil {
		t.Error("a server that is not there gives lists")
	}
}

// TestForgotten has an HTTP server restart: the session is opened again and the call repeated, since it was refused.
func TestForgotten(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	handler := func() http.Handler {
		server := newSDK()
		return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil)
	}
	now := handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := now
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	p, _ := newPool(t, atURL("srv", web.URL))
	for i := range budget + 5 { // more often than a server may fail
		if got := do(t, p, toolCall(t, legacy, "echo")); got != "hi" {
			t.Fatalf("echo number %d = %s", i, got)
		}
		if i > 2 {
			time.Sleep(brief) // or the server would seem to give no sessions at all
		}
		mu.Lock()
		now = handler()
		mu.Unlock()
	}
}

// TestDown takes an HTTP server away and brings it back: its state shows it, and calls are told or wait.
func TestDown(t *testing.T) {
	t.Parallel()
	listen := func(address string) (*http.Server, string) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Server{Handler: &recorder{t: t, modern: true}}
		go func() { _ = web.Serve(l) }()
		return web, l.Addr().String()
	}
	web, address := listen("127.0.0.1:0")
	p, e := newPool(t, atURL("srv", "http://"+address))
	do(t, p, toolCall(t, modern, "x"))
	_ = web.Close()
	c := toolCall(t, modern, "x")
	until(t, func() bool {
		err := mcp.AsError(p.Do(t.Context(), to(c), c, &reply{}))
		if err == nil || err.Reason != mcp.Upstream {
			t.Errorf("error = %v", err)
		}
		return err != nil && strings.Contains(err.Message, "connection refused")
	}, func() any { return p.Status() })
	e.waitFor(t, "state srv failing", 1)
	web, _ = listen(address)
	defer web.Close()
	e.waitFor(t, "state srv ready", 2)
	do(t, p, c)
}

// TestCrashLoop has a server that ends at once each time: it is tried more and more seldom.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv", func(c *config.Server) { c.Command, c.Args = "sh", []string{"-c", "echo broken >&2; exit 9"} }))
	_, err := p.List(t.Context(), "srv", mcp.LegacyPlain)
	if err == nil || !strings.Contains(err.Error(), "exit status 9; it said: broken") {
		t.Errorf("error = %v", err)
	}
	if got := p.Status()[0].State; got != Failing {
		t.Errorf("state = %s", got)
	}
}

// TestUpdate keeps servers that stay as they were, and ends the others with a grace for calls in flight.
func TestUpdate(t *testing.T) {
	t.Parallel()
	p, e := newPool(t, stdio("srv"), stdio("gone"))
	before := do(t, p, toolCall(t, legacy, "pid"))
	c := toolCall(t, legacy, "slow")
	done := make(chan error)
	go func() {
		d := to(c)
		d.Server = "gone"
		done <- p.Do(t.Context(), d, c, &reply{})
	}()
	until(t, func() bool { return p.Status()[0].InFlight == 1 }, func() any { return p.Status() })
	changed := p.Update([]config.Server{stdio("srv"), stdio("new")}, nil)
	if len(changed) != 1 || !changed["new"] {
		t.Errorf("changed = %v", changed)
	}
	if after := do(t, p, toolCall(t, legacy, "pid")); after != before {
		t.Errorf("the process that stays was %s and is %s", before, after)
	}
	if err := <-done; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	e.waitFor(t, "state gone stopped", 1)
	if err := p.Restart("srv"); err != nil {
		t.Fatal(err)
	}
	if after := do(t, p, toolCall(t, legacy, "pid")); after == before {
		t.Error("the process was not restarted")
	}
	e.waitFor(t, "changed srv", 1)
}

// TestStorm has many clients call at once and many of them lose their patience: nothing is mixed up and nothing stays behind.
func TestStorm(t *testing.T) {
	t.Parallel()
	p, _ := newPool(t, stdio("srv"), atURL("legacy", sdkHTTP(t, newSDK(), false)), atURL("modern", sdkHTTP(t, newSDK(), true)))
	for _, server := range []string{"srv", "legacy", "modern"} {
		var clients sync.WaitGroup
		for i := range 40 {
			clients.Go(func() {
				for j := range 10 {
					text := fmt.Sprintf("%d-%d", i, j)
					c := newCall(t, legacy, mcp.MethodToolsCall, `{"name":"srv.echo","arguments":{"text":"`+text+`"}}`)
					c.Name = "srv.echo"
					d := to(c)
					d.Server = server
					ctx, cancel := context.WithCancel(t.Context())
					if (i+j)%3 == 0 {
						time.AfterFunc(time.Duration(j)*200*time.Microsecond, cancel)
					}
					r := &reply{}
					err := p.Do(ctx, d, c, r)
					cancel()
					if err == nil && !strings.Contains(r.text(), text) {
						t.Errorf("%s: answer = %s, want %s", server, r.text(), text)
					}
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("%s: %v", server, err)
					}
				}
			})
		}
		clients.Wait()
	}
	for _, s := range p.Status() {
		if s.InFlight != 0 || s.Faults != (transport.Faults{}) || s.Restarts != 0 {
			t.Errorf("status = %+v, want no call, fault or restart", s)
		}
	}
}

// TestNothingLeft opens much, closes all, and counts goroutines and processes.
func TestNothingLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	server := newSDK()
	web := httptest.NewServer(sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil))
	p := New(t.Context(), Options{Reaper: []string{os.Args[0], "__reap"}})
	p.Update([]config.Server{stdio("srv"), atURL("web", web.URL)}, map[string]*sdk.Server{"own": newSDK()})
	pids := []string{do(t, p, toolCall(t, legacy, "pid")), do(t, p, asking(t, legacy, "s1", "pid")), do(t, p, asking(t, modern, "", "pid"))}
	for _, name := range []string{"web", "own"} {
		for _, revision := range []string{legacy, modern} {
			c := toolCall(t, revision, "echo")
			d := to(c)
			d.Server = name
			if err := p.Do(t.Context(), d, c, &reply{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var calls sync.WaitGroup
	for range 200 {
		calls.Go(func() {
			c := toolCall(t, legacy, "never")
			if e := mcp.AsError(p.Do(t.Context(), to(c), c, &reply{})); e == nil || e.Reason != mcp.Unavailable && e.Reason != mcp.Upstream {
				t.Errorf("a call in flight ended with %v", e)
			}
		})
	}
	until(t, func() bool { return p.Status()[1].InFlight == 200 }, func() any { return p.Status() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v, want the end of its time", err)
	}
	calls.Wait()
	web.CloseClientConnections()
	web.Close()
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			t.Errorf("process %s is left", pid)
		}
	}
	until(t, func() bool { return runtime.NumGoroutine() <= before+2 }, func() any {
		buf := make([]byte, 1<<20)
		return string(buf[:runtime.Stack(buf, true)])
	})
	if _, err := p.List(t.Context(), "srv", mcp.LegacyPlain); err == nil {
		t.Error("a closed pool gives lists")
	}
}
