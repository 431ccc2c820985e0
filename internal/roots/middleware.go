package roots

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/memory"
	"github.com/sumun-mcp/sumun/internal/sampling"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxDepth is how deep a message may nest that was scanned already.
const maxDepth = 1024

// Middleware makes calls in their roots. What is in force there is added to the _meta of calls of tools, prompts and
// resources; servers' questions to a model carry it; what a tool says of sampling holds for what follows; and the memory
// of a root answers calls that it knows. A call for which there is nothing passes as it came.
//
// It stands behind whatever decides whether a call may be made, since an answer from memory goes no further.
func (x *Roots) Middleware(next mcp.Handler) mcp.Handler {
	scanner := wire.NewScanner(mcp.Vocabulary(), maxDepth)
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Resume != nil || call.Caller == nil {
			return next.Handle(ctx, call, reply)
		}
		switch call.Method {
		case mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodRead, mcp.MethodWrite:
		case mcp.NoticeRoots:
			if call.Session != nil {
				x.renew(call.Session.ID)
			}
			return next.Handle(ctx, call, reply)
		case mcp.MethodWatch: // which ends with its root, so the root must be there
			if err := x.use(ctx, call); err != nil {
				return err
			}
			return next.Handle(ctx, call, reply)
		default:
			return next.Handle(ctx, call, reply)
		}
		if !x.concerns(ctx, call) {
			return next.Handle(ctx, call, reply)
		}
		v := &visit{Reply: reply, x: x, scanner: scanner, call: call}
		return v.handle(ctx, next)
	})
}

// use notes that the root is used that a call names, which must be there.
func (x *Roots) use(ctx context.Context, call *mcp.Call) error {
	p, err := placeOf(call)
	if err != nil || p.id == "" {
		return err
	}
	r, err := x.find(ctx, x.tenant(call.Caller.ID, true), p.id)
	if err == nil && r != nil {
		r.touch(x.writer, time.Now())
	}
	return err
}

// A visit is one call in its root, and the reply that it is answered by.
type visit struct {
	mcp.Reply

	x       *Roots
	scanner *wire.Scanner
	call    *mcp.Call
	target  Target
	spot    spot
	// lazy says that it is not known yet which root it is, since it makes no difference so far.
	lazy bool
	root *root // nil where the root has nothing yet

	sampling  sampling.Parameters
	variables map[string]json.RawMessage
	// handed is what the server is handed, but for the memory.
	handed []byte
	// key is what identical calls have in common, of a tool that is remembered; age is that of the memory.
	key string
	age uint64

	// goesOn says that the answer is a task, which may write when the call has long ended.
	goesOn bool

	cancel context.CancelCauseFunc
}

// concerns reports whether there may be something to do for a call. It is what every call costs.
func (x *Roots) concerns(ctx context.Context, call *mcp.Call) bool {
	if call.Context != nil || call.Meta(mcp.MetaContext) != nil {
		return true
	}
	if t := x.tenant(call.Caller.ID, false); t != nil && t.count.Load() > 0 {
		return true
	}
	if x.o.Target == nil || call.Method != mcp.MethodToolsCall && call.Workspace == "" {
		return false
	}
	return x.o.Target(ctx, call).Trusted || x.settings.Load().Workspaces
}

// handle makes the call.
func (v *visit) handle(ctx context.Context, next mcp.Handler) error {
	if v.x.o.Target != nil {
		v.target = v.x.o.Target(ctx, v.call)
	}
	if err := v.enter(ctx); err != nil {
		return err
	}
	if v.root != nil {
		v.root.touch(v.x.writer, time.Now())
		v.root.visit(v.spot.path)
	}
	restore, err := v.hand()
	defer restore()
	if err != nil {
		return err
	}
	if answered, err := v.recall(ctx); answered || err != nil {
		return err
	}
	if v.writes() {
		if err := v.forget(); err != nil {
			return err
		}
		defer v.end()
	}
	if v.root == nil {
		return next.Handle(ctx, v.call, v)
	}
	ctx, v.cancel = context.WithCancelCause(ctx)
	defer v.cancel(nil)
	err = next.Handle(ctx, v.call, v)
	if cause := context.Cause(ctx); err != nil && mcp.AsError(err) == nil && mcp.AsError(cause) != nil {
		return cause // the root was closed while the call was parked
	}
	return err
}

