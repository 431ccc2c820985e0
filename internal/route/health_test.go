package route

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var errUpstream = mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "broken")

func broken(context.Context, mcp.Reply) error { return errUpstream }

func unsent(context.Context, mcp.Reply) error {
	return errors.Join(errUnsent, errUpstream)
}

func after(d time.Duration) func(context.Context, mcp.Reply) error {
	return func(ctx context.Context, reply mcp.Reply) error {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return reply.Done(ctx, mcp.Own([]byte(`{}`)))
	}
}

// stateOf returns how a replica is.
func stateOf(t *testing.T, r *Router, name string) TargetState {
	t.Helper()
	for _, s := range r.Targets() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no %s", name)
	return TargetState{}
}

// TestEjection takes a replica out whose calls fail, and lets it come back after a pause that grows: with one call at first.
func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/2", broken)
		r := w.open(t, three(), `{}`)
		lost := 0
		for range 60 {
			if _, err := send(t, r); err != nil {
				lost++
			}
		}
		if got := stateOf(t, r, "s/2"); lost != 5 || w.took("s/2") != 5 || got.State != "ejected" || got.Reason != whyFailing {
			t.Errorf("%d calls are lost, and the replica is %+v", lost, got)
		}
		pause := DefaultHealth().Pause
		for range 8 {
			until := time.Until(*stateOf(t, r, "s/2").Until)
			if until <= pause-time.Second || until > pause+pause/10+time.Second {
				t.Errorf("the pause is %s, want about %s", until, pause)
			}
			time.Sleep(until - time.Second)
			for range 6 {
				_, _ = send(t, r)
			}
			if n := w.took("s/2"); n > 0 {
				t.Errorf("%d calls during the pause", n)
			}
			time.Sleep(2 * time.Second)
			for range 6 {
				_, _ = send(t, r)
			}
			if n := w.took("s/2"); n != 1 {
				t.Errorf("%d calls after the pause, want a single probe", n)
			}
			pause = min(2*pause, longestPause)
		}
		w.is("s/2", nil)
		time.Sleep(longestPause * 2)
		for range 30 {
			if _, err := send(t, r); err != nil {
				t.Error(err)
			}
		}
		if got := stateOf(t, r, "s/2"); got.State != "healthy" || got.Reason != "" || w.took("s/2") < 8 {
			t.Errorf("the replica does not come back: %+v", got)
		}
	})
}

// TestProbe lets a single call through at a time while a replica is on trial.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/2", broken)
		r := w.open(t, three(), `{}`)
		for range 30 {
			_, _ = send(t, r)
		}
		w.took("s/2")
		w.is("s/2", after(time.Second))
		time.Sleep(time.Minute)
		for range 12 {
			go func() { _, _ = send(t, r) }()
		}
		synctest.Wait()
		if n := w.took("s/2"); n != 1 {
			t.Errorf("%d probes at once", n)
		}
		time.Sleep(2 * time.Second)
		for range 12 {
			go func() { _, _ = send(t, r) }()
		}
		synctest.Wait()
		if n := w.took("s/2"); n != 4 {
			t.Errorf("%d calls after a probe that went well, want 4 of 12", n)
		}
		time.Sleep(2 * time.Second)
	})
}

// TestProbeBesidesOld probes a replica although a call of before its ejection still waits, for a person perhaps.
func TestProbeBesidesOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/2", after(time.Hour))
		r := w.open(t, three(), `{}`)
		for range 3 {
			go func() { _, _ = send(t, r) }()
			synctest.Wait()
		}
		w.is("s/2", broken)
		for range 30 {
			_, _ = send(t, r)
		}
		w.is("s/2", nil)
		if got := stateOf(t, r, "s/2"); got.State != "ejected" || got.Pending != 1 {
			t.Errorf("the replica is %+v", got)
		}
		time.Sleep(time.Minute)
		for range 30 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/2"); got.State != "healthy" || got.Pending != 1 {
			t.Errorf("the replica is %+v", got)
		}
		time.Sleep(time.Hour)
	})
}

