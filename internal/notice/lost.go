package notice

import (
	"strconv"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A LostError says that a listener was too slow, so that messages are lost: it has to listen again, and to read anew what it follows.
type LostError struct {
	// N is how many were lost.
	N int
}

// Error tells the client.
func (e *LostError) Error() string {
	return strconv.Itoa(e.N) + " messages are lost, since they were not read in time; listen again, and read anew what you follow"
}

// Unwrap is the error as it crosses the wire.
func (e *LostError) Unwrap() error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "%s", e.Error())
}

// AppendWarning appends the same as a log message, for a client of the legacy era that has no stream which could end.
func (e *LostError) AppendWarning(dst []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"`+mcp.NoticeMessage+`","params":{"level":"warning","logger":"sumun","data":`...)
	return append(wire.AppendQuote(dst, strconv.Itoa(e.N)+" messages are lost, since they were not read in time; read anew what you follow"), "}}"...)
}