// enter finds the root of the call, and what is in force there.
func (v *visit) enter(ctx context.Context) error {
	p, err := placeOf(v.call)
	if err != nil {
		return err
	}
	v.spot.place = p
	if v.lazy = v.mayBeLazy(); !v.lazy {
		if err := v.find(ctx); err != nil {
			return err
		}
	}
	v.inForce()
	if v.call.Root = v.spot.id; !v.sampling.IsZero() {
		v.call.Sampling = encode(v.sampling)
	}
	return nil
}

// mayBeLazy reports whether the client need not be asked for its workspace: which it is makes a difference only where one
// of the caller's has something, or will have a memory.
func (v *visit) mayBeLazy() bool {
	t := v.x.tenant(v.call.Caller.ID, false)
	return v.spot.id == "" && v.spot.uri == "" && hasRoots(v.call) && (t == nil || t.derived.Load() == 0) && !v.begetsMemory()
}

// begetsMemory reports whether the root of a workspace gets a memory by the call.
func (v *visit) begetsMemory() bool {
	return v.x.settings.Load().Workspaces && v.call.Method == mcp.MethodToolsCall
}

// find finds the root of the call, and makes it where it is to have a memory.
func (v *visit) find(ctx context.Context) error {
	var err error
	if v.spot, err = v.x.locate(ctx, v.call, v.Reply, v.spot.place); err != nil {
		return err
	}
	if v.root, err = v.x.root(ctx, v.spot); err != nil {
		return err
	}
	if v.root == nil && v.spot.uri != "" && v.begetsMemory() {
		if v.root, err = v.x.lazy(v.spot); err != nil { // nobody has asked for it: the call goes on without
			v.root = nil
			v.x.o.Log.DebugContext(ctx, "a workspace gets no memory", slog.String("caller", v.call.Caller.ID), slog.Any("error", err))
		}
	}
	return nil
}

