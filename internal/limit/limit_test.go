package limit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// silence is a Reply that says nothing.
type silence struct{ mcp.Reply }

func (silence) Done(context.Context, *mcp.Result) error { return nil }

func callOf(caller, tool string) *mcp.Call {
	return &mcp.Call{Caller: &mcp.Caller{ID: caller}, Method: mcp.MethodToolsCall, Name: tool}
}

// fine lets everything through.
var fine = mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return nil })

// try makes a call and returns after how many milliseconds it may be made again; 0 if it was let through.
func try(t *testing.T, h mcp.Handler, call *mcp.Call) int64 {
	t.Helper()
	err := h.Handle(t.Context(), call, silence{})
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*mcp.Error](err)
	if !ok || e.Reason != mcp.RateLimited {
		t.Fatalf("refused with %v", err)
	}
	var data struct {
		Reason       string
		RetryAfterMs int64 `json:"retryAfterMs"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || data.Reason != "rate-limited" || data.RetryAfterMs < 1 {
		t.Fatalf("data = %s, %v", e.Data, err)
	}
	return data.RetryAfterMs
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Key: Rule{Rate: 10, Burst: 5}, Keys: map[string]Rule{"ci": {Rate: 1, Burst: 1}}})
		h := l.Middleware(fine)
		for range 5 {
			if wait := try(t, h, callOf("a", "x")); wait != 0 {
				t.Fatal("refused within the burst")
			}
		}
		if wait := try(t, h, callOf("a", "x")); wait != 100 {
			t.Errorf("wait = %d ms, want 100", wait)
		}
		if try(t, h, callOf("b", "x")) != 0 {
			t.Error("another caller is refused too")
		}
		time.Sleep(99 * time.Millisecond)
		if wait := try(t, h, callOf("a", "x")); wait != 1 {
			t.Errorf("wait = %d ms, want 1", wait)
		}
		time.Sleep(time.Millisecond)
		if try(t, h, callOf("a", "x")) != 0 {
			t.Error("refused after the time that it was told")
		}
		if try(t, h, callOf("ci", "x")) != 0 || try(t, h, callOf("ci", "x")) != 1000 {
			t.Error("the key with a rule of its own is not held to it")
		}
	})
}

// TestNotifications counts what is asked for in the dialect without wanting an answer, and no notification of the standard.
func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Settings{Key: Rule{Rate: 1, Burst: 1}}).Middleware(fine)
		for range 3 {
			call := callOf("a", "")
			call.Method, call.Request = mcp.NoticeCancelled, &wire.Message{Kind: wire.Notification}
			if try(t, h, call) != 0 {
				t.Error("a notification is refused")
			}
		}
		for i, want := range []int64{0, 1000} {
			call := callOf("a", "x")
			call.Dialect, call.Request = "mcp.tool.invoke", &wire.Message{Kind: wire.Notification}
			if wait := try(t, h, call); wait != want {
				t.Errorf("call %d: wait = %d ms, want %d", i+1, wait, want)
			}
		}
	})
}

// TestSetKeepsWhatWasUsed changes the rules: nobody has more than what the new ones leave.
func TestSetKeepsWhatWasUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Settings{Key: Rule{Rate: 1, Burst: 3}, Tools: map[string]Rule{"pay.*": {Rate: 1, Burst: 1}}}
		l := New(s)
		h := l.Middleware(fine)
		for range 3 {
			try(t, h, callOf("a", "x"))
		}
		try(t, h, callOf("b", "pay.now"))
		s.Key = Rule{Rate: 2, Burst: 3}
		l.Set(s)
		if wait := try(t, h, callOf("a", "x")); wait != 500 {
			t.Errorf("wait = %d ms after the change, want 500", wait)
		}
		if wait := try(t, h, callOf("c", "pay.later")); wait != 1000 {
			t.Errorf("wait = %d ms for the tool after the change, want 1000", wait)
		}
		l.Set(Settings{})
		if try(t, h, callOf("a", "x")) != 0 {
			t.Error("refused without a rule")
		}
	})
}

func TestToolsAndServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{
			Key:      Rule{Rate: 1, Burst: 2},
			Tools:    map[string]Rule{"pay.*": {Rate: 0.5, Burst: 1}},
			Servers:  map[string]Rule{"crm": {Rate: 1, Burst: 3}},
			ServerOf: func(context.Context, *mcp.Call) string { return "crm" },
		})
		h := l.Middleware(fine)
		if try(t, h, callOf("a", "pay.now")) != 0 {
			t.Error("the first payment is refused")
		}
		if wait := try(t, h, callOf("b", "pay.later")); wait != 2000 {
			t.Errorf("wait = %d ms, want 2000: the tools of a pattern share", wait)
		}
		if wait := try(t, h, &mcp.Call{Caller: &mcp.Caller{ID: "c"}, Method: mcp.MethodPromptsGet, Name: "pay.prompt"}); wait != 0 {
			t.Error("a prompt is taken for a tool")
		}
		try(t, h, callOf("b", "x"))
		if wait := try(t, h, callOf("d", "x")); wait != 1000 {
			t.Errorf("wait = %d ms, want 1000: the server has had three", wait)
		}
		// One who is refused for himself uses up nothing that is shared.
		time.Sleep(3 * time.Second)
		for range 10 {
			try(t, h, callOf("e", "x"))
		}
		if try(t, h, callOf("f", "x")) != 0 {
			t.Error("calls that were refused have used up the server's")
		}
	})
}

func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Key: Rule{Concurrent: 2}})
		release := make(chan struct{})
		h := l.Middleware(mcp.HandlerFunc(func(_ context.Context, call *mcp.Call, _ mcp.Reply) error {
			if call.Name == "panic" {
				panic("a bug")
			}
			<-release
			return nil
		}))
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() { try(t, h, callOf("a", "x")) })
		}
		synctest.Wait()
		if wait := try(t, h, callOf("a", "x")); wait != 250 {
			t.Errorf("wait = %d ms, want 250", wait)
		}
		// What continues a call has its place already; a stream takes none.
		for _, call := range []*mcp.Call{
			{Caller: &mcp.Caller{ID: "a"}, Method: mcp.MethodToolsCall, Resume: &mcp.Resume{}},
			{Caller: &mcp.Caller{ID: "a"}, Method: mcp.MethodListen},
			{Caller: &mcp.Caller{ID: "a"}, Method: mcp.MethodPing},
		} {
			calls.Go(func() {
				if try(t, h, call) != 0 {
					t.Errorf("%s is refused", call.Method)
				}
			})
		}
		synctest.Wait()
		close(release)
		calls.Wait()
		for range 5 {
			func() {
				defer func() { _ = recover() }()
				_ = h.Handle(t.Context(), callOf("a", "panic"), silence{})
			}()
		}
		if try(t, h, callOf("a", "x")) != 0 {
			t.Error("places are not given back")
		}
	})
}

func TestBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Key: Rule{Bytes: 1000}})
		h := l.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
			return reply.Done(ctx, &mcp.Result{Value: make([]byte, 2500)})
		}))
		call := callOf("a", "x")
		call.Request = &wire.Message{Raw: make([]byte, 500), Kind: wire.Request}
		if try(t, h, call) != 0 {
			t.Fatal("refused with nothing used")
		}
		// 3000 of 1000 are used: 2000 are owed, and one byte must be there.
		if wait := try(t, h, call); wait != 2001 {
			t.Errorf("wait = %d ms, want 2001", wait)
		}
		time.Sleep(2001 * time.Millisecond)
		if try(t, h, call) != 0 {
			t.Error("refused after the debt was paid")
		}
		// However much it was, it is made up for within a bounded time.
		h = l.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
			return reply.Done(ctx, &mcp.Result{Value: make([]byte, 100<<20)})
		}))
		try(t, h, callOf("b", "x"))
		if wait := try(t, h, callOf("b", "x")); wait < 55_000 || wait > 61_000 {
			t.Errorf("wait = %d ms, want about a minute", wait)
		}
	})
}

// TestManyCallers has more callers than there is room for: memory stays bounded, and nobody who has used up his calls gets new ones by it.
func TestManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Key: Rule{Rate: 0.01, Burst: 2}})
		h := l.Middleware(fine)
		try(t, h, callOf("greedy", "x"))
		try(t, h, callOf("greedy", "x"))
		if try(t, h, callOf("greedy", "x")) == 0 {
			t.Fatal("let in without a call left")
		}
		flood := func(from, n int) {
			for i := range n {
				try(t, h, callOf(fmt.Sprint("caller-", from+i), "x"))
			}
		}
		flood(0, 2*maxCallers)
		time.Sleep(10 * time.Second) // so that what is full again may be let go
		flood(2*maxCallers, maxCallers)
		if try(t, h, callOf("greedy", "x")) == 0 {
			t.Error("a flood of callers has given one of them new calls")
		}
		count := 0
		for i := range l.callers.shards {
			count += len(l.callers.shards[i].own)
		}
		if count > maxCallers {
			t.Errorf("%d buckets, want %d at most", count, maxCallers)
		}
		// Who comes when there is no room shares a bucket, and is not let in without end.
		in := 0
		for range 100 {
			if try(t, h, callOf("late", "x")) == 0 {
				in++
			}
		}
		if in > 2 {
			t.Errorf("without room, one was let in %d times, want 2 at most", in)
		}
		time.Sleep(200 * time.Second) // all are full again
		flood(5*maxCallers, 1000)
		if try(t, h, callOf("greedy", "x")) != 0 {
			t.Error("still refused when its calls are there again")
		}
	})
}

// TestRaceOfMany wants no more through than the rule says, however many call at once.
func TestRaceOfMany(t *testing.T) {
	l := New(Settings{Key: Rule{Rate: 0.001, Burst: 100, Concurrent: 1000, Bytes: 1e9}})
	h := l.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		return reply.Done(ctx, &mcp.Result{Value: []byte("{}")})
	}))
	var in atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				if h.Handle(t.Context(), callOf("a", "x"), silence{}) == nil {
					in.Add(1)
				}
				_ = h.Handle(t.Context(), callOf(strconv.Itoa(i), "x"), silence{})
			}
		})
		all.Go(func() { l.Set(Settings{Key: Rule{Rate: 0.001, Burst: 100, Concurrent: 1000, Bytes: 1e9}}) })
	}
	all.Wait()
	if in.Load() != 100 {
		t.Errorf("%d let in, want 100", in.Load())
	}
}

func TestFromConfig(t *testing.T) {
	cfg, err := config.Parse("mcp.yaml", t.TempDir(), []byte("limits:\n  perKey: 600/m\n  burst: 20\n  concurrent: 3\n  bytes: 1KiB/s\n  tools: {\"a.*\": {rate: 2/h}}\n  keys: {ci: {concurrent: 9}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := FromConfig(cfg, nil)
	if want := (Rule{Rate: 10, Burst: 20, Concurrent: 3, Bytes: 1024}); s.Key != want {
		t.Errorf("key = %+v, want %+v", s.Key, want)
	}
	if got := s.Tools["a.*"].Rate; got != 2.0/3600 {
		t.Errorf("rate = %v", got)
	}
	if got := s.Keys["ci"]; got != (Rule{Concurrent: 9}) {
		t.Errorf("ci = %+v", got)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for name, s := range map[string]Settings{
		"key":  {Key: Rule{Rate: 1e9, Burst: 1e9, Concurrent: 100}},
		"free": {},
		"all": {
			Key: Rule{Rate: 1e9, Burst: 1e9, Concurrent: 100, Bytes: 1e12}, Tools: map[string]Rule{"x*": {Rate: 1e9, Burst: 1e9}},
			Servers: map[string]Rule{"s": {Concurrent: 10}}, ServerOf: func(context.Context, *mcp.Call) string { return "s" },
		},
	} {
		b.Run(name, func(b *testing.B) {
			h := New(s).Middleware(fine)
			call := callOf("a", "x")
			b.ReportAllocs()
			for b.Loop() {
				if err := h.Handle(b.Context(), call, silence{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestMiddlewareAllocatesNothing(t *testing.T) {
	h := New(Settings{Key: Rule{Rate: 1e9, Burst: 1e9, Concurrent: 100, Bytes: 1e12}}).Middleware(fine)
	call, ctx := callOf("a", "x"), t.Context()
	call.Request = &wire.Message{Raw: make([]byte, 500), Kind: wire.Request}
	if n := testing.AllocsPerRun(1000, func() { _ = h.Handle(ctx, call, silence{}) }); n > 0 && !race {
		t.Errorf("%v allocations", n)
	}
}
