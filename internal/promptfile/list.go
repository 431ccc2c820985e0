package promptfile

import (
	"context"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxCompletions is the most values that the protocol allows in one answer.
const maxCompletions = 100

// listed returns the prompt as lists show it.
func (e *entry) listed() *mcp.Prompt {
	h := e.file.head
	out := &mcp.Prompt{Name: h.Name, Title: h.Title, Description: h.Description}
	for _, a := range e.arguments {
		_, given := e.defaults[a.Name]
		out.Arguments = append(out.Arguments, &mcp.PromptArgument{
			Name: a.Name, Title: a.Title, Description: a.described(), Required: a.Required && !given,
		})
	}
	return out
}

// described returns the description of an argument, with the values that it may have.
func (a *argument) described() string {
	if len(a.Enum) == 0 {
		return a.Description
	}
	values := "One of " + strings.Join(a.Enum, ", ")
	if a.Description == "" {
		return values
	}
	return strings.TrimRight(a.Description, ". ") + ". " + values
}

// complete answers completion/complete for arguments that have an enum. Any other
// has no suggestions, which is no error.
func (p *Prompts) complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	out := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	ref := req.Params.Ref
	if ref == nil || ref.Type != "ref/prompt" {
		return out, nil
	}
	e := p.current.Load().prompts[ref.Name]
	if e == nil {
		return out, nil
	}
	i := slices.IndexFunc(e.arguments, func(a argument) bool { return a.Name == req.Params.Argument.Name })
	if i < 0 {
		return out, nil
	}
	typed := strings.ToLower(req.Params.Argument.Value)
	for _, value := range e.arguments[i].Enum {
		if !strings.HasPrefix(strings.ToLower(value), typed) {
			continue
		}
		if out.Completion.Total++; out.Completion.Total <= maxCompletions {
			out.Completion.Values = append(out.Completion.Values, value)
		}
	}
	out.Completion.HasMore = out.Completion.Total > maxCompletions
	return out, nil
}
