package guard

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/guard/rule"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Options are what a Guard works with.
type Options struct {
	// Log is told of what is found, without what it is.
	Log *slog.Logger
	// Blocked is told of each secret because of which something was refused; nil if nobody is. It must not wait.
	Blocked func(ctx context.Context, call *mcp.Call, finding mcp.Finding)
}

// A Guard looks at what goes into tools, prompts and resources and at what comes out, by its Settings: it refuses, redacts and tells.
// Its methods may be called concurrently.
type Guard struct {
	o        Options
	settings atomic.Pointer[Settings]
	scanner  *wire.Scanner
	tally    tally
}

// New returns a Guard, which lets everything pass until it has Settings.
func New(o Options) *Guard {
	return &Guard{o: o, scanner: wire.NewScanner(mcp.Vocabulary(), 0)}
}

// Set has other settings held to from now on.
func (g *Guard) Set(s *Settings) { g.settings.Store(s) }

// Middleware guards the calls that bring something in or out: of tools, prompts, resources and tasks, and streams of notices.
func (g *Guard) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		s := g.settings.Load()
		if s == nil || !concerns(call) {
			return next.Handle(ctx, call, reply)
		}
		sides := s.of(ctx, call)
		if sides.arguments.idle() && sides.results.idle() {
			return next.Handle(ctx, call, reply)
		}
		w := watches.Get().(*watch) //nolint:errcheck,forcetypeassert // nothing else is in the pool
		w.guard, w.settings, w.sides, w.call, w.reply = g, s, sides, call, reply
		defer w.release()
		return w.handle(ctx, next)
	})
}

// concerns reports whether a call is guarded.
func concerns(call *mcp.Call) bool {
	switch call.Method {
	case mcp.MethodComplete, mcp.MethodListen, mcp.MethodSubscribeEvents:
		return true
	}
	method, _ := mcp.MethodByName(call.Method)
	return method.NameMember != "" && call.Request != nil && call.Request.Kind == wire.Request
}

// A watch is the guard of one call, and its Reply.
type watch struct {
	guard    *Guard
	settings *Settings
	sides    *sides
	call     *mcp.Call
	reply    mcp.Reply

	// message is the request as it is passed on, where that is not as it came.
	message wire.Message

	// mu guards what follows, and what is found in the call: notices come concurrently.
	mu      sync.Mutex
	report  rule.Report
	found   []redact.Finding
	patches []wire.Patch
	// concluded is how many faults of the report have become findings of the call; fresh are those that nobody was told of.
	concluded int
	fresh     []mcp.Finding
}

// watches are those that are not in use.
var watches = sync.Pool{New: func() any { return new(watch) }}

func (w *watch) release() {
	w.guard, w.settings, w.sides, w.call, w.reply = nil, nil, nil, nil, nil
	w.message = wire.Message{}
	w.fresh = w.fresh[:0]
	clear(w.patches)
	watches.Put(w)
}

// handle guards a call.
func (w *watch) handle(ctx context.Context, next mcp.Handler) error {
	if !w.sides.arguments.idle() {
		message, refusal := w.request(ctx)
		if refusal != nil {
			return Tell(ctx, w.call, w.reply, refusal)
		}
		if message != nil {
			before := w.call.Request
			w.call.Request = message
			defer func() { w.call.Request = before }()
		}
	}
	return w.failure(ctx, next.Handle(ctx, w.call, w))
}

// A part is a member of the parameters that is guarded.
type part struct {
	name string
	// values says that what is said of single values is said of it.
	values bool
	// fixed says that it cannot be rewritten.
	fixed bool
}

// partsOf returns what of a call's parameters is guarded.
func partsOf(method string) []part {
	switch method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet:
		return calls
	case mcp.MethodRead, mcp.MethodSubscribe, mcp.MethodUnsubscribe:
		return reads
	case mcp.MethodWrite:
		return writes
	case mcp.MethodComplete:
		return completions
	case mcp.MethodTaskUpdate:
		return calls[1:]
	}
	return nil
}

