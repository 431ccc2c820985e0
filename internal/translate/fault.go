package translate

import (
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Fault says why a result of a server cannot be put into the words of the other era, and nothing if it can: it is not an object,
// has a resultType that nobody knows, which is an invalid answer (basic, "Responses"), or is a question that asks nothing and
// gives nothing to come back with (basic/patterns/mrtr). An era that does not know resultType says nothing by it.
func Fault(result []byte, from *mcp.Revision) string {
	if len(result) == 0 || result[0] != '{' {
		return "is not an object"
	}
	if !from.ResultType {
		return ""
	}
	kind := wire.Get(result, "resultType")
	switch {
	case kind == nil, wire.IsString(kind, "complete"), wire.IsString(kind, "task"):
		return ""
	case !wire.IsString(kind, "input_required"):
		return "has an unknown resultType"
	}
	requests := wire.Get(result, "inputRequests")
	switch {
	case requests != nil && requests[0] != '{':
		return "asks, but inputRequests is not an object"
	case requests == nil && wire.Get(result, "requestState") == nil:
		return "asks, but has neither inputRequests nor requestState"
	}
	return ""
}
