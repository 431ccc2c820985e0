package route

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestWeights wants each strategy to share calls out by the weights of the targets, whatever the numbers of their replicas.
func TestWeights(t *testing.T) {
	const calls = 4000
	servers := append(three(), single("a", "b")...)
	for strategy, exact := range map[Strategy]bool{RoundRobin: true, RandomTwo: false, StickyKey: false, StickyRoot: false} {
		t.Run(string(strategy), func(t *testing.T) {
			w := newWorld()
			r := w.open(t, servers, `{"n": {"strategy": "`+string(strategy)+`", "targets": [
				{"server": "s", "weight": 60}, {"server": "a", "weight": 30}, {"server": "b", "weight": 10}]}}`)
			for i := range calls {
				if _, err := send(t, r, named("n"), by(fmt.Sprint("caller ", i))); err != nil {
					t.Fatal(err)
				}
			}
			for replica, want := range map[string]float64{"s/1": .2, "s/2": .2, "s/3": .2, "a": .3, "b": .1} {
				got := w.took(replica)
				if strategy == RandomTwo { // of two that are equally busy any is taken, so that the less likely get more
					if got == 0 {
						t.Errorf("%s took nothing", replica)
					}
				} else if exact && got != int(want*calls) || !near(got, calls, want) {
					t.Errorf("%s took %d of %d calls, want %v", replica, got, calls, want)
				}
			}
		})
	}
}

// TestTurns wants targets with little weight between the others.
func TestTurns(t *testing.T) {
	w := newWorld()
	r := w.open(t, single("a", "b"), `{"n": {"targets": [{"server": "a", "weight": 3}, {"server": "b"}]}}`)
	var turns strings.Builder
	for range 8 {
		server, _ := send(t, r, named("n"))
		turns.WriteString(server)
	}
	if turns.String() != "aabaaaba" {
		t.Errorf("turns = %s", turns.String())
	}
}

// TestPending wants the least busy replica, by its weight.
func TestPending(t *testing.T) {
	w := newWorld()
	r := w.open(t, single("a", "b"), `{"n": {"strategy": "least-pending", "targets": [{"server": "a", "weight": 2}, {"server": "b"}]}}`)
	p := r.plan.Load()
	p.replicas["a"].pending.Store(3)
	p.replicas["b"].pending.Store(2)
	for _, want := range []string{"a", "a"} {
		if got, _ := send(t, r, named("n")); got != want {
			t.Errorf("called %s, want %s", got, want)
		}
	}
	p.replicas["a"].pending.Store(5)
	if got, _ := send(t, r, named("n")); got != "b" {
		t.Errorf("called %s, want b", got)
	}
}

// TestPreferScore wants calls at the target with the best score, the next one while it is away, and those that are equal to share them.
func TestPreferScore(t *testing.T) {
	w := newWorld()
	scores := map[string]int{"a": 60, "b": 90, "c": 90, "d": 10}
	r := w.open(t, single("a", "b", "c", "d"), `{"n": {"prefer": "score", "targets": [{"server": "a", "weight": 90}, {"server": "b"}, {"server": "c"}]}}`)
	r.opts.Score = func(replica string) int { return scores[replica] }
	took := func(calls int) string {
		var all strings.Builder
		for range calls {
			server, _ := send(t, r, named("n"))
			all.WriteString(server)
		}
		return all.String()
	}
	if got := took(4); got != "bcbc" {
		t.Errorf("turns = %s, want those with the best score", got)
	}
	scores["c"] = 89
	if got := took(3); got != "bbb" {
		t.Errorf("turns = %s, want b", got)
	}
	r.SetState("b", false)
	if got := took(2); got != "cc" {
		t.Errorf("turns = %s, want the next best", got)
	}
	r.SetState("c", false)
	if got := took(1); got != "a" {
		t.Errorf("turns = %s, want what is left", got)
	}
	if _, faults := Parse([]byte(`{"n": {"prefer": 3}}`)); len(faults) != 1 {
		t.Errorf("faults = %v", faults)
	}
	policy, _ := Parse([]byte(`{"n": {"prefer": "beauty"}}`))
	if faults := policy.Check(func(string) bool { return true }); len(faults) != 1 || faults[0].Pointer != "/n/prefer" {
		t.Errorf("faults = %v", faults)
	}
}

// TestConsistent wants keys to stay where they are when targets come, go and change their weight.
func TestConsistent(t *testing.T) {
	const keys = 5000
	home := func(weights map[string]int64) []string {
		all := make([]string, keys)
		for i := range all {
			best := 0.0
			for server, weight := range weights {
				if s := score(fmt.Sprint("key ", i), server, weight); s > best {
					all[i], best = server, s
				}
			}
		}
		return all
	}
	count := func(of []string, what string) (n int) {
		for _, one := range of {
			if one == what {
				n++
			}
		}
		return n
	}
	before := home(map[string]int64{"a": 90, "b": 10, "c": 100})
	for server, want := range map[string]float64{"a": .45, "b": .05, "c": .5} {
		if n := count(before, server); !near(n, keys, want) {
			t.Errorf("%s has %d of %d keys, want %v", server, n, keys, want)
		}
	}
	for i, now := range home(map[string]int64{"a": 90, "c": 100}) {
		if before[i] != now && before[i] != "b" {
			t.Fatalf("b left, and a key went from %s to %s", before[i], now)
		}
	}
	moved := 0
	for i, now := range home(map[string]int64{"a": 90, "b": 20, "c": 100}) {
		if before[i] != now {
			moved++
			if now != "b" {
				t.Fatalf("b got more weight, and a key went from %s to %s", before[i], now)
			}
		}
	}
	if want := 20.0/210 - 10.0/200; !near(moved, keys, want) {
		t.Errorf("%d of %d keys moved, want %v", moved, keys, want)
	}
}

