package mcp

import "github.com/sumun-mcp/sumun/internal/wire"

// Absent returns the error for something that does not exist, and the very same
// for something that the caller may not see: nobody learns the one from the other.
// The code for resources is that of the client's revision (server/resources, "Error Handling").
func Absent(kind Kind, name string, revision *Revision) *Error {
	switch kind {
	case Prompt:
		return Errorf(CodeInvalidParams, NotFound, "unknown prompt: %s", name)
	case Template:
		return Errorf(CodeInvalidParams, NotFound, "unknown resource template: %s", name)
	case Resource:
		code := CodeResourceNotFound
		if revision != nil {
			code = revision.NotFound
		}
		e := Errorf(code, NotFound, "resource not found: %s", name)
		e.Data = append(wire.AppendQuote([]byte(`{"uri":`), name), '}')
		return e
	default:
		return Errorf(CodeInvalidParams, NotFound, "unknown tool: %s", name)
	}
}
