package workspace

import (
	"context"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxCompletions is the most values that the protocol allows in one answer.
const maxCompletions = 100

// goals are suggestions of what code may be refactored for.
var goals = []string{
	"add error handling", "add types", "extract a function", "improve the names", "make it faster", "make it readable", "make it testable",
	"reduce nesting", "remove duplication", "split it into smaller functions",
}

// complete answers completion/complete: files, the symbols of the file that is given already, languages and goals. An argument
// without suggestions has none, which is no error.
func (w *Workspace) complete(ctx context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	out := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	begun := req.Params.Argument.Value
	for _, candidate := range w.candidates(ctx, req.Params) {
		if !strings.HasPrefix(strings.ToLower(candidate), strings.ToLower(begun)) {
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

// candidates are all values that an argument might have.
func (w *Workspace) candidates(ctx context.Context, p *mcp.CompleteParams) []string {
	base := w.base(p.Meta)
	argument := p.Argument.Name
	switch {
	case p.Ref == nil:
	case p.Ref.Type == "ref/resource" && p.Ref.URI == searchTemplate().URITemplate && argument == "path":
		return w.paths(ctx, base, true)
	case p.Ref.Type != "ref/prompt" || !slices.ContainsFunc(prompts(), func(q *prompt) bool { return q.prompt.Name == p.Ref.Name }):
	case argument == "file":
		return w.paths(ctx, base, false)
	case argument == "symbol":
		return w.symbols(base, p.Context)
	case argument == "language":
		var all []string
		for _, l := range w.languages {
			all = append(all, l.Name)
		}
		slices.Sort(all)
		return all
	case argument == "goal":
		return goals
	}
	return nil
}

// paths are the files, and if they are wanted the directories, that a search would look at.
func (w *Workspace) paths(ctx context.Context, base string, folders bool) []string {
	files, err := w.tree.Files(ctx, base)
	if err != nil {
		return nil
	}
	var all []string
	last := ""
	for _, p := range files {
		if dir := p[:strings.LastIndexByte(p, '/')+1]; folders && dir != last {
			if last = dir; dir != "" {
				all = append(all, strings.TrimSuffix(dir, "/"))
			}
		}
		all = append(all, p)
	}
	return all
}

// symbols are the names that the file defines which the other arguments name.
func (w *Workspace) symbols(base string, known *mcp.CompleteContext) []string {
	if known == nil {
		return nil
	}
	s, err := w.source(base, known.Arguments)
	if err != nil {
		return nil
	}
	var all []string
	for _, d := range s.symbols {
		if !slices.Contains(all, d.Name) {
			all = append(all, d.Name)
		}
	}
	return all
}
