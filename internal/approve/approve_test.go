package approve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestOperator has one who runs the gate allow, and deny, at the instance that holds the call and at another.
func TestOperator(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		for _, allow := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				var store memory
				here, other := newScene(t, &store, "one", everyCall), newScene(t, &store, "two", everyCall)
				var c client
				made := call(t)
				wait, _ := here.make(t, made, &c)
				synctest.Wait()
				time.Sleep(20 * time.Second) // and nobody takes it for one whose instance has died
				if here.Len() != 1 || here.runs() != 0 {
					t.Fatalf("%d wait, %d ran", here.Len(), here.runs())
				}
				at := here
				if elsewhere {
					at = other
				}
				told, err := at.decide(t, fmt.Sprintf(`"allow":%t,"reason":"as\u202e agreed"`, allow))
				if err != nil || !strings.Contains(told, `"decidedBy":"local","reason":"as� agreed"`) {
					t.Errorf("decided: %s, %v", told, err)
				}
				began := time.Now()
				err = wait()
				if time.Since(began) > time.Second {
					t.Errorf("it took %v", time.Since(began))
				}
				want := "asked, allowed by local via operator"
				if !allow {
					want = "asked, denied by local via operator"
				}
				if err != nil || here.runs() == 1 != allow || here.told() != want || len(c.asked) != 0 {
					t.Errorf("allowed %t: %v, %d ran, on record: %s, asked %q", allow, err, here.runs(), here.told(), c.asked)
				}
				if made.Approval != store.requests[0].ID {
					t.Errorf("the call names the approval %q", made.Approval)
				}
				if denied := strings.Contains(c.result, `"isError":true`) && strings.Contains(c.result, "pay was not run: local denied it (as� agreed)"); denied == allow {
					t.Errorf("the client is told %s", c.result)
				}
				if made.Withheld == "" == !allow {
					t.Errorf("withheld is %q", made.Withheld)
				}
				if n := c.notices[0]; !strings.Contains(n, `"progress":-301`) || !strings.Contains(n, "sumun approve "+made.Approval) || len(c.notices) < 2 {
					t.Errorf("noticed %q", c.notices)
				}
				if _, err := other.ask(t, mcp.MethodDecide, `{"id":"`+made.Approval+`","allow":true}`); err == nil || mcp.AsError(err).Reason != mcp.Conflict {
					t.Errorf("decided twice: %v", err)
				}
			})
		}
	}
}

// TestHost has the person in front of the host decide, as the policy has it.
func TestHost(t *testing.T) {
	const accepted, host, either = `{"action":"accept","content":{"allow":true}}`, "approvals: {by: host, rules: [always]}", "approvals: {by: either, rules: [always]}"
	for name, tt := range map[string]struct {
		policy string
		answer func(context.Context, mcp.Question) (mcp.Answer, error)
		admin  bool
		events string
		ran    bool
		told   string
	}{
		"yes":              {host, result(accepted), false, "asked, allowed by ci via host", true, ""},
		"no":               {host, result(`{"action":"accept","content":{"allow":false,"reason":"too much"}}`), false, "asked, denied by ci via host", false, "denied it (too much)"},
		"text":             {host, result(`{"action":"accept","content":{"allow":"true"}}`), false, "asked, denied by ci via host", false, "the person in front of the client denied it"},
		"decline":          {either, result(`{"action":"decline"}`), false, "asked, denied by ci via host", false, "denied it"},
		"cancel":           {either, result(`{"action":"cancel","content":{"allow":true}}`), false, "asked, denied by ci via host", false, "denied it"},
		"refused to":       {host, func(context.Context, mcp.Question) (mcp.Answer, error) { return mcp.Answer{}, mcp.ErrDeclined }, false, "asked, denied by ci via host", false, "denied it"},
		"error":            {host, func(context.Context, mcp.Question) (mcp.Answer, error) { return mcp.Answer{Err: &mcp.Error{}}, nil }, false, "asked, denied", false, "could not ask"},
		"cannot, operator": {either, nil, false, "asked, expired", false, "nobody allowed it within 5m0s"},
		"silent":           {host, silence, false, "asked, expired", false, "nobody allowed it within 5m0s"},
		"not asked":        {everyCall, result(accepted), false, "asked, expired", false, "who runs the gateway decides, with sumun approve"},
		"operator's host":  {everyCall, result(accepted), true, "asked, allowed by ci via host", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, &memory{}, "one", tt.policy)
				made, c := call(t), &client{answer: tt.answer}
				made.Caller.Admin = tt.admin
				wait, _ := s.make(t, made, c)
				if err := wait(); err != nil || s.runs() == 1 != tt.ran || s.told() != tt.events || !strings.Contains(c.result, tt.told) {
					t.Errorf("%v, %d ran, on record: %s, told %s", err, s.runs(), s.told(), c.result)
				}
				if s.Len() != 0 {
					t.Error("it waits still")
				}
			})
		})
	}
}

