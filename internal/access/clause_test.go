package access

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// settled returns a call of a caller with those scopes, settled as Here does it.
func settled(t *testing.T, a *Access, scopes []string, call *mcp.Call) *mcp.Call {
	t.Helper()
	call.Caller = &mcp.Caller{ID: "ci", View: a.ViewOf(scopes, true), Scopes: scopes, Roles: []string{"clerk"}}
	call.Revision = mcp.Latest()
	call.Settle()
	return call
}

// calling returns a call of a tool with arguments.
func calling(t *testing.T, name, arguments string) *mcp.Call {
	t.Helper()
	m := new(wire.Message)
	raw := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + name + `","arguments":` + arguments + `}}`
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(raw), m); err != nil {
		t.Fatal(err)
	}
	return &mcp.Call{Method: mcp.MethodToolsCall, Name: name, Request: m, Began: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Remote: "[::ffff:10.0.0.7]:99"}
}

var conditional = map[string]config.Scope{
	"invoke:pay":    {Names: []string{"pay.*"}, When: "args.amount < 100"},
	"invoke:big":    {Names: []string{"pay.big"}, When: "args.amount < 1000"},
	"invoke:day":    {Names: []string{"day"}, When: "now.getHours() >= 9 && now.getHours() < 17"},
	"invoke:night":  {Names: []string{"night"}, When: "now.getHours() < 9"},
	"invoke:home":   {Names: []string{"home"}, When: "remote == '10.0.0.7'"},
	"invoke:clerk":  {Names: []string{"clerk"}, When: "'clerk' in caller.roles && caller.id == 'ci'"},
	"invoke:some":   {Names: []string{"*"}, When: "name.startsWith('some.') && args.x == 1"},
	"invoke:wrong":  {Names: []string{"wrong"}, When: "caller.claims.level > 1"},
	"invoke:step":   {Names: []string{"pay.*", "step"}, When: "args.amount < 5000", StepUp: true},
	"deny:dear":     {Names: []string{"PAY.*"}, When: "args.amount > 10"},
	"deny:night":    {Names: []string{"day"}, When: "now.getHours() < 9"},
	"deny:wrong":    {Names: []string{"day"}, When: "caller.claims.level > 1"},
	"read:docs":     {Names: []string{"f:///docs/*"}, When: "verb == 'list' || name.endsWith('/open')"},
	"read:args":     {Names: []string{"f:///args/*"}, When: "!has(args.x)"},
	"write:docs":    {Names: []string{"f:///docs/*"}, When: "remote.startsWith('10.')"},
	"deny:reading":  {Names: []string{"f:///docs/open"}, When: "verb == 'read'"},
	"read:plain":    {Names: []string{"plain"}},
	"deny:resource": {Names: []string{"f:///args/secret"}, When: "kind == 'resource'"},
}

// TestClauses lists what may be used as far as that can be told, and decides by the arguments.
func TestClauses(t *testing.T) {
	a := mustNew(t, Options{Scopes: conditional})
	tests := []struct {
		scopes          []string
		tool, arguments string
		lists           bool
		reason          mcp.Reason // of the call
	}{
		{[]string{"invoke:pay"}, "pay.now", `{"amount":99}`, true, ""},
		{[]string{"invoke:pay"}, "pay.now", `{"amount":100}`, true, mcp.InsufficientScope},
		{[]string{"invoke:pay"}, "pay.now", `{"amount":5000}`, true, mcp.InsufficientScope},
		{[]string{"invoke:pay", "invoke:step"}, "pay.now", `{"amount":5000}`, true, mcp.Forbidden},
		{[]string{"invoke:pay", "invoke:step"}, "pay.now", `{"amount":4999}`, true, ""},
		{[]string{"invoke:pay", "invoke:step"}, "pay.now", `{}`, true, mcp.Forbidden},
		{[]string{"invoke:pay", "invoke:step"}, "pay.now", `{"amount":"1"}`, true, mcp.Forbidden},
		{[]string{"invoke:pay", "invoke:step"}, "pay.now", `{"amount":-99999999999999999999}`, true, mcp.Forbidden},
		{[]string{"invoke:pay", "invoke:big", "invoke:step"}, "pay.big", `{"amount":500}`, true, ""},
		{nil, "step", `{"amount":1}`, true, mcp.InsufficientScope},
		{[]string{"invoke:step"}, "other", `{}`, false, mcp.NotFound},
		{[]string{"invoke:day"}, "day", `{}`, true, ""},
		{[]string{"invoke:night"}, "night", `{}`, false, mcp.NotFound},
		{[]string{"invoke:home"}, "home", `{}`, true, ""},
		{[]string{"invoke:clerk"}, "clerk", `{}`, true, ""},
		{[]string{"invoke:some"}, "some.a", `{"x":1}`, true, ""},
		{[]string{"invoke:some"}, "some.a", `{"x":2}`, true, mcp.Forbidden},
		{[]string{"invoke:some"}, "any.a", `{"x":1}`, false, mcp.NotFound},
		{[]string{"invoke:wrong"}, "wrong", `{}`, false, mcp.NotFound},
		{[]string{"*", "deny:dear"}, "pay.now", `{"amount":10}`, true, ""},
		{[]string{"*", "deny:dear"}, "pay.now", `{"amount":11}`, true, mcp.Forbidden},
		{[]string{"*", "deny:dear"}, "pay.now", `{}`, true, mcp.Forbidden},
		{[]string{"*", "deny:dear"}, "other", `{}`, true, ""},
		{[]string{"invoke:day", "deny:night"}, "day", `{}`, true, ""},
		{[]string{"invoke:day", "deny:wrong"}, "day", `{}`, false, mcp.NotFound},
		{[]string{"read:plain", "invoke:pay"}, "plain", `{}`, true, ""},
	}
	for _, tt := range tests {
		call := settled(t, a, tt.scopes, calling(t, tt.tool, tt.arguments))
		err := mcp.AsError(authorize(call))
		got := mcp.Reason("")
		if err != nil {
			got = err.Reason
			if strings.Contains(err.Message, "amount") || strings.Contains(err.Message, "args") {
				t.Errorf("the refusal tells the condition: %s", err.Message)
			}
		}
		if lists := call.Caller.View.Lists(mcp.Tool, tt.tool); got != tt.reason || lists != tt.lists {
			t.Errorf("%v, %s %s: reason %q, lists %v; want %q, %v", tt.scopes, tt.tool, tt.arguments, got, lists, tt.reason, tt.lists)
		}
	}
}

