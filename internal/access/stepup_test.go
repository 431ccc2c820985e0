package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestStepUp shows what scopes grant that are lacking and marked so, and nothing else.
func TestStepUp(t *testing.T) {
	a := mustNew(t, Options{Scopes: map[string]config.Scope{
		"read:docs":   {Names: []string{"file.*"}},
		"invoke:pay":  {Names: []string{"pay.*", "shared"}, StepUp: true},
		"write:notes": {Names: []string{"f:///notes/*"}, StepUp: true},
		"read:notes":  {Names: []string{"f:///notes/*"}},
		"invoke:more": {Names: []string{"pay.refund", "hidden"}},
		"invoke:both": {Names: []string{"shared"}, StepUp: true},
		"deny:x":      {Names: []string{"pay.secret"}},
	}})
	type told struct {
		Sees, Lists bool
		Steps       []string
	}
	tests := []struct {
		scopes []string
		stepUp bool
		kind   mcp.Kind
		name   string
		write  bool
		want   told
	}{
		{[]string{"read:docs"}, true, mcp.Tool, "file.read", false, told{true, true, nil}},
		{[]string{"read:docs"}, true, mcp.Tool, "pay.now", false, told{false, true, []string{"invoke:pay"}}},
		{[]string{"read:docs"}, true, mcp.Tool, "shared", false, told{false, true, []string{"invoke:both", "invoke:pay"}}},
		{[]string{"read:docs"}, true, mcp.Tool, "hidden", false, told{}},
		{[]string{"read:docs"}, false, mcp.Tool, "pay.now", false, told{}},
		{[]string{"read:docs", "invoke:pay"}, true, mcp.Tool, "pay.now", false, told{true, true, nil}},
		{[]string{"read:docs", "deny:x"}, true, mcp.Tool, "pay.secret", false, told{}},
		{[]string{"read:notes"}, true, mcp.Resource, "f:///notes/a", true, told{true, true, []string{"write:notes"}}},
		{[]string{}, true, mcp.Resource, "f:///notes/a", true, told{false, false, []string{"write:notes"}}},
		{[]string{"*"}, true, mcp.Tool, "pay.now", false, told{true, true, nil}},
	}
	for _, tt := range tests {
		v := a.ViewOf(tt.scopes, tt.stepUp)
		got := told{v.Sees(tt.kind, tt.name), v.Lists(tt.kind, tt.name), nil}
		if !got.Sees || tt.write {
			got.Steps = v.Steps(tt.kind, tt.name, tt.write)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v %s (-want +got):\n%s", tt.scopes, tt.name, diff)
		}
	}
	if a.ViewOf([]string{"read:docs"}, true).ID == a.ViewOf([]string{"read:docs"}, false).ID {
		t.Error("two views that show different things have one ID")
	}
}

// TestStepUpRefusal says which scopes are lacking, for what steps up only.
func TestStepUpRefusal(t *testing.T) {
	a := mustNew(t, Options{Scopes: map[string]config.Scope{
		"invoke:pay": {Names: []string{"pay"}, StepUp: true}, "write:n": {Names: []string{"f:///n"}, StepUp: true}, "read:n": {Names: []string{"f:///n"}},
	}})
	caller := &mcp.Caller{ID: "c", View: a.ViewOf([]string{"read:n"}, true)}
	for _, tt := range []struct {
		call   mcp.Call
		reason mcp.Reason
		scopes []string
	}{
		{mcp.Call{Method: mcp.MethodToolsCall, Name: "pay"}, mcp.InsufficientScope, []string{"invoke:pay"}},
		{mcp.Call{Method: mcp.MethodToolsCall, Name: "other"}, mcp.NotFound, nil},
		{mcp.Call{Method: mcp.MethodWrite, Name: "f:///n"}, mcp.InsufficientScope, []string{"write:n"}},
		{mcp.Call{Method: mcp.MethodWrite, Name: "f:///m"}, mcp.NotFound, nil},
	} {
		call := tt.call
		call.Caller, call.Revision = caller, mcp.Latest()
		err := mcp.AsError(authorize(&call))
		if err == nil || err.Reason != tt.reason || !cmp.Equal(err.Scopes, tt.scopes) {
			t.Errorf("%s %s: %+v", call.Method, call.Name, err)
		}
	}
}