var (
	calls       = []part{{name: "arguments", values: true}, {name: "inputResponses"}}
	reads       = []part{{name: "uri", fixed: true}, {name: "inputResponses"}}
	writes      = []part{{name: "uri", fixed: true}, {name: "content"}, {name: "blob"}}
	completions = []part{{name: "argument"}, {name: "context"}}
)

// none are arguments that are not there.
var none = []byte("{}")

// request looks at the parameters. It returns the message to pass on, nil for the one that came, or why the call is refused.
func (w *watch) request(ctx context.Context) (*wire.Message, *mcp.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	side := &w.sides.arguments
	w.begin()
	var patches []wire.Patch
	for _, p := range partsOf(w.call.Method) {
		span := w.call.Request.Member(p.name)
		value := w.call.Request.Bytes(span)
		if value == nil && (!p.values || !side.ruled()) {
			continue
		}
		clean := w.value(side, value, p)
		w.conclude("/params/"+p.name, side.secrets == replace && !p.fixed)
		if clean != nil && span.Ok() {
			patches = append(patches, wire.Patch{Span: span, With: clean})
		}
	}
	w.tell(ctx)
	if w.report.Refused > 0 {
		return nil, w.refusal("the arguments are refused", mcp.CodeInvalidParams, mcp.InvalidArguments)
	}
	if len(patches) == 0 {
		return nil, nil
	}
	slices.SortFunc(patches, func(a, b wire.Patch) int { return a.Start - b.Start })
	if err := w.guard.scanner.Request(wire.AppendPatched(nil, w.call.Request.Raw, patches...), &w.message); err != nil {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.Blocked, "the arguments hold secrets where they cannot be taken out")
	}
	return &w.message, nil
}

// value looks at one value, takes its faults into the report and its secrets into found, and returns what is passed on in its place, nil
// if it is passed on as it is.
func (w *watch) value(side *side, value []byte, p part) (clean []byte) {
	w.found, w.patches = w.found[:0], w.patches[:0]
	if value == nil {
		value = none
	}
	if side.shape != nil {
		side.shape.Check(value, &w.report)
	}
	if p.values && side.ruled() {
		for i := range side.values {
			w.patches = side.values[i].Check(value, &w.report, w.patches)
		}
		if len(w.patches) > 0 && !p.fixed {
			clean = patched(value, w.patches)
			value = clean
		}
		for _, schema := range side.schemas {
			for _, f := range schema.faults(value) {
				w.report.Add(f)
			}
		}
	}
	if side.secrets == pass {
		return clean
	}
	if w.found = w.settings.secrets.JSON(w.found, value); len(w.found) > 0 {
		w.secrets(side.secrets, value)
		if side.secrets == replace && !p.fixed {
			clean = redact.Append(nil, value, w.found)
		}
	}
	return clean
}

// patched returns a value with what rules have rewritten. Where two have rewritten the same place, the first holds.
func patched(value []byte, patches []wire.Patch) []byte {
	slices.SortStableFunc(patches, func(a, b wire.Patch) int { return a.Start - b.Start })
	end := -1
	patches = slices.DeleteFunc(patches, func(p wire.Patch) bool {
		if p.Start < end {
			return true
		}
		end = p.End
		return false
	})
	return wire.AppendPatched(nil, value, patches...)
}

// secrets takes the secrets that were found in a value into the report.
func (w *watch) secrets(do measure, value []byte) {
	for i, f := range w.found {
		fault := rule.Fault{Kind: f.Kind, Message: "holds a secret (" + f.Kind + ")", Refused: do == block, Secret: true}
		if i < maxFaults { // looking for the place takes as long as the value is
			fault.Pointer = wire.Locate(value, f.Start).Pointer
		}
		w.report.Add(fault)
	}
}
