package route

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// ask calls a method of the dialect and returns the answer.
func ask(t *testing.T, r *Router, method, params string) (map[string]any, *mcp.Error) {
	t.Helper()
	call := &mcp.Call{
		Method: method, Caller: &mcp.Caller{ID: "local"},
		Request: message(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`),
	}
	reply := &silent{}
	if err := r.Handle(t.Context(), call, reply); err != nil {
		e := mcp.AsError(err)
		if e == nil {
			t.Fatal(err)
		}
		return nil, e
	}
	var value map[string]any
	if err := json.Unmarshal(reply.result, &value); err != nil {
		t.Fatalf("%s: %v", reply.result, err)
	}
	return value, nil
}

func revisionOf(t *testing.T, value map[string]any) int {
	t.Helper()
	n, ok := value["revision"].(float64)
	if !ok {
		t.Fatalf("no revision in %v", value)
	}
	return int(n)
}

// TestSet changes the policy at run time, refuses a stale revision, and keeps what was set.
func TestSet(t *testing.T) {
	w := newWorld()
	r := w.open(t, append(three(), single("a")...), `{}`)
	got, _ := ask(t, r, mcp.MethodRoutingGet, `{}`)
	if revisionOf(t, got) != 0 || len(w.store.all) != 0 {
		t.Errorf("a gate without a policy has %v", got)
	}
	got, refused := ask(t, r, mcp.MethodRoutingSet, `{"policy":{"s.*":{"targets":[{"server":"a"}]}},"ifRevision":0,"context":{"rootId":"x"}}`)
	if refused != nil || revisionOf(t, got) != 1 || got["by"] != "local" {
		t.Fatalf("%v, %v", got, refused)
	}
	policy, _ := json.Marshal(got["policy"])
	if want := `{"s.*":{"retries":2,"strategy":"round-robin","targets":[{"server":"a","weight":1}]}}`; string(policy) != want {
		t.Errorf("policy = %s, want %s", policy, want)
	}
	targets, _ := json.Marshal(got["targets"])
	for _, want := range []string{`"target":"a"`, `"target":"s/3"`, `"state":"healthy"`, `"pending":0`} {
		if !strings.Contains(string(targets), want) {
			t.Errorf("targets = %s, want %s in it", targets, want)
		}
	}
	if server, _ := send(t, r); server != "a" {
		t.Errorf("the call goes to %s", server)
	}
	_, refused = ask(t, r, mcp.MethodRoutingSet, `{"policy":{},"ifRevision":0}`)
	if refused == nil || refused.Reason != mcp.Conflict || string(refused.Data) != `{"revision":1}` {
		t.Errorf("a stale revision: %+v", refused)
	}
	again := w.open(t, append(three(), single("a")...), `{}`) // after a restart
	if got, _ = ask(t, again, mcp.MethodRoutingGet, `{}`); revisionOf(t, got) != 1 {
		t.Errorf("after a restart: %v", got)
	}
	if server, _ := send(t, again); server != "a" {
		t.Errorf("after a restart the call goes to %s", server)
	}
	// The first one does not know yet what the second one sets.
	if got, _ = ask(t, again, mcp.MethodRoutingSet, `{"policy":{}}`); revisionOf(t, got) != 2 {
		t.Errorf("without a revision: %v", got)
	}
	if _, refused = ask(t, r, mcp.MethodRoutingSet, `{"policy":{"x":{}},"ifRevision":1}`); refused == nil || refused.Reason != mcp.Conflict {
		t.Errorf("what another instance has set is written over: %+v", refused)
	}
	if got, _ = ask(t, r, mcp.MethodRoutingGet, `{}`); revisionOf(t, got) != 2 {
		t.Errorf("what another instance has set is not in force: %v", got)
	}
}

// TestRefused wants clear errors for what is wrong with parameters.
func TestRefused(t *testing.T) {
	r := newWorld().open(t, three(), `{}`)
	tests := []struct{ method, params, message, data string }{
		{mcp.MethodRoutingGet, `{"policy":{}}`, "params/policy is not known", `{"pointers":["/policy"]}`},
		{mcp.MethodRoutingSet, `{}`, "params/policy is missing", `{"pointers":["/policy"]}`},
		{mcp.MethodRoutingSet, `{"policy":[]}`, "params/policy must be an object", `{"pointers":["/policy"]}`},
		{mcp.MethodRoutingSet, `{"policy":{},"revision":1}`, "params/revision is not known", `{"pointers":["/revision"]}`},
		{mcp.MethodRoutingSet, `{"policy":{},"ifRevision":"1"}`, "params/ifRevision must be a whole number", `{"pointers":["/ifRevision"]}`},
		{
			mcp.MethodRoutingSet, `{"policy":{"a":{"targets":[{"server":"x"},{"server":"s/4"}]}}}`, `params/policy/a/targets/0/server there is no server "x"`,
			`{"pointers":["/policy/a/targets/0/server","/policy/a/targets/1/server"]}`,
		},
		{ // of all kinds at once, and where the caller wrote them
			mcp.MethodRoutingSet, `{"policy":{"a":{"targets":{"x":{},"s/1":{"weight":0}},"more":1,"timeout":"x"},"b":{"targets":2}}}`, "params/policy/a/more is not known",
			`{"pointers":["/policy/a/more","/policy/a/timeout","/policy/b/targets","/policy/a/targets/s~11/weight","/policy/a/targets/x/server"]}`,
		},
	}
	for _, tt := range tests {
		_, e := ask(t, r, tt.method, tt.params)
		if e == nil || e.Code != mcp.CodeInvalidParams || e.Reason != mcp.InvalidArguments || !strings.HasPrefix(e.Message, tt.message) || string(e.Data) != tt.data {
			t.Errorf("%s %s: %+v", tt.method, tt.params, e)
		}
	}
	if _, e := ask(t, r, "mcp.routing.drop", `{}`); e == nil || e.Code != mcp.CodeMethodNotFound {
		t.Errorf("an unknown method: %v", e)
	}
}

// TestFile lets a policy that was set be in force until the configuration's own one changes.
func TestFile(t *testing.T) {
	w := newWorld()
	servers := three()
	r := w.open(t, servers, `{"a":{}}`)
	got, _ := ask(t, r, mcp.MethodRoutingGet, `{}`)
	if revisionOf(t, got) != 1 || got["by"] != FromFile {
		t.Errorf("the policy of the file: %v", got)
	}
	_, _ = ask(t, r, mcp.MethodRoutingSet, `{"policy":{"b":{}}}`)
	update := func(policy string) map[string]any {
		if err := r.Update(t.Context(), servers, parsed(t, policy)); err != nil {
			t.Fatal(err)
		}
		now, _ := ask(t, r, mcp.MethodRoutingGet, `{}`)
		return now
	}
	if now := update(`{"a":{"strategy":"round-robin"}}`); revisionOf(t, now) != 2 { // the same in other words
		t.Errorf("the file has not changed, and now holds %v", now)
	}
	if now := update(`{"c":{}}`); revisionOf(t, now) != 3 || now["by"] != FromFile {
		t.Errorf("the file has changed, and now holds %v", now)
	}
	_, _ = ask(t, r, mcp.MethodRoutingSet, `{"policy":{"d":{}}}`)
	if now := update(`{}`); revisionOf(t, now) != 5 {
		t.Errorf("the section was removed, and now holds %v", now)
	}
}

// TestUpdate keeps what is known of replicas that stay as they were.
func TestUpdate(t *testing.T) {
	w := newWorld()
	w.is("s/2", broken)
	r := w.open(t, three(), `{}`)
	for range 30 {
		_, _ = send(t, r)
	}
	again := func(change func(*Server)) string {
		servers := three()
		change(&servers[0])
		if err := r.Update(t.Context(), servers, Policy{}); err != nil {
			t.Fatal(err)
		}
		return stateOf(t, r, "s/2").State
	}
	if got := again(func(*Server) {}); got != "ejected" {
		t.Errorf("after an update that changes nothing: %s", got)
	}
	if got := again(func(s *Server) { s.Replicas = 4 }); got != "ejected" {
		t.Errorf("after a fourth replica: %s", got)
	}
	r.SetState("s/2", false)
	if got := again(func(s *Server) { s.Health.Failures++ }); got != "away" {
		t.Errorf("judged in another way: %s", got)
	}
	if got := again(func(s *Server) { s.Disabled = true }); got != "away" {
		t.Errorf("disabled: %s", got)
	}
	if got := again(func(s *Server) { s.ID = "other" }); got != "healthy" {
		t.Errorf("another server of that name: %s", got)
	}
}

// TestOffered lists the names that a policy may give.
func TestOffered(t *testing.T) {
	r := newWorld().open(t, append(three(), single("a")...), `{"s.*":{"targets":[{"server":"a"}]}, "s.x":{}, "plain":{"targets":[{"server":"a"}]},
		"shop.find":{"targets":[{"server":"s/2","name":"search"},{"server":"a"}]}}`)
	got := r.Offered()
	if len(got) != 2 || got[0].Name != "plain" || got[0].Of[0].Server != "a" || got[0].Of[0].Name != "plain" || got[1].Of[0].Server != "s" || got[1].Of[0].Name != "search" ||
		got[1].Of[1].Name != "find" {
		t.Errorf("offers = %+v", got)
	}
}

// TestUnknown goes on with what is left of a policy when a server that it names is gone.
func TestUnknown(t *testing.T) {
	var log strings.Builder
	w := newWorld()
	r := w.open(t, single("s", "a"), `{"*":{"targets":[{"server":"s"},{"server":"a"}]}}`)
	r.opts.Log = slog.New(slog.NewTextHandler(&log, nil))
	if err := r.Update(t.Context(), single("s"), parsed(t, `{"*":{"targets":[{"server":"s"},{"server":"a"}]}}`)); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if got, err := send(t, r); got != "s" || err != nil {
			t.Errorf("called %s, %v", got, err)
		}
	}
	if !strings.Contains(log.String(), `there is no server \"a\"`) {
		t.Errorf("log = %s", log.String())
	}
}
