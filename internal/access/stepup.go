package access

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// steps are scopes that a caller lacks and can ask for, in order, with what each would grant.
type steps []struct {
	name   string
	grants *mcp.View
}

// offer has the view show what the scopes marked stepUp would grant that are not among the given ones.
func (a *Access) offer(view *mcp.View, scopes []string) {
	var lacking steps
	for _, name := range a.StepUps() {
		if slices.Contains(scopes, name) {
			continue
		}
		var g grants
		g.add(name, a.scopes[name].Names)
		lacking = append(lacking, struct {
			name   string
			grants *mcp.View
		}{name, g.view()})
	}
	if len(lacking) == 0 || view.Whole {
		return
	}
	view.StepUp = lacking.of
	view.ID += " and can ask for " + lacking.id()
}

// of implements mcp.View.StepUp.
func (s steps) of(kind mcp.Kind, name string, write bool) []string {
	var all []string
	for _, step := range s {
		if write && step.grants.Writes(name) || !write && step.grants.Sees(kind, name) {
			all = append(all, step.name)
		}
	}
	return all
}

func (s steps) id() string {
	names := make(patterns, len(s))
	for i, step := range s {
		names[i] = step.name + " " + step.grants.ID
	}
	return identify(names)
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