// TestQuestion shows what people are asked.
func TestQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", "approvals: {by: either, rules: [always]}")
		c := &client{answer: silence}
		wait, _ := s.make(t, call(t), c)
		synctest.Wait()
		if want := `"message":"The tool pay is to be called with these arguments:\n{\"to\":\"Ada\",\"token\":\"•••\"}\nAllow it?"`; !strings.Contains(c.asked[0], want) {
			t.Errorf("asked %s", c.asked[0])
		}
		if err := wire.NewScanner(mcp.Vocabulary(), 0).Value([]byte(c.asked[0])); err != nil {
			t.Error(err)
		}
		if _, err := s.decide(t, `"allow":true`); err != nil { // and the question is withdrawn
			t.Error(err)
		}
		if err := wait(); err != nil || s.runs() != 1 {
			t.Errorf("%v, %d ran", err, s.runs())
		}
		host := newScene(t, s.store, "two", "approvals: {by: host, rules: [always]}")
		wait, _ = host.make(t, call(t), &client{answer: silence})
		synctest.Wait()
		if _, err := host.decide(t, `"allow":true`); err == nil || mcp.AsError(err).Reason != mcp.Forbidden {
			t.Errorf("the operator decides what the host is to: %v", err)
		}
		unable := call(t)
		unable.Capabilities = []byte(`{"elicitation":{"url":{}}}`)
		to := &client{answer: silence}
		if err := host.Middleware(host.house).Handle(t.Context(), unable, to); err != nil || !strings.Contains(to.result, "this client cannot ask") || len(to.asked) > 0 {
			t.Errorf("%v, told %s, asked %q", err, to.result, to.asked)
		}
		host.Close()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// TestWhich says which calls wait.
