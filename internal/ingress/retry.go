package ingress

import (
	"strconv"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// retryAfter is the header Retry-After (RFC 9110 section 10.2.3) of an error of ours that says when to try again, in whole seconds;
// empty for any other.
func retryAfter(e *mcp.Error) string {
	if e.Reason != mcp.RateLimited && e.Reason != mcp.Unavailable || len(e.Raw) > 0 {
		return ""
	}
	ms, ok := wire.ParseInt(wire.Get(e.Data, "retryAfterMs"))
	if !ok {
		return ""
	}
	return strconv.FormatInt((ms+999)/1000, 10)
}
