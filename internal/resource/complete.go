package resource

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/files"
)

// maxCompletions is the most values that the protocol allows in one answer.
const maxCompletions = 100

// complete answers completion/complete for the arguments that are paths of files. An argument without suggestions has none, which is no
// error.
func (r *Resources) complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	out := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	if req.Params.Argument.Name != "path" {
		return out, nil
	}
	for _, candidate := range r.paths(req.Params.Ref) {
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

// paths are the sorted paths of the listed files in the form that ref takes: the prompt's argument, or the variable of a template.
func (r *Resources) paths(ref *mcp.CompleteReference) []string {
	var out []string
	for _, s := range r.sources {
		if s, ok := s.(*fileSource); ok && ref != nil {
			out = append(out, s.paths(ref)...)
		}
	}
	return out
}

func (s *fileSource) paths(ref *mcp.CompleteReference) []string {
	var out []string
	for _, file := range s.index.Entries() {
		switch {
		case ref.Type == "ref/prompt" && ref.Name == summarizeName, ref.Type == "ref/resource" && ref.URI == fileTemplate:
			out = append(out, s.Label(file.Place))
		case ref.Type == "ref/resource" && ref.URI == files.Template(file.Root()):
			out = append(out, file.Path())
		}
	}
	return out
}
