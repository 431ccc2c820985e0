package answers

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A look is the inspection of one call, and its Reply.
type look struct {
	answers *Answers
	call    *mcp.Call
	reply   mcp.Reply
}

// looks are those that are not in use.
var looks = sync.Pool{New: func() any { return new(look) }}

func (l *look) release() {
	*l = look{}
	looks.Put(l)
}

// Done passes a result on: as it came, with its findings in _meta, or without what was found.
func (l *look) Done(ctx context.Context, result *mcp.Result) error {
	a, policy := l.answers, l.answers.policy(l.call.Server)
	if off(policy) || result.Value == nil {
		return l.reply.Done(ctx, result)
	}
	found := a.seen(l.call, result.Value)
	if a.watch != nil {
		a.watch.note(l.call, result.Value)
	}
	if len(found) == 0 {
		return l.reply.Done(ctx, result)
	}
	value, action := a.treated(policy, result.Value, found)
	alert := a.tell(ctx, l.call, "/result", action, found)
	if action != blocked {
		changed, err := result.With(a.scanner, withFindings(value, found, action, alert))
		if err == nil {
			return l.reply.Done(ctx, changed)
		}
	}
	return effective(refusal("the result is withheld: it reads like an order to the model ("+found[0].Rule+")", alert))
}

// treated returns what is passed on of a value in which something was found, and what was done with it.
func (a *Answers) treated(policy string, value []byte, found []trust.Finding) ([]byte, string) {
	switch {
	case policy == belief.Flag:
		return value, flagged
	case policy == belief.Block && certain(found):
		return nil, blocked
	}
	if rest := a.without(value); rest != nil {
		return rest, stripped
	}
	return nil, blocked
}

// Notify passes a notice on, or drops it: nobody waits for it. It is never changed.
func (l *look) Notify(ctx context.Context, notice *wire.Message) error {
	params := notice.Bytes(notice.Params)
	if params != nil && l.refused(ctx, "/notice", params) != nil {
		return nil //nolint:nilerr // dropped
	}
	return l.reply.Notify(ctx, notice)
}

// Ask passes questions on, or refuses them. They are never changed.
func (l *look) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	for _, q := range questions {
		if q.Params == nil {
			continue
		}
		if refused := l.refused(ctx, "/question", q.Params); refused != nil {
			return nil, refused
		}
	}
	return l.reply.Ask(ctx, questions)
}

// refused inspects what must pass as it is or not at all.
func (l *look) refused(ctx context.Context, part string, value []byte) *mcp.Error {
	policy := l.answers.policy(l.call.Server)
	if off(policy) {
		return nil
	}
	found := l.answers.seen(l.call, value)
	if len(found) == 0 {
		return nil
	}
	if policy == belief.Flag || policy == belief.Strip && !certain(found) {
		l.answers.tell(ctx, l.call, part, flagged, found)
		return nil
	}
	alert := l.answers.tell(ctx, l.call, part, blocked, found)
	return refusal("what the server says is not passed on: it reads like an order to the model ("+found[0].Rule+")", alert)
}

// failure returns the error with which the call has ended, or one of ours in the place of one that gives orders.
func (l *look) failure(ctx context.Context, err error) error {
	e := mcp.AsError(err)
	if e == nil || e.Raw == nil { // what is not a server's is ours
		return err
	}
	policy := l.answers.policy(l.call.Server)
	if off(policy) {
		return err
	}
	found := l.answers.seen(l.call, e.Raw)
	switch {
	case len(found) == 0:
		return err
	case policy == belief.Flag:
		l.answers.tell(ctx, l.call, "/error", flagged, found)
		return err
	case policy == belief.Strip || !certain(found):
		l.answers.tell(ctx, l.call, "/error", stripped, found)
		rest := l.answers.rest(e.Message)
		return &mcp.Error{Code: e.Code, Reason: e.Reason, Message: rest}
	}
	alert := l.answers.tell(ctx, l.call, "/error", blocked, found)
	return refusal("the server's error is withheld: it reads like an order to the model ("+found[0].Rule+")", alert)
}

// refusal is the error in the place of what is withheld.
func refusal(text, alert string) *mcp.Error {
	e := mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "%s; see sumun alert show %s", text, alert)
	e.Data = wire.Object(nil).Text("reason", string(mcp.Blocked)).Text("alert", alert).End()
	return e
}

// effective adds to the error of a call whose result is withheld that it has been done.
func effective(e *mcp.Error) *mcp.Error {
	e.Data = set(e.Data, mcp.MayHaveRun, []byte("true"))
	return e
}

// maxShown is how many findings a result shows.
const maxShown = 8

// withFindings returns a result with its findings in _meta, in the place of those that the server may have written there.
func withFindings(result []byte, found []trust.Finding, action, alert string) []byte {
	list := []byte{'['}
	for i, f := range found[:min(len(found), maxShown)] {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, wire.Object(nil).Text("rule", f.Rule).Text("severity", f.Severity.String()).Text("band", f.Band.String()).
			Text("at", f.Where.Pointer).Text("message", f.Message).Text("action", action).Text("alert", alert).End()...)
	}
	list = append(list, ']')
	meta := member(result, "_meta")
	if !meta.Ok() {
		return set(result, "_meta", wire.Object(nil).Member(mcp.MetaFindings, list).End())
	}
	return wire.AppendPatched(nil, result, wire.Patch{Span: meta, With: set(result[meta.Start:meta.End], mcp.MetaFindings, list)})
}

// set returns an object with a member that has that value; what is no object becomes one.
func set(object []byte, name string, value []byte) []byte {
	if at := member(object, name); at.Ok() {
		return wire.AppendPatched(nil, object, wire.Patch{Span: at, With: value})
	}
	with := wire.Object(nil).Member(name, value)
	before, after, ok := bytes.Cut(object, []byte{'{'})
	if !ok {
		return with.End()
	}
	for range wire.MemberSpans(object) {
		with = append(with, ',')
		break
	}
	return slices.Concat(before, with, after)
}

// member returns where the value of a member lies.
func member(object []byte, name string) (at wire.Span) {
	for m := range wire.MemberSpans(object) {
		if wire.KeyEqual(object[m.Key.Start:m.Key.End], name) {
			at = m.Value
		}
	}
	return at
}