// TestClausesOfResources asks for each verb apart.
func TestClausesOfResources(t *testing.T) {
	a := mustNew(t, Options{Scopes: conditional})
	type told struct{ Sees, Lists, Writes bool }
	for _, tt := range []struct {
		scopes []string
		uri    string
		want   told
	}{
		{[]string{"read:docs"}, "f:///docs/a", told{false, true, false}},
		{[]string{"read:docs"}, "f:///docs/open", told{true, true, false}},
		{[]string{"read:docs", "write:docs"}, "f:///docs/a", told{false, true, true}},
		{[]string{"read:docs", "deny:reading"}, "f:///docs/open", told{false, true, false}},
		{[]string{"*", "deny:reading"}, "f:///docs/open", told{false, true, true}},
		{[]string{"read:args"}, "f:///args/a", told{true, true, false}},
		{[]string{"read:args", "deny:resource"}, "f:///args/secret", told{false, false, false}},
		{[]string{"read:docs"}, "f:///docs/../open", told{}},
	} {
		call := settled(t, a, tt.scopes, calling(t, "x", "{}"))
		v := call.Caller.View
		got := told{v.Sees(mcp.Resource, tt.uri), v.Lists(mcp.Resource, tt.uri), v.Writes(tt.uri)}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v %s (-want +got):\n%s", tt.scopes, tt.uri, diff)
		}
	}
}

// TestUnsettled shows the least: what depends on a call is not granted, and what may be denied is.
func TestUnsettled(t *testing.T) {
	a := mustNew(t, Options{Scopes: conditional})
	for _, tt := range []struct {
		scopes []string
		name   string
		want   bool
	}{
		{[]string{"invoke:day"}, "day", false},
		{[]string{"read:plain", "invoke:day"}, "plain", true},
		{[]string{"*", "deny:dear"}, "pay.now", false},
		{[]string{"*", "deny:dear"}, "other", true},
	} {
		if got := a.ViewOf(tt.scopes, false).Sees(mcp.Tool, tt.name); got != tt.want {
			t.Errorf("%v %s: %v", tt.scopes, tt.name, got)
		}
	}
}

// TestSettledIDs keeps lists apart that show different things, and lets those that show the same be kept.
func TestSettledIDs(t *testing.T) {
	a := mustNew(t, Options{Scopes: conditional})
	at := func(hour int, scopes ...string) string {
		call := calling(t, "x", "{}")
		call.Began = time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC)
		return settled(t, a, scopes, call).Caller.View.ID
	}
	if day, noon, night := at(10, "invoke:day"), at(12, "invoke:day"), at(3, "invoke:day"); day != noon || day == night || day == "" {
		t.Errorf("IDs %q, %q and %q", day, noon, night)
	}
	if id := at(10, "invoke:some"); id != "" {
		t.Errorf("a view that depends on names has the ID %q", id)
	}
	if at(10, "invoke:pay") == at(10, "invoke:big") {
		t.Error("two scopes have one ID")
	}
}

// TestConditionRefused names the scope whose condition cannot be read.
func TestConditionRefused(t *testing.T) {
	_, err := New(Options{Scopes: map[string]config.Scope{"invoke:x": {When: "args.("}}})
	if err == nil || !strings.Contains(err.Error(), "the scope invoke:x: 1:6: ") {
		t.Errorf("error = %v", err)
	}
}

// BenchmarkAuthorize compares a call without conditions with one that has some.
func BenchmarkAuthorize(b *testing.B) {
	a := mustNew(b, Options{Scopes: conditional})
	for name, scopes := range map[string][]string{"plain": {"read:plain"}, "conditions": {"read:plain", "invoke:day", "deny:night", "invoke:home"}} {
		b.Run(name, func(b *testing.B) {
			caller := &mcp.Caller{ID: "ci", View: a.ViewOf(scopes, false), Scopes: scopes}
			b.ReportAllocs()
			for b.Loop() {
				call := mcp.Call{Method: mcp.MethodToolsCall, Name: "plain", Caller: caller, Revision: mcp.Latest()}
				call.Settle()
				if err := authorize(&call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
