package dialogue

import (
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Element is one message of several that came in an array.
type Element struct {
	wire.Message
	// Refused is why it is no call; the others are.
	Refused *mcp.Error
}

// Split reads an array of messages (JSON-RPC 2.0, section 6) of a client of that
// revision. Messages that stand alone are of no revision, and are taken from any client.
// The error is about the array; what is wrong with one message is its own fault alone.
// The elements stand in data.
func Split(data []byte, r *mcp.Revision, alone func(*wire.Message) bool) ([]Element, *mcp.Error) {
	all, some := r != nil && r.Batch, false
	messages, err := scanner.Batch(data, wire.MostBatch)
	if err != nil {
		return nil, refusal(err)
	}
	elements, seen := make([]Element, len(messages)), map[string]bool{}
	for i := range elements {
		e := &elements[i]
		if e.Refused = Scan(messages[i], &e.Message); e.Refused != nil {
			continue
		}
		if !all && !alone(&e.Message) {
			e.Refused = errNoArray()
			continue
		}
		e.Refused, some = e.check(seen), true
	}
	if !all && !some {
		return nil, errNoArray()
	}
	return elements, nil
}

// errNoArray refuses messages of a revision that has no arrays of them.
func errNoArray() *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported,
		"arrays of messages are taken from clients of revision %s only; send each message by itself", batching())
}

// check refuses what cannot be done beside others.
func (e *Element) check(seen map[string]bool) *mcp.Error {
	switch {
	case e.Meta(mcp.MetaRevision).Ok():
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "a message with a protocol version of its own must not come in an array")
	case e.Kind != wire.Request:
		return nil
	case string(e.MethodName()) == mcp.MethodInitialize:
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "initialize must not come in an array")
	case seen[string(e.Bytes(e.ID))]:
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "another request of the array has this id")
	}
	seen[string(e.Bytes(e.ID))] = true
	return nil
}

// batching is the name of the revision that has arrays of messages.
func batching() string {
	for _, r := range mcp.Revisions() {
		if r.Batch {
			return r.Name
		}
	}
	return ""
}
