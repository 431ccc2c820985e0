// Package answers looks for orders to the model in what servers say while calls run: results, errors, results of tasks, notices and
// questions. By the policy of the server (belief.Trust.Answers) what is found is told of, taken out, or not passed on at all.
//
// One look sees all that a server says in one call, so nothing passes beside it. Beside it a [Watch] keeps a few answers of each server,
// and looks at what they have in common.
package answers

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A Detector finds orders in what servers say.
type Detector interface {
	// JSON returns what was found in the texts of a JSON value that has been scanned; see [inspect.Detector].
	JSON(value []byte, kind inspect.Kind, where trust.Place) []trust.Finding
	// Text returns what was found in a text.
	Text(text string, kind inspect.Kind, where trust.Place) []trust.Finding
}

// Options are what Answers work with.
type Options struct {
	// Detector finds what is looked for.
	Detector Detector
	// Policy returns what becomes of answers of a server: one of belief.Flag, Strip, Block and Off. It is asked for each call, and must
	// be quick.
	Policy func(server string) string
	// Clean takes secrets out of a text; nil leaves it as it is.
	Clean func(text string) string
	// Alert is told of what was found, of the same thing once. It must not wait; nil if nobody is told.
	Alert func(ctx context.Context, f Found)
	// Judge finds what answers of one server have in common; nil keeps no answers. Only what it finds in answers counts.
	Judge func(*trust.Subject) iter.Seq[trust.Finding]
	// Log is told of what is found.
	Log *slog.Logger
}

// Found is something that was found in what a server has said.
type Found struct {
	trust.Finding

	// Action is what was done: flagged, stripped or blocked.
	Action string
	// Call is the id of the call; empty for what several answers have in common.
	Call string
}

// ID returns the id of the alert about it: the same for the same thing at the same place.
func (f *Found) ID() string { return "answer-" + f.Fingerprint[:min(16, len(f.Fingerprint))] }

// kind is that of the places of what is found.
const kind = "answer"

// What is done with what is found.
const (
	flagged  = "flagged"
	stripped = "stripped"
	blocked  = "blocked"
)

// Answers inspects what servers say. Its methods may be called concurrently.
type Answers struct {
	Options
	scanner *wire.Scanner
	watch   *Watch

	mu     sync.Mutex
	told   map[string]bool     // ids of what was told of
	counts map[[2]string]int64 // by rule and action
}

// maxTold is how many things are remembered as told of.
const maxTold = 4096

// New returns Answers. Close ends them; the end of ctx is not heeded.
func New(ctx context.Context, o Options) *Answers {
	a := &Answers{Options: o, scanner: wire.NewScanner(mcp.Vocabulary(), 0), told: map[string]bool{}, counts: map[[2]string]int64{}}
	if o.Judge != nil {
		a.watch = newWatch(ctx, a)
	}
	return a
}

// Close ends the watch. What runs still ends by itself.
func (a *Answers) Close() {
	if a != nil && a.watch != nil {
		a.watch.close()
	}
}

// Middleware looks at what servers say in calls of tools, prompts, resources and tasks, and on streams of notices.
func (a *Answers) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if !concerns(call) {
			return next.Handle(ctx, call, reply)
		}
		l := looks.Get().(*look) //nolint:errcheck,forcetypeassert // nothing else is in the pool
		l.answers, l.call, l.reply = a, call, reply
		defer l.release()
		return l.failure(ctx, next.Handle(ctx, call, l))
	})
}

// concerns reports whether a server may answer the call.
func concerns(call *mcp.Call) bool {
	switch call.Method {
	case mcp.MethodComplete, mcp.MethodListen, mcp.MethodSubscribeEvents:
		return true
	}
	method, _ := mcp.MethodByName(call.Method)
	return method.NameMember != "" && !call.IsNotification()
}

// policy returns what becomes of answers of the server that a call went to.
func (a *Answers) policy(server string) string { return a.Policy(serverOf(server)) }

// serverOf returns the server of a replica.
func serverOf(replica string) string {
	name, _, _ := strings.Cut(replica, "/")
	return name
}

// seen inspects a value that a server has said. Only what is likely counts; of the rest nobody is told.
func (a *Answers) seen(call *mcp.Call, value []byte) []trust.Finding {
	where := trust.Place{Server: call.Server, Kind: kind, Name: call.Name}
	if all := likely(a.Detector.JSON(value, inspect.Answer, where)); len(all) > 0 {
		return all
	}
	return a.together(value, where)
}

func likely(all []trust.Finding) []trust.Finding {
	kept := all[:0]
	for _, f := range all {
		if f.Band > trust.BandInfo {
			kept = append(kept, f)
		}
	}
	return kept
}

// certain reports whether one of the findings is of the band block.
func certain(all []trust.Finding) bool {
	for i := range all {
		if all[i].Band == trust.BandBlock {
			return true
		}
	}
	return false
}

// tell tells of findings in a part of what a call brought: on its record, in the log, and once by an alert. It returns the id of the
// alert about the worst.
func (a *Answers) tell(ctx context.Context, call *mcp.Call, part, action string, all []trust.Finding) (alert string) {
	worst := 0
	for i := range all {
		if all[i].Severity > all[worst].Severity {
			worst = i
		}
		call.Findings.Add(mcp.Finding{Kind: all[i].Rule, Action: action, Pointer: part + a.clean(all[i].Where.Pointer)})
		a.raise(ctx, Found{Finding: all[i], Action: action, Call: call.ID})
	}
	a.Log.InfoContext(ctx, "what a server said reads like an order", slog.String("call", call.ID), slog.String("server", call.Server),
		slog.String("name", a.clean(call.Name)), slog.String("part", part), slog.String("rule", all[worst].Rule), slog.String("action", action))
	return (&Found{Finding: all[worst]}).ID()
}

// raise counts what was found, and has people told of it unless they were.
func (a *Answers) raise(ctx context.Context, f Found) {
	f.Evidence, f.Where.Name = a.clean(f.Evidence), a.clean(f.Where.Name)
	a.mu.Lock()
	a.counts[[2]string{f.Rule, f.Action}]++
	id := f.ID() + f.Action
	known := a.told[id]
	if len(a.told) >= maxTold {
		clear(a.told)
	}
	a.told[id] = true
	a.mu.Unlock()
	if !known && a.Alert != nil {
		a.Alert(ctx, f)
	}
}

func (a *Answers) clean(text string) string {
	if a.Clean == nil {
		return text
	}
	return a.Clean(text)
}

// Observe calls count with how often a rule has found something, and what was done about it.
func (a *Answers) Observe(count func(rule, action string, n int64)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for of, n := range a.counts {
		count(of[0], of[1], n)
	}
}

// off reports whether nobody looks.
func off(policy string) bool { return policy == belief.Off || policy == "" }