// TestErrorRate takes a replica out that fails half of the time, but never five times in a row.
func TestErrorRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := 0
		w.is("s/1", func(ctx context.Context, reply mcp.Reply) error {
			if n++; n%2 == 0 {
				return errUpstream
			}
			return reply.Done(ctx, mcp.Own([]byte(`{}`)))
		})
		r := w.open(t, three(), `{}`)
		for range 100 {
			_, _ = send(t, r)
			time.Sleep(100 * time.Millisecond)
		}
		if got := stateOf(t, r, "s/1"); got.Ejections == 0 || got.Failures > 12 {
			t.Errorf("the replica is %+v", got)
		}
		w = newWorld()
		w.is("s/1", func(ctx context.Context, reply mcp.Reply) error {
			if n++; n%4 == 0 {
				return errUpstream
			}
			return reply.Done(ctx, mcp.Own([]byte(`{}`)))
		})
		r = w.open(t, three(), `{}`)
		for range 300 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/1"); got.Ejections != 0 {
			t.Errorf("a quarter of failures is too much for %+v", got)
		}
	})
}

// TestSlow takes a replica out that is much slower than the others, and takes it back when it is not.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/1", after(30*time.Millisecond))
		w.is("s/2", after(40*time.Millisecond))
		w.is("s/3", after(400*time.Millisecond))
		r := w.open(t, three(), `{}`)
		for range 60 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/3"); got.State != "ejected" || got.Reason != whySlow || w.took("s/3") != 8 {
			t.Errorf("the slow replica is %+v", got)
		}
		time.Sleep(time.Minute)
		for range 60 { // still slow
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/3"); got.Ejections != 2 {
			t.Errorf("the replica that is still slow is %+v", got)
		}
		w.is("s/3", after(35*time.Millisecond))
		time.Sleep(time.Minute)
		for range 60 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/3"); got.State != "healthy" || got.Ejections != 2 {
			t.Errorf("the replica that is slow no more is %+v", got)
		}
		w.is("s/3", after(100*time.Millisecond)) // not four times as slow
		for range 120 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/3"); got.State != "healthy" {
			t.Errorf("the replica that is a little slow is %+v", got)
		}
	})
}

// TestAsking does not count the time in which a client was asked.
func TestAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/3", func(ctx context.Context, reply mcp.Reply) error {
			_, _ = reply.Ask(ctx, nil)
			return after(time.Minute)(ctx, reply)
		})
		r := w.open(t, three(), `{}`)
		for range 60 {
			_, _ = send(t, r)
		}
		if got := stateOf(t, r, "s/3"); got.State != "healthy" {
			t.Errorf("the replica that asks is %+v", got)
		}
	})
}

// TestPanic uses all replicas where too many are out: the slow ones before those that fail.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/1", broken)
		w.is("s/2", broken)
		r := w.open(t, three(), `{}`)
		for range 60 {
			_, _ = send(t, r)
		}
		w.took("s/1")
		w.took("s/3")
		for range 30 {
			_, _ = send(t, r)
		}
		if a, c := w.took("s/1"), w.took("s/3"); a != 10 || c != 10 {
			t.Errorf("two of three are out, and those take %d and %d calls of 30", a, c)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.is("s/1", broken)
		w.is("s/2", after(time.Second))
		r := w.open(t, three(), `{}`)
		r.plan.Load().replicas["s/2"].ejectSlow()
		for range 60 {
			_, _ = send(t, r)
		}
		w.took("s/1")
		w.took("s/2")
		for range 30 {
			_, _ = send(t, r)
		}
		if a, b := w.took("s/1"), w.took("s/2"); a != 0 || b != 15 {
			t.Errorf("one fails and takes %d calls, one is slow and takes %d of 30", a, b)
		}
	})
}

