package task

import (
	"cmp"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Where ids of tasks stand in a result or in the parameters of a message.
var (
	flat    = []string{"taskId"}                               // the object is a task
	created = []string{"task", "taskId"}                       // it holds the task that was made
	related = []string{"_meta", mcp.MetaRelatedTask, "taskId"} // it belongs to a task
)

// rename returns an object with other ids at those places. All is false if there is
// an id that names does not know, which is left as it is.
func rename(object []byte, names func(id string) (string, bool), places ...[]string) (renamed []byte, all bool) {
	var patches []wire.Patch
	all = true
	for _, place := range places {
		at := find(object, place)
		if !at.Ok() {
			continue
		}
		id, isText := wire.Unquote(object[at.Start:at.End])
		name, known := names(id)
		if !isText || !known {
			all = false
			continue
		}
		patches = append(patches, wire.Patch{Span: at, With: wire.AppendQuote(nil, name)})
	}
	if len(patches) == 0 {
		return object, all
	}
	slices.SortFunc(patches, func(a, b wire.Patch) int { return cmp.Compare(a.Start, b.Start) })
	return wire.AppendPatched(make([]byte, 0, len(object)+256), object, patches...), all
}

// find returns where the value at the end of the path stands, which names members of objects within each other.
func find(object []byte, path []string) wire.Span {
	at := wire.Span{End: len(object)}
	for _, name := range path {
		next := wire.Span{}
		inner := object[at.Start:at.End]
		for m := range wire.MemberSpans(inner) {
			if wire.KeyEqual(inner[m.Key.Start:m.Key.End], name) {
				next = wire.Span{Start: at.Start + m.Value.Start, End: at.Start + m.Value.End}
			}
		}
		if !next.Ok() {
			return next
		}
		at = next
	}
	return at
}

// idAt returns the id at a place of an object.
func idAt(object []byte, place []string) (id string, ok bool) {
	at := find(object, place)
	if !at.Ok() {
		return "", false
	}
	return wire.Unquote(object[at.Start:at.End])
}

// scanner reads what we have written ourselves.
var scanner = wire.NewScanner(wire.Vocabulary{}, 0)

// Request returns a copy of a call that carries other parameters, a JSON object, under the same id.
func Request(call *mcp.Call, method string, params []byte) (*mcp.Call, error) {
	m, id := new(wire.Message), []byte("0")
	if call.Request != nil && call.Request.ID.Ok() {
		id = call.Request.Bytes(call.Request.ID)
	}
	raw := slices.Concat([]byte(`{"jsonrpc":"2.0","id":`), id, []byte(`,"method":"`+method+`","params":`), params, []byte("}"))
	if err := scanner.Request(raw, m); err != nil {
		return nil, err
	}
	next := *call
	next.Request, next.Method = m, method
	return &next, nil
}

// Ordinary returns a copy of a call that does not ask to be run as a task.
func Ordinary(call *mcp.Call) (*mcp.Call, error) {
	return Request(call, call.Method, without(call.Params(), "task"))
}

// Unrelated returns a copy of a call that does not say to which task it belongs: the
// id would be the client's, and a server's own id must not be put in by a client. What
// a client of the legacy era asks for belongs to no task of a server.
func Unrelated(call *mcp.Call) (*mcp.Call, error) {
	params := call.Params()
	at := find(params, related[:1])
	patch := wire.Patch{Span: at, With: without(params[at.Start:at.End], mcp.MetaRelatedTask)}
	return Request(call, call.Method, wire.AppendPatched(nil, params, patch))
}

// without returns an object without one of its members.
func without(object []byte, name string) []byte {
	dst := append(make([]byte, 0, len(object)), '{')
	for key, value := range wire.Members(object) {
		if wire.KeyEqual(key, name) {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), key...), `":`...), value...)
	}
	return append(dst, '}')
}
