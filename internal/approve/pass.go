package approve

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	// passLife is how long the answers to a server's questions may take for which a call that was allowed ended.
	passLife = 10 * time.Minute
	// maxPasses is how many such calls are known.
	maxPasses = 1024
)

// A server of the modern era asks by ending the call, and the client makes it again with the answers. Passes let such a call through that
// was allowed before it ended: once, for the same caller, tool, arguments and state of the server. The zero value is ready.
type passes struct {
	mu    sync.Mutex
	until map[pass]time.Time
	order []pass // the oldest first
}

type pass [sha256.Size]byte

// passOf is what a call with that state of its server is known by. It is not ok without a state.
func passOf(call *mcp.Call, state []byte) (p pass, ok bool) {
	text, ok := wire.Unquote(state)
	if !ok || text == "" {
		return p, false
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(call.Caller.ID), []byte(call.Name), call.Member("arguments"), []byte(text)} {
		h.Write(wire.AppendInt(nil, int64(len(part))))
		h.Write([]byte{':'})
		h.Write(part)
	}
	return pass(h.Sum(nil)), true
}

// take reports whether the call was allowed before its server asked something, and forgets that.
func (p *passes) take(call *mcp.Call) bool {
	of, ok := passOf(call, call.Member("requestState"))
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.until[of]
	delete(p.until, of)
	return ok && time.Now().Before(until)
}

// put lets the call through when it comes back with that state.
func (p *passes) put(call *mcp.Call, state []byte) {
	of, ok := passOf(call, state)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[pass]time.Time{}
	}
	p.until[of] = time.Now().Add(passLife)
	if p.order = append(p.order, of); len(p.order) > maxPasses {
		delete(p.until, p.order[0])
		p.order = append(p.order[:0], p.order[1:]...)
	}
}

// A witness sees whether a call that was allowed ends with questions of its server.
type witness struct {
	mcp.Reply

	passes *passes
	call   *mcp.Call
}

// Done takes note of the state of a server that asks, and passes the result on.
func (w *witness) Done(ctx context.Context, result *mcp.Result) error {
	if r := result.Revision; r != nil && r.InputRequired && wire.IsString(wire.Get(result.Value, "resultType"), "input_required") {
		w.passes.put(w.call, wire.Get(result.Value, "requestState"))
	}
	return w.Reply.Done(ctx, result)
}