// inForce finds what is in force for the call.
func (v *visit) inForce() {
	t := noTree
	if v.root != nil {
		t = v.root.tree.Load()
	}
	v.sampling = v.spot.sampling.Over(t.sampling(v.spot.path))
	v.variables = t.variables(v.spot.path)
	if len(v.spot.variables) == 0 {
		return
	}
	all := maps.Clone(v.variables)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	for name, value := range v.spot.variables {
		if string(value) == "null" {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	v.variables = all
}

// A handout is what a server is told of the context of a call, under mcp.MetaContext.
type handout struct {
	RootID    string                     `json:"rootId,omitempty"`
	Path      string                     `json:"path,omitempty"`
	URI       string                     `json:"uri,omitempty"`
	Sampling  *sampling.Parameters       `json:"sampling,omitempty"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
	Memory    []memory.Offer             `json:"memory,omitempty"`
}

// hand puts what is in force into the call, in the place of what the client wrote there. It returns what puts the call
// back as it was. The message is changed as a whole, since those before us have read it already.
func (v *visit) hand() (restore func(), err error) {
	call, message, capabilities := v.call, v.call.Request, v.call.Capabilities
	restore = func() { call.Request, call.Capabilities = message, capabilities }
	if err := v.declare(); err != nil {
		return restore, err
	}
	h, something := v.handout()
	switch {
	case something:
		v.handed = encode(h)
		if v.target.Trusted && v.root != nil && call.Method != mcp.MethodRead {
			h.Memory = v.root.memory.Offers()
		}
		return restore, v.put(encode(h))
	case call.Meta(mcp.MetaContext) != nil:
		return restore, v.put([]byte("{}"))
	}
	return restore, nil
}

// handout is what the server of the call is to know, but for the memory, and whether that is something at all.
func (v *visit) handout() (h handout, something bool) {
	if v.call.Method == mcp.MethodWrite {
		return h, false
	}
	if !v.sampling.IsZero() {
		h.Sampling = &v.sampling
	}
	something = h.Sampling != nil
	if v.target.Trusted {
		h.Variables = v.variables
		something = something || len(h.Variables) > 0 || v.spot.named || v.uri() != ""
		if v.root != nil && v.root.memory != nil {
			something = true
		}
		if something && !v.lazy {
			h.RootID, h.Path, h.URI = v.spot.id, v.spot.path, v.uri()
		}
	}
	return h, something
}

// put writes the context into the call's message.
func (v *visit) put(handout []byte) error {
	m := v.call.Request
	if !m.Params.Ok() {
		return nil
	}
	var p wire.Patch
	if at := m.Meta(mcp.MetaContext); at.Ok() {
		p = wire.Patch{Span: at, With: handout}
	} else {
		p = mcp.AddMeta(m.Bytes(m.Params), append([]byte(`"`+mcp.MetaContext+`":`), handout...))
		p.Start, p.End = p.Start+m.Params.Start, p.End+m.Params.Start
	}
	return v.rewrite(p)
}

// rewrite changes the call's message.
func (v *visit) rewrite(p wire.Patch) error {
	var changed wire.Message
	// The client's part was scanned as strictly as can be; what servers wrote is read as it was when it came.
	if err := v.scanner.Answer(wire.AppendPatched(nil, v.call.Request.Raw, p), &changed); err != nil {
		return fmt.Errorf("handing on the context of a call: %w", err)
	}
	v.call.Request = &changed
	return nil
}

// declare says for a client that cannot be asked that its roots can be: the root's URI is the answer.
// A server of the modern era reads it in the message.
func (v *visit) declare() error {
	call := v.call
	if call.Dialect == "" || v.uri() == "" || wire.Get(call.Capabilities, "roots") != nil {
		return nil
	}
	all := []byte(`{"roots":{}`)
	for key, value := range wire.Members(call.Capabilities) {
		all = append(append(append(append(all, `,"`...), key...), `":`...), value...)
	}
	all = append(all, '}')
	call.Capabilities = all
	if at := call.Request.Meta(mcp.MetaCapabilities); at.Ok() {
		return v.rewrite(wire.Patch{Span: at, With: all})
	}
	return nil
}

// uri is that of the root; empty if it has none.
func (v *visit) uri() string {
	if v.root != nil && v.root.record.URI != "" {
		return v.root.record.URI
	}
	return v.spot.uri
}

// writes reports whether the call may change what the memory has seen.
func (v *visit) writes() bool {
	if v.root == nil || v.root.memory == nil {
		return false
	}
	return v.call.Method == mcp.MethodWrite || v.call.Method == mcp.MethodToolsCall && !v.target.Remember && !v.target.ReadOnly
}

// forget has the memory answer nothing that it knows so far. It is stored before the call is made: not even a crash
// lets an old answer come back.
func (v *visit) forget() error {
	r := v.root
	if !r.memory.Begin() {
		return nil
	}
	row := r.row()
	if err := r.write(v.x.writer, Change{Record: row}); err != nil {
		r.memory.End()
		return notStored(err)
	}
	r.memory.Saved(row.Cleared)
	return nil
}

// end notes that a write is over. One that goes on as a task is never known to be: the root answers nothing from memory
// any more.
func (v *visit) end() {
	if !v.goesOn {
		v.root.memory.End()
	}
}

// recall answers the call from memory, if it can be.
func (v *visit) recall(ctx context.Context) (bool, error) {
	if v.call.Method != mcp.MethodToolsCall || v.root == nil || v.root.memory == nil {
		return false, nil
	}
	if !v.target.Remember || v.call.Member("task") != nil {
		return false, nil
	}
	v.key = memory.KeyOf(v.call.Name, v.call.Member("arguments"), v.handed)
	e, age := v.root.memory.Answer(v.key)
	v.age = age
	if e == nil {
		return false, nil
	}
	said := encode(struct {
		At time.Time `json:"at"`
	}{e.At})
	value := withMeta(e.Result, mcp.MetaRemembered, said)
	v.call.Server = v.target.Server // whose answer it is
	return true, v.Reply.Done(ctx, &mcp.Result{Value: value, Revision: mcp.ParseRevision(e.Revision)})
}

// withMeta returns a JSON object whose _meta has a member of that name and value.
func withMeta(object []byte, name string, value []byte) []byte {
	for m := range wire.MemberSpans(object) {
		if !wire.KeyEqual(object[m.Key.Start:m.Key.End], "_meta") || object[m.Value.Start] != '{' {
			continue
		}
		for inner := range wire.MemberSpans(object[m.Value.Start:m.Value.End]) {
			key := object[m.Value.Start+inner.Key.Start : m.Value.Start+inner.Key.End]
			if wire.KeyEqual(key, name) {
				at := wire.Span{Start: m.Value.Start + inner.Value.Start, End: m.Value.Start + inner.Value.End}
				return wire.AppendPatched(nil, object, wire.Patch{Span: at, With: value})
			}
		}
	}
	members := append(wire.AppendQuote(nil, name), ':')
	return wire.AppendPatched(nil, object, mcp.AddMeta(object, append(members, value...)))
}
