package access

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A step is a scope that a caller lacks and can ask for, with what it would grant.
type step struct {
	scope string
	view  *mcp.View
}

// steps returns the scopes marked stepUp that are not among the given ones, in order.
func (a *Access) steps(scopes []string) []step {
	var lacking []step
	for _, scope := range a.StepUps() {
		if !slices.Contains(scopes, scope) {
			lacking = append(lacking, step{scope, a.rights([]string{scope}).view()})
		}
	}
	return lacking
}

// offer has a view show what the steps would grant: for a call, if there is one.
func (r *rights) offer(v *mcp.View, call *mcp.Call) {
	if len(r.steps) == 0 || r.all {
		return
	}
	steps := slices.Clone(r.steps)
	for i := range steps {
		if s := &steps[i]; call != nil && s.view.At != nil {
			if s.view = s.view.At(call); s.view.ID == "" {
				v.ID = ""
			}
			if v.ID != "" {
				v.ID = identify(patterns{v.ID, s.view.ID})
			}
		}
	}
	v.StepUp = func(kind mcp.Kind, name string, write bool) []string {
		var all []string
		for _, s := range steps {
			if write && s.view.Writes(name) || !write && s.view.Sees(kind, name) {
				all = append(all, s.scope)
			}
		}
		return all
	}
}

// StepUps returns the scopes that callers of OAuth are shown although they lack them, in order.
func (a *Access) StepUps() []string {
	var all []string
	for name, scope := range a.scopes {
		if scope.StepUp {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// insufficient returns the refusal of a call for which one of these scopes would be enough.
func insufficient(scopes []string) *mcp.Error {
	data, err := json.Marshal(map[string]any{"reason": mcp.InsufficientScope, "scopes": scopes})
	if err != nil {
		data = nil // texts always encode
	}
	return &mcp.Error{
		Code: mcp.CodeInvalidRequest, Reason: mcp.InsufficientScope, Scopes: scopes, Data: data,
		Message: "this needs the scope " + strings.Join(scopes, ", or ") + "; ask the authorization server for it and call again",
	}
}
