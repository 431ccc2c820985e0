package builtin

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxCompletions is the most values that the protocol allows in one answer.
const maxCompletions = 100

// complete answers completion/complete for the arguments that are paths. An
// argument without suggestions has none, which is no error.
func (ix *index) complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	out := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	if req.Params.Argument.Name != "path" {
		return out, nil
	}
	for _, candidate := range ix.paths(req.Params.Ref) {
		if !strings.HasPrefix(candidate, req.Params.Argument.Value) {
			continue
		}
		out.Completion.Total++
		if out.Completion.Total <= maxCompletions {
			out.Completion.Values = append(out.Completion.Values, candidate)
		}
	}
	out.Completion.HasMore = out.Completion.Total > maxCompletions
	return out, nil
}

// paths are the sorted paths of the listed files in the form that ref takes:
// the prompt's argument, or the variable of a folder's template.
func (ix *index) paths(ref *mcp.CompleteReference) []string {
	var out []string
	for _, at := range ix.places() {
		switch {
		case ref == nil:
		case ref.Type == "ref/prompt" && ref.Name == summarizeName:
			out = append(out, ix.files.label(at))
		case ref.Type == "ref/resource" && ref.URI == at.folder.template():
			out = append(out, at.path)
		}
	}
	return out
}