func TestWhich(t *testing.T) {
	const reads, adds = `{"name":"pay","annotations":{"readOnlyHint":true}}`, `{"name":"pay","annotations":{"destructiveHint":false}}`
	now := time.Now()
	known := Sight{Since: now.Add(-10 * 24 * time.Hour)}
	trusted := Target{Server: "bank", Trusted: true}
	for name, tt := range map[string]struct {
		policy string
		tool   string
		target Target
		seen   Sight
		want   string
	}{
		"by default":               {"", pays, trusted, known, ""},
		"all":                      {"autoRun: false", reads, trusted, known, "always"},
		"but one":                  {"autoRun: false\napprovals: {except: [p*]}", reads, trusted, known, ""},
		"by name":                  {"approvals: {rules: [{when: always, tools: [p*]}]}", reads, trusted, known, "always"},
		"by another name":          {"approvals: {rules: [{when: always, tools: [q*]}]}", reads, trusted, known, ""},
		"destructive":              {"approvals: {rules: [destructive]}", pays, trusted, known, "destructive"},
		"not destructive":          {"approvals: {rules: [destructive]}", adds, trusted, known, ""},
		"not destructive, it says": {"approvals: {rules: [destructive]}", adds, Target{}, known, "destructive"},
		"read only":                {"approvals: {rules: [destructive, write]}", reads, trusted, known, ""},
		"read only, it says":       {"approvals: {rules: [write]}", reads, Target{}, known, "write"},
		"adds":                     {"approvals: {rules: [write]}", adds, trusted, known, "write"},
		"old":                      {"approvals: {rules: [new]}", pays, trusted, known, ""},
		"new":                      {"approvals: {rules: [{when: new, within: 300h}]}", pays, trusted, known, "new"},
		"never seen":               {"approvals: {rules: [new]}", pays, trusted, Sight{}, "new"},
		"changed":                  {"approvals: {rules: [new]}", pays, trusted, Sight{Since: known.Since, Changed: true}, "new"},
		"own":                      {"approvals: {rules: [new]}", pays, Target{Own: true, Trusted: true}, Sight{}, ""},
		"the first that fits":      {"approvals: {rules: [{when: destructive, tools: [q]}, new, always]}", pays, trusted, known, "always"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, tt.policy)
			tt.target.Definition = []byte(tt.tool)
			got := p.why(call(t), tt.target, func() Sight { return tt.seen })
			if got != tt.want {
				t.Errorf("it waits for being %q, want %q", got, tt.want)
			}
			if got != "" && !p.concerns("pay") {
				t.Error("and is no concern")
			}
		})
	}
	write := callWith(t, mcp.MethodWrite, `{"uri":"cache://n/a","content":"x"}`)
	for yaml, want := range map[string]string{
		"approvals: {rules: [write]}": "write", "approvals: {rules: [destructive]}": "destructive", "approvals: {rules: [new]}": "",
		"autoRun: false": "always", "approvals: {rules: [{when: write, tools: [\"cache://m/*\"]}]}": "",
	} {
		if got := policy(t, yaml).why(write, Target{Own: true, Trusted: true}, nil); got != want {
			t.Errorf("%s: a write waits for being %q, want %q", yaml, got, want)
		}
	}
}

