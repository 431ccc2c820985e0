package translate

import (
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// ability returns what a client must have declared to be asked something; empty for what no client is asked.
func ability(method string) string {
	switch method {
	case mcp.MethodElicit:
		return "elicitation"
	case mcp.MethodSample:
		return "sampling"
	case mcp.MethodRoots:
		return "roots"
	}
	return ""
}

// Answers reports whether a client of those capabilities, cut to its revision, answers such a question.
func Answers(capabilities []byte, q mcp.Question) bool {
	name := ability(q.Method)
	if name == "" {
		return false
	}
	declared := wire.Get(capabilities, name)
	switch {
	case declared == nil:
		return false
	case IsVisit(q):
		return wire.Get(declared, "url") != nil
	case q.Method == mcp.MethodSample && wire.Get(q.Params, "tools") != nil:
		return wire.Get(declared, "tools") != nil
	}
	return true
}