// TestAway sends nothing to a replica without a session, while there is another.
func TestAway(t *testing.T) {
	w := newWorld()
	r := w.open(t, three(), `{}`)
	r.SetState("s/1", false)
	r.SetState("s/2", false)
	for range 9 {
		if got, err := send(t, r); got != "s/3" || err != nil {
			t.Errorf("called %s, %v", got, err)
		}
	}
	if got := r.Replicas("s"); got[0] != "s/3" || len(got) != 3 {
		t.Errorf("lists are asked for at %v", got)
	}
	if got := r.Watcher("s", "file:///x"); got != "s/3" {
		t.Errorf("changes are told by %s", got)
	}
	r.SetState("s/3", false)
	seen := map[string]bool{}
	for range 9 {
		got, err := send(t, r)
		if seen[got] = true; err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("all are away, and %v are tried", seen)
	}
	r.SetState("s/1", true)
	if got, _ := send(t, r); got != "s/1" {
		t.Errorf("called %s, want the one that came back", got)
	}
}

// TestChecks asks replicas that are idle whether they are there, as long as their server is used, and sends nothing to those that are
// not.
func TestChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.open(t, three(func(h *Health) { h.Interval = 10 * time.Second }), `{}`)
		defer r.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.pinged) > 0 {
			t.Errorf("a server that nobody uses is asked: %v", w.pinged)
		}
		w.absent["s/2"] = true
		for i := range 60 {
			_, _ = send(t, r)
			time.Sleep(time.Second)
			if i == 9 { // by then each has been called
				w.mu.Lock()
				clear(w.pinged)
				w.mu.Unlock()
			}
		}
		if w.pinged["s/1"] > 0 || w.pinged["s/3"] > 0 {
			t.Errorf("replicas that answer calls are asked: %v", w.pinged)
		}
		_, _ = send(t, r)
		time.Sleep(time.Minute) // nobody calls
		synctest.Wait()
		if got := stateOf(t, r, "s/2").State; got != "away" || w.pinged["s/2"] < 3 {
			t.Errorf("the replica that does not answer is %s after %d checks", got, w.pinged["s/2"])
		}
		w.took("s/2")
		for range 9 {
			_, _ = send(t, r)
		}
		if n := w.took("s/2"); n > 0 {
			t.Errorf("it gets %d calls", n)
		}
		w.mu.Lock()
		w.absent["s/2"] = false
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if got := stateOf(t, r, "s/2").State; got != "healthy" {
			t.Errorf("the replica that answers again is %s", got)
		}
		time.Sleep(time.Hour)
		w.mu.Lock()
		before := w.pinged["s/1"]
		w.mu.Unlock()
		time.Sleep(time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.pinged["s/1"] != before {
			t.Error("a server that nobody uses any more is asked")
		}
	})
}