// TestPassing lets everything else pass, and asks for nothing.
func TestPassing(t *testing.T) {
	s := newScene(t, &memory{down: true}, "one", everyCall)
	for _, method := range []string{
		mcp.MethodToolsList, mcp.MethodRead, mcp.MethodPromptsGet, mcp.NoticeCancelled, mcp.MethodTaskGet, mcp.MethodListen, mcp.MethodServers,
	} {
		if err := s.Middleware(s.house).Handle(t.Context(), callWith(t, method, `{"name":"pay"}`), &client{}); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	retry := call(t)
	retry.Resume = &mcp.Resume{}
	if err := s.Middleware(s.house).Handle(t.Context(), retry, &client{}); err != nil || s.runs() != 8 {
		t.Errorf("a retry: %v, %d ran", err, s.runs())
	}
	absent := call(t)
	absent.Name = "absent"
	if err := s.Middleware(s.house).Handle(t.Context(), absent, &client{}); err == nil || mcp.AsError(err).Reason != mcp.NotFound || s.runs() != 8 {
		t.Errorf("what is not there: %v", err)
	}
}

// TestRemembered allows once for many calls: those that wait, and those to come, until that is over, forgotten, or the tool changes.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", everyCall)
		var waits []func() error
		for range 3 {
			wait, _ := s.make(t, call(t), &client{})
			waits = append(waits, wait)
		}
		synctest.Wait()
		for _, bad := range []string{`"allow":true,"for":"1h","always":true`, `"allow":true,"for":"soon"`, `"allow":true,"for":"9000h"`, `"allow":false,"always":true`, `"reason":"x"`} {
			if _, err := s.decide(t, bad); err == nil || mcp.AsError(err).Reason != mcp.InvalidArguments {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if _, err := s.decide(t, `"allow":true,"for":"1h","reason":"this hour"`); err != nil {
			t.Fatal(err)
		}
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
		later := call(t)
		if err := s.Middleware(s.house).Handle(t.Context(), later, &client{}); err != nil || s.runs() != 4 || later.Approval != s.store.remembered[0].ID {
			t.Errorf("%v, %d ran, by %q", err, s.runs(), later.Approval)
		}
		other := call(t)
		other.Caller.ID = "other"
		wait, cancel := s.make(t, other, &client{})
		synctest.Wait()
		if s.Len() != 1 {
			t.Error("it holds for another caller")
		}
		cancel(errors.New("left"))
		if err := wait(); err == nil || err.Error() != "left" {
			t.Error(err)
		}
		s.change("pay", `{"name":"pay","description":"and more"}`)
		wait, _ = s.make(t, call(t), &client{})
		synctest.Wait()
		if s.Len() != 1 {
			t.Error("it holds for another tool of that name")
		}
		if _, err := s.decide(t, `"allow":true,"always":true`); err != nil || wait() != nil {
			t.Error(err)
		}
		s.change("pay", pays)
		time.Sleep(2 * time.Hour)
		wait, _ = s.make(t, call(t), &client{})
		synctest.Wait()
		if s.Len() != 1 {
			t.Error("it holds for longer than was said")
		}
		if _, err := s.decide(t, `"allow":false`); err != nil || wait() != nil {
			t.Error(err)
		}
		listed, err := s.ask(t, mcp.MethodApprovals, `{}`)
		if err != nil || strings.Count(listed, `"expiresAt":null`) != 1 || !strings.Contains(listed, `"reason":"this hour"`) {
			t.Errorf("%s, %v", listed, err)
		}
		if !strings.HasSuffix(s.told(), "denied by local via operator") || strings.Count(s.told(), "until 2000-01-01T01:00:00Z") != 1 || strings.Count(s.told(), "until for ever") != 1 {
			t.Errorf("on record: %s", s.told())
		}
		always := s.store.remembered[1].ID
		if _, err := s.ask(t, mcp.MethodForget, `{"id":"`+always+`"}`); err != nil || len(s.store.remembered) != 1 {
			t.Error(err)
		}
		if _, err := s.ask(t, mcp.MethodForget, `{"id":"`+always+`"}`); err == nil || mcp.AsError(err).Reason != mcp.NotFound {
			t.Error(err)
		}
	})
}

// TestLeaving cancels calls that wait.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", "approvals: {by: either, rules: [always]}")
		c := &client{answer: silence}
		wait, cancel := s.make(t, call(t), c)
		synctest.Wait()
		gone := errors.New("hung up")
		cancel(gone)
		if err := wait(); !errors.Is(err, gone) || s.store.states() != "withdrawn the client has gone" || s.told() != "asked, expired" {
			t.Errorf("%v: %s, on record: %s", err, s.store.states(), s.told())
		}
		if _, err := s.ask(t, mcp.MethodDecide, `{"id":"`+s.store.requests[0].ID+`","allow":true}`); err == nil || s.runs() != 0 {
			t.Errorf("it is allowed afterwards: %v", err)
		}
	})
}

// TestRevoked revokes the key of a call that waits: it does not, and nobody can allow it any more.
func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", "approvals: {by: either, rules: [always]}")
		c, over := call(t), make(chan struct{})
		c.Caller.Over = over
		wait, _ := s.make(t, c, &client{answer: silence})
		synctest.Wait()
		close(over)
		synctest.Wait()
		if _, err := s.ask(t, mcp.MethodDecide, `{"id":"`+s.store.requests[0].ID+`","allow":true}`); err == nil {
			t.Error("it is allowed afterwards")
		}
		if err := wait(); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unauthenticated || s.runs() != 0 || !strings.HasPrefix(s.store.states(), "withdrawn the key was revoked") {
			t.Errorf("%v: %s, %d ran", err, s.store.states(), s.runs())
		}
	})
}