// TestSticky keeps keys and roots at their replicas, also in another Router.
func TestSticky(t *testing.T) {
	inRoot := func(caller, root string) func(*Request) {
		return func(rq *Request) {
			rq.Call.Caller = &mcp.Caller{ID: caller}
			rq.Call.Context = fmt.Appendf(nil, `{"rootId":%q}`, root)
		}
	}
	for strategy, sameRoot := range map[Strategy]bool{StickyKey: true, StickyRoot: false} {
		w := newWorld()
		policy := `{"*": {"strategy": "` + string(strategy) + `"}}`
		r, other := w.open(t, three(), policy), w.open(t, three(), policy)
		differ := false
		for i := range 50 {
			caller := fmt.Sprint("caller ", i)
			one, _ := send(t, r, inRoot(caller, "one"))
			again, _ := send(t, other, inRoot(caller, "one"))
			two, _ := send(t, r, inRoot(caller, "two"))
			if one != again {
				t.Fatalf("%s: %s of one root goes to %s and to %s", strategy, caller, one, again)
			}
			differ = differ || one != two
		}
		if differ == sameRoot {
			t.Errorf("%s: roots of one key go to the same replica: %t", strategy, !differ)
		}
	}
	w := newWorld()
	r := w.open(t, three(), `{"*": {"strategy": "sticky:root"}}`)
	first, _ := send(t, r, func(rq *Request) {
		rq.Call.Request = message(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.github.sumun-mcp/context":{"rootId":"one"}}}}`)
	})
	if same, _ := send(t, r, func(rq *Request) { rq.Call.Root = "one" }); same != first {
		t.Errorf("the root in _meta leads to %s, that of the call to %s", first, same)
	}
	if same, _ := send(t, r, inRoot("local", "one")); same != first {
		t.Errorf("the root in _meta leads to %s, that of the dialect to %s", first, same)
	}
}

// TestNothing wants nothing to be decided where there is nothing to choose.
func TestNothing(t *testing.T) {
	w := newWorld()
	r := w.open(t, single("a"), `{}`)
	if r.For("a.tool", "a") != nil {
		t.Error("something decides on a server with one replica and no policy")
	}
	if n := testing.AllocsPerRun(100, func() { r.For("a.tool", "a") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	rq := Request{Call: &mcp.Call{Name: "a.tool"}, Reply: &silent{}, Dest: mcp.Destination{Server: "a"}}
	r.opts.Do = func(context.Context, mcp.Destination, *mcp.Call, mcp.Reply) error { return nil }
	if n := testing.AllocsPerRun(100, func() { _ = r.Send(t.Context(), rq) }); n > 0 || rq.Call.Server != "a" {
		t.Errorf("%v allocations for a call of %q", n, rq.Call.Server)
	}
	r = w.open(t, append(three(), single("a")...), `{"b.*": {}}`)
	if r.For("a.tool", "a") != nil || r.For("calc.evaluate", "built in") != nil {
		t.Error("something decides on a server with one replica that no rule names")
	}
	if r.For("s.tool", "s") == nil || r.For("b.tool", "a") == nil {
		t.Error("nothing decides on a server with replicas, or one that a rule names")
	}
}

// TestTargets sends calls to what the targets call the thing, and leaves out who has no such thing.
func TestTargets(t *testing.T) {
	w := newWorld()
	r := w.open(t, append(three(), single("a", "b", "c")...), `{"s.*": {"targets": [{"server": "s/2"}, {"server": "b"}], "failover": ["c"]},
		"own": {"targets": [{"server": "a", "name": "x"}, {"server": "b"}], "timeout": "3s"}}`)
	var asked []string
	only := func(one string) func(*Request) {
		return func(rq *Request) {
			rq.Things = has(func(server, name string) bool {
				asked = append(asked, server+" "+name)
				return server == one
			})
		}
	}
	for range 3 {
		if got, _ := send(t, r, only("")); got != "s/2" {
			t.Errorf("called %s, want the replica that the policy names", got)
		}
	}
	away := func(name string) { r.SetState(name, false) }
	away("s/2")
	if got, _ := send(t, r, only("c")); got != "c" {
		t.Errorf("called %s, want failover", got)
	}
	asked = nil
	own := func(rq *Request) {
		rq.Call.Name, rq.Dest, rq.Offered = "own", mcp.Destination{Server: "a", Name: "x"}, true
	}
	away("a")
	if got, _ := send(t, r, own, only("b")); got != "b" || asked[0] != "b own" {
		t.Errorf("called %s, asked for %q", got, asked)
	}
	if _, err := send(t, r, only(""), func(rq *Request) { rq.Dest.Server = "gone" }); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unavailable {
		t.Errorf("error = %v, want that no target has it", err)
	}
}
