package guard

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/guard/rule"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Tell tells who called a tool wrongly what is wrong: a client of the standard by the result of the tool, so that its model can mend it
// (server/tools, "Error Handling"), everybody else by the error.
func Tell(ctx context.Context, call *mcp.Call, reply mcp.Reply, fault *mcp.Error) error {
	if call.Dialect != "" || call.Method != mcp.MethodToolsCall {
		return fault
	}
	return reply.Done(ctx, mcp.Own(toolError(call.Revision, fault)))
}

// toolError is the result of a tool that cannot do with its arguments.
func toolError(r *mcp.Revision, fault *mcp.Error) []byte {
	text := fault.Message
	if len(fault.Data) > 0 {
		text += "\n" + string(fault.Data)
	}
	value := []byte("{")
	if r.ResultType {
		value = append(value, `"resultType":"complete",`...)
	}
	value = wire.AppendQuote(append(value, `"isError":true,"content":[{"type":"text","text":`...), text)
	return append(value, "}]}"...)
}

// What is done with what is found, on record.
const (
	flagged  = "flagged"
	redacted = "redacted"
	refused  = "refused"
	blocked  = "blocked"
)

// begin begins another look.
func (w *watch) begin() {
	w.report.Reset()
	w.concluded = 0
}

// conclude makes findings of the faults of a part of the message, and puts the name of the part before their places.
func (w *watch) conclude(part string, taken bool) {
	for i := w.concluded; i < len(w.report.Faults); i++ {
		f := &w.report.Faults[i]
		f.Pointer = w.settings.secrets.Clean(f.Pointer) // a name can hold a secret too
		finding := mcp.Finding{Kind: f.Kind, Action: action(f, taken), Pointer: part + f.Pointer}
		if place, other := strings.CutPrefix(part, "/params"); other && place != "/arguments" {
			f.Pointer = place + f.Pointer
		}
		if w.call.Findings.Add(finding) {
			w.fresh = append(w.fresh, finding)
		}
	}
	w.concluded = len(w.report.Faults)
}

// action says what is done about a fault. Taken says that secrets are taken out.
func action(f *rule.Fault, taken bool) string {
	switch {
	case f.Secret && f.Refused:
		return blocked
	case f.Refused:
		return refused
	case f.Secret && taken:
		return redacted
	}
	return flagged
}

// tell tells of findings that are new: people in the log and by numbers, and of those because of which something is refused by an alert.
func (w *watch) tell(ctx context.Context) {
	fresh := w.fresh
	if len(fresh) == 0 {
		return
	}
	w.fresh = w.fresh[:0]
	told := make([]string, len(fresh))
	for i, f := range fresh {
		told[i] = f.Action + " " + f.Kind + " at " + f.Pointer
		w.guard.tally.add(f)
		if f.Action == blocked && w.guard.o.Blocked != nil {
			w.guard.o.Blocked(ctx, w.call, f)
		}
	}
	caller := ""
	if w.call.Caller != nil {
		caller = w.call.Caller.ID
	}
	w.guard.o.Log.InfoContext(ctx, "something was found in a call", slog.String("call", w.call.ID), slog.String("caller", caller),
		slog.String("method", w.call.Method), slog.String("name", w.settings.secrets.Clean(w.call.Name)), slog.Any("found", told))
}

// refusal is the error that names what is refused in the report.
func (w *watch) refusal(what string, code int, reason mcp.Reason) *mcp.Error {
	var faults []Fault
	for _, f := range w.report.Faults {
		if f.Refused {
			faults = append(faults, Fault{f.Pointer, f.Message})
		}
		if f.Refused && f.Secret {
			reason = mcp.Blocked
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return strings.Compare(a.Pointer, b.Pointer) })
	return refusal(code, reason, what, faults, w.report.Refused)
}

// A tally counts findings.
type tally struct {
	mu     sync.Mutex
	counts map[counted]int64
}

// counted is what findings are told apart by: kinds are those of rules and of the configuration.
type counted struct{ kind, action, part string }

func (t *tally) add(f mcp.Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[counted]int64{}
	}
	part, _, _ := strings.Cut(f.Pointer[1:], "/")
	t.counts[counted{f.Kind, f.Action, part}]++
}

// Observe calls count with how often something of a kind was found in a part of messages, and what was done about it.
func (g *Guard) Observe(count func(kind, action, part string, n int64)) {
	g.tally.mu.Lock()
	defer g.tally.mu.Unlock()
	for of, n := range g.tally.counts {
		count(of.kind, of.action, of.part, n)
	}
}