// TestChanged allows a tool that is another by then.
func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", everyCall)
		var c client
		wait, _ := s.make(t, call(t), &c)
		synctest.Wait()
		s.change("pay", `{"name":"pay","description":"pays twice"}`)
		if _, err := s.decide(t, `"allow":true`); err != nil {
			t.Error(err)
		}
		if err := wait(); err != nil || s.runs() != 0 || !strings.Contains(c.result, "has changed while the call waited") {
			t.Errorf("%v, %d ran, told %s", err, s.runs(), c.result)
		}
	})
}

// TestMayNotAnyMore allows a call whose caller may not make it any more.
func TestMayNotAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", everyCall)
		wait, _ := s.make(t, call(t), &client{})
		synctest.Wait()
		s.away = mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "unknown tool")
		if _, err := s.decide(t, `"allow":true`); err != nil {
			t.Error(err)
		}
		if err := wait(); !errors.Is(err, s.away) || s.runs() != 0 {
			t.Errorf("%v, %d ran", err, s.runs())
		}
	})
}

// TestOutOfReach refuses where the store or the record cannot be written, before and while a call waits.
func TestOutOfReach(t *testing.T) {
	refused := func(t *testing.T, s *scene, err error) {
		t.Helper()
		if e := mcp.AsError(err); e == nil || e.Reason != mcp.Unavailable || s.runs() != 0 {
			t.Errorf("%v, %d ran", err, s.runs())
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{down: true}, "one", everyCall)
		wait, _ := s.make(t, call(t), &client{})
		refused(t, s, wait())
		_, err := s.ask(t, mcp.MethodApprovals, `{}`)
		refused(t, s, err)
		s.store.fall(false)
		s.mute = true
		wait, _ = s.make(t, call(t), &client{})
		refused(t, s, wait())
		s.mute = false
		wait, _ = s.make(t, call(t), &client{})
		synctest.Wait()
		s.house.mu.Lock()
		s.mute = true
		s.house.mu.Unlock()
		if _, err := s.decide(t, `"allow":true`); err != nil {
			t.Error(err)
		}
		refused(t, s, wait())
	})
	synctest.Test(t, func(t *testing.T) { // the host says yes while the store is away
		s := newScene(t, &memory{}, "one", "approvals: {by: host, rules: [always]}")
		wait, _ := s.make(t, call(t), &client{answer: func(context.Context, mcp.Question) (mcp.Answer, error) {
			s.store.fall(true)
			return mcp.Answer{Result: []byte(`{"action":"accept","content":{"allow":true}}`)}, nil
		}})
		refused(t, s, wait())
	})
	synctest.Test(t, func(t *testing.T) { // the time is over while the store is away
		s := newScene(t, &memory{}, "one", everyCall)
		var c client
		wait, _ := s.make(t, call(t), &c)
		synctest.Wait()
		s.store.fall(true)
		if err := wait(); err != nil || s.runs() != 0 || !strings.Contains(c.result, "nobody allowed it") {
			t.Errorf("%v, %d ran, told %s", err, s.runs(), c.result)
		}
		s.store.fall(false)
		time.Sleep(2 * time.Second)
		if s.store.states() != "expired the gateway that held the call is gone" {
			t.Errorf("it stands at %s", s.store.states())
		}
	})
}

// TestDied ends what an instance has left behind that died.
func TestDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store memory
		store.requests = []Request{{ID: "a", Instance: "dead", State: Waiting, Asked: time.Now(), Until: time.Now().Add(time.Hour)}}
		s := newScene(t, &store, "one", "")
		time.Sleep(2 * time.Second)
		store.fall(true) // for longer than anybody may be silent
		time.Sleep(5 * time.Second)
		store.fall(false)
		time.Sleep(2 * time.Second)
		if store.states() != "waiting" {
			t.Errorf("it stands at %s", store.states())
		}
		time.Sleep(3 * time.Second)
		if store.states() != "expired the gateway that held the call is gone" || s.told() != "expired" {
			t.Errorf("it stands at %s, on record: %s", store.states(), s.told())
		}
	})
}

