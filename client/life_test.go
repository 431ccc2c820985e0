package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/client"
)

// TestDeath has a program end in mid-call: the call is not repeated, and the next one finds the program started again.
func TestDeath(t *testing.T) {
	t.Parallel()
	c := start(t)
	before, err := client.Call[string](t.Context(), c, "pid", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Call(t.Context(), "die", nil)
	e, ok := errors.AsType[*client.Error](err)
	if !errors.Is(err, client.ErrLost) || !ok || !e.MayHaveRun || !strings.Contains(err.Error(), "may have had effects") {
		t.Errorf("error = %v", err)
	}
	after, err := client.Call[string](t.Context(), c, "pid", nil)
	if err != nil || after == before {
		t.Errorf("pid = %s after %s, %v", after, before, err)
	}
}

// TestForgotten has a server of the legacy era forget its sessions: calls are repeated, since they were refused.
func TestForgotten(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[http.Handler]
	renew := func() {
		s := newServer()
		var h http.Handler = sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, nil)
		now.Store(&h)
	}
	renew()
	c := dial(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) })))
	for range 3 {
		if got, err := client.Call[string](t.Context(), c, "echo", map[string]int{"n": 1}); err != nil || got != `{"n":1}` {
			t.Errorf("echo = %s, %v", got, err)
		}
		renew()
	}
}

// TestRepeat breaks the connection once for each method: what changes nothing is asked again, a tool is not called twice.
func TestRepeat(t *testing.T) {
	t.Parallel()
	s := newServer()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	var broken sync.Map
	asked := map[string]*atomic.Int64{"tools/list": {}, "resources/read": {}, "prompts/get": {}, "tools/call": {}}
	c := dial(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Header.Get("Mcp-Method")
		if n := asked[method]; n != nil {
			n.Add(1)
			if _, again := broken.LoadOrStore(method, true); !again {
				panic(http.ErrAbortHandler)
			}
		}
		h.ServeHTTP(w, r)
	})))
	if _, err := c.Tools(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(t.Context(), "note:1"); err != nil {
		t.Error(err)
	}
	if _, err := c.Render(t.Context(), "greet", map[string]any{"name": "x"}); err != nil {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), "echo", nil); !errors.Is(err, client.ErrLost) {
		t.Errorf("error = %v", err)
	}
	if n := asked["tools/call"].Load(); n != 1 {
		t.Errorf("the tool was called %d times", n)
	}
}

// TestMissed has the line of a subscriber break: it is connected again, and the subscriber told, though nobody calls anything.
func TestMissed(t *testing.T) {
	t.Parallel()
	var last atomic.Pointer[websocket.Conn]
	c := dial(t, "ws"+strings.TrimPrefix(listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		last.Store(ws)
		line := websocket.NetConn(r.Context(), ws, websocket.MessageText)
		_ = newServer().Run(r.Context(), &sdk.IOTransport{Reader: line, Writer: line})
	})), "http"))
	told := make(chan client.Update, 99)
	if _, err := c.Subscribe(t.Context(), "note:1", func(u client.Update) { told <- u }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = last.Load().CloseNow()
		until(t, "that something may have been missed", func() bool {
			select {
			case u := <-told:
				return u.Missed && u.URI == "note:1"
			default:
				return false
			}
		})
		until(t, "a change after the line broke", func() bool {
			_, err := c.Call(t.Context(), "touch", nil)
			select {
			case u := <-told:
				return err == nil && !u.Missed
			default:
				return false
			}
		})
	}
}

// TestClose ends clients with calls in flight and subscriptions: nothing of them is left, neither goroutines nor processes.
func TestClose(t *testing.T) {
	url, begun, _ := waiting(t, true)
	older, begunOlder, _ := waiting(t, false)
	socket := overSocket(t)
	for name, tt := range map[string]struct {
		dial  func() (*client.Client, error)
		begun chan struct{}
	}{
		"modern":    {func() (*client.Client, error) { return client.Dial(t.Context(), url) }, begun},
		"legacy":    {func() (*client.Client, error) { return client.Dial(t.Context(), older) }, begunOlder},
		"websocket": {func() (*client.Client, error) { return client.Dial(t.Context(), socket) }, nil},
		"stdio": {func() (*client.Client, error) {
			return client.DialCommand(t.Context(), []string{os.Args[0], "serve"}, client.WithEnv(map[string]string{"GORACE": "atexit_sleep_ms=0"}))
		}, nil},
	} {
		pprof.Do(t.Context(), pprof.Labels("client", name), func(ctx context.Context) {
			c, err := tt.dial()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Subscribe(ctx, "note:1", func(client.Update) {}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			pid, err := client.Call[string](ctx, c, "pid", nil)
			if err != nil {
				t.Error(err)
			}
			var work sync.WaitGroup
			if tt.begun != nil {
				work.Go(func() {
					if _, err := c.Call(ctx, "wait", nil); !errors.Is(err, client.ErrClosed) {
						t.Errorf("%s: a call in flight ended with %v", name, err)
					}
				})
				<-tt.begun
			}
			for range 2 {
				work.Go(c.Close)
			}
			work.Wait()
			if _, err := c.Tools(ctx); !errors.Is(err, client.ErrClosed) {
				t.Errorf("%s: error = %v", name, err)
			}
			if _, err := os.Stat("/proc/" + pid); name == "stdio" && err == nil {
				t.Errorf("process %s is left", pid)
			}
			until(t, "the end of what "+name+" has started", func() bool { return !labelled(t, name) })
		})
	}
}

// labelled reports whether goroutines with the label are left beside the one that asks.
func labelled(t *testing.T, label string) bool {
	t.Helper()
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, `"client":"`+label+`"`) && !strings.Contains(stack, "labelled") && !strings.Contains(stack, "net/http.(*conn)") {
			return true
		}
	}
	return false
}
