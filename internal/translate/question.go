package translate

import (
	"bytes"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// visitID is the member by which the legacy era tells visits of URLs apart; the modern era has none.
const visitID = "elicitationId"

// IsVisit reports whether a question asks the user to visit a URL.
func IsVisit(q mcp.Question) bool {
	return q.Method == mcp.MethodElicit && wire.IsString(wire.Get(q.Params, "mode"), "url")
}

// VisitID returns the id that the legacy era gives the visit of a URL.
func VisitID(elicitation []byte) (id string, ok bool) {
	return wire.Unquote(wire.Get(elicitation, visitID))
}

// LegacyQuestion returns a modern server's question as a client of the legacy era takes it. NewID gives visits of URLs the id
// that they need there. The result shares no memory with q.
func LegacyQuestion(q mcp.Question, newID func() string) mcp.Question {
	if !IsVisit(q) || wire.Get(q.Params, visitID) != nil {
		q.Params = bytes.Clone(q.Params)
		return q
	}
	with := append(wire.AppendQuote([]byte(`"`+visitID+`":`), newID()), ',')
	at := bytes.IndexByte(q.Params, '{') + 1
	q.Params = wire.AppendPatched(nil, q.Params, wire.Patch{Span: wire.Span{Start: at, End: at}, With: with})
	return q
}

// ModernQuestion returns a legacy server's question as a modern client takes it. It always has params, which not every client can
// do without inside an answer. The result shares no memory with q.
func ModernQuestion(q mcp.Question) mcp.Question {
	if len(q.Params) == 0 {
		q.Params = []byte("{}")
		return q
	}
	if !IsVisit(q) {
		q.Params = bytes.Clone(q.Params)
		return q
	}
	q.Params = without(q.Params, func(key, member []byte) ([]byte, bool) { return member, !wire.KeyEqual(key, visitID) })
	return q
}