// TestClosing ends what waits with the gate.
func TestClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", everyCall)
		var c client
		wait, _ := s.make(t, call(t), &c)
		synctest.Wait()
		s.Close()
		if err := wait(); err != nil || !strings.Contains(c.said(), "the gateway was stopped") || s.store.states() != "expired the gateway was stopped" {
			t.Errorf("%v, told %s, it stands at %s", err, c.said(), s.store.states())
		}
		wait, _ = s.make(t, call(t), &c)
		if err := wait(); err == nil || mcp.AsError(err).Reason != mcp.Unavailable {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestTooMany bounds what waits.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", everyCall)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range maxPerCaller {
			all.Go(func() { _ = s.Middleware(s.house).Handle(ctx, call(t), &client{}) })
		}
		synctest.Wait()
		if err := s.Middleware(s.house).Handle(ctx, call(t), &client{}); err == nil || mcp.AsError(err).Reason != mcp.RateLimited {
			t.Errorf("one more: %v", err)
		}
		other := call(t)
		other.Caller.ID = "other"
		all.Go(func() { _ = s.Middleware(s.house).Handle(ctx, other, &client{}) })
		synctest.Wait()
		if s.Len() != maxPerCaller+1 {
			t.Errorf("%d wait", s.Len())
		}
		cancel()
		all.Wait()
		if s.Len() != 0 || len(s.perCaller) != 0 || s.runs() != 0 {
			t.Errorf("%d wait, %d callers, %d ran", s.Len(), len(s.perCaller), s.runs())
		}
	})
}

// TestDialect tells clients of the dialect by an error, and asks them nothing.
func TestDialect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, &memory{}, "one", "approvals: {by: either, rules: [always], timeout: 1s}")
		for _, c := range []*mcp.Call{call(t), callWith(t, mcp.MethodWrite, `{"uri":"cache://n/a","content":"x"}`)} {
			c.Dialect = "mcp.x"
			to := &client{answer: result(`{"action":"accept","content":{"allow":true}}`)}
			err := s.Middleware(s.house).Handle(t.Context(), c, to)
			if e := mcp.AsError(err); e == nil || e.Reason != mcp.ApprovalExpired || len(to.asked)+len(to.notices) > 0 || !strings.Contains(string(e.Data), c.Approval) {
				t.Errorf("%v, asked %q", err, to.asked)
			}
		}
	})
}

// TestPass lets a call through that comes back with answers to its server, once and as it was.
func TestPass(t *testing.T) {
	var p passes
	modern := func(params string) *mcp.Call {
		c := callWith(t, mcp.MethodToolsCall, params)
		c.Revision = mcp.Latest()
		return c
	}
	first := modern(`{"name":"pay","arguments":{"to":"Ada"}}`)
	w := &witness{&client{}, &p, first}
	asks := &mcp.Result{Value: []byte(`{"resultType":"input_required","requestState":"s\u0031"}`), Revision: mcp.Latest()}
	if err := w.Done(t.Context(), asks); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{
		`{"name":"pay","arguments":{"to":"Ada"}}`, `{"name":"pay","arguments":{"to":"Bob"},"requestState":"s1"}`,
		`{"name":"pay","arguments":{"to":"Ada"},"requestState":"s2"}`, `{"name":"pays","arguments":{"to":"Ada"},"requestState":"s1"}`,
	} {
		if p.take(modern(other)) {
			t.Errorf("%s passes", other)
		}
	}
	again := modern(`{"name":"pay","arguments":{"to":"Ada"},"requestState":"s1"}`)
	if again.Caller.ID = "other"; p.take(again) {
		t.Error("another caller passes")
	}
	if again.Caller.ID = "ci"; !p.take(again) || p.take(again) {
		t.Error("it passes never, or twice")
	}
	for i := range maxPasses + 10 {
		p.put(first, fmt.Appendf(nil, `"%d"`, i))
	}
	if len(p.until) != maxPasses || len(p.order) != maxPasses {
		t.Errorf("%d are known", len(p.until))
	}
}