// TestRetries makes calls again elsewhere that were not begun or may be made twice, and no others.
func TestRetries(t *testing.T) {
	raw := mcp.ParseError([]byte(`{"code":-32602,"message":"no"}`), mcp.Latest())
	inner := mcp.ParseError([]byte(`{"code":-32603,"message":"no"}`), mcp.Latest())
	told := func(ctx context.Context, reply mcp.Reply) error {
		_ = reply.Notify(ctx, nil)
		return errors.Join(errUnsent, errUpstream)
	}
	asks := func(ctx context.Context, reply mcp.Reply) error {
		_, _ = reply.Ask(ctx, nil)
		return errUpstream
	}
	answers := func(err error) func(context.Context, mcp.Reply) error {
		return func(context.Context, mcp.Reply) error { return err }
	}
	read := func(rq *Request) { rq.Call.Method = mcp.MethodRead }
	own := func(rq *Request) {
		rq.Dest.Repeatable, rq.Call.Session, rq.Call.Capabilities = true, &mcp.Session{ID: "x"}, []byte(`{"sampling":{}}`)
	}
	task := func(rq *Request) { rq.Dest.Repeatable, rq.Dest.Task = true, true }
	plain := func(*Request) {}
	tests := []struct {
		name   string
		answer func(context.Context, mcp.Reply) error
		change func(*Request)
		want   bool
	}{
		{"not sent", unsent, plain, true},
		{"lost", broken, plain, false},
		{"lost, repeatable", broken, repeatable, true},
		{"lost, a read", broken, read, true},
		{"not sent, but the client was told", told, repeatable, false},
		{"the client was asked", asks, repeatable, false},
		{"refused by the server", answers(raw), repeatable, false},
		{"failed at the server", answers(inner), repeatable, true},
		{"timeout, repeatable", answers(mcp.Errorf(mcp.CodeInternal, mcp.Timeout, "late")), repeatable, true},
		{"lost in a session of its own", broken, own, false},
		{"not sent in a session of its own", unsent, own, true},
		{"lost, a task", broken, task, false},
		{"not sent, a task", unsent, task, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.is("s/1", tt.answer)
			r := w.open(t, three(), `{}`)
			got, err := send(t, r, tt.change)
			if (err == nil) != tt.want || (got != "s/1") != tt.want {
				t.Errorf("%s, %v; want it to be made again: %t", got, err, tt.want)
			}
		})
	}
}

// TestRetriesBound wants no more calls than the rule and the budget allow.
func TestRetriesBound(t *testing.T) {
	w := newWorld()
	for _, replica := range []string{"s/1", "s/2", "s/3"} {
		w.is(replica, unsent)
	}
	r := w.open(t, three(), `{"s.once": {"retries": 1}, "s.never": {"retries": 0}}`)
	for name, want := range map[string]int{"s.once": 2, "s.never": 1, "s.other": 3} {
		_, err := send(t, r, named(name))
		if n := w.took("s/1") + w.took("s/2") + w.took("s/3"); n != want || err == nil {
			t.Errorf("%s was called %d times, want %d", name, n, want)
		}
	}
	r = w.open(t, three(func(h *Health) { h.Failures = 1000; h.ErrorRate = 0 }), `{}`)
	const calls = 500
	for range calls {
		_, _ = send(t, r)
	}
	n := w.took("s/1") + w.took("s/2") + w.took("s/3")
	if most := calls + budgetMost + calls/5; n > most || n < most-2 {
		t.Errorf("%d calls become %d, want %d", calls, n, most)
	}
}

// TestGone wants the end of a call whose client has left to say nothing of the replica.
func TestGone(t *testing.T) {
	w := newWorld()
	r := w.open(t, three(), `{}`)
	for _, replica := range []string{"s/1", "s/2", "s/3"} {
		w.is(replica, func(ctx context.Context, _ mcp.Reply) error { return context.Cause(ctx) })
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		rq := Request{Call: &mcp.Call{Request: &wire.Message{}}, Reply: &silent{}, Dest: mcp.Destination{Server: "s"}}
		if err := r.For("s.tool", "s").Do(ctx, rq); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	for _, s := range r.Targets() {
		if s.State != "healthy" || s.Failures > 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestNoChecksAfterClose changes the policy when the router is closed already, as a call that was in flight may: nobody is asked any more.
func TestNoChecksAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler), Do: w.do, Ping: w.ping, Store: w.store, Unsent: func(error) bool { return false }})
		if err := r.Update(t.Context(), three(func(h *Health) { h.Interval = time.Second }), parsed(t, `{}`)); err != nil {
			t.Fatal(err)
		}
		_, _ = send(t, r)
		r.Close()
		if _, refused := ask(t, r, mcp.MethodRoutingSet, `{"policy":{"s.*":{"retries":1}}}`); refused != nil {
			t.Fatal(refused)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.pinged) > 0 {
			t.Errorf("asked after the end: %v", w.pinged)
		}
		r.checks.stop()
	})
}
