package approve

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// Middleware has calls of tools and writes of resources wait, as the policy says. Everything else passes, and so does the retry by which a
// client brings the answers to a call that is parked: that one has been allowed, or waits for just these answers.
//
// It stands behind what decides whether a call may be made at all, so that nobody is asked about calls that are refused anyway.
func (a *Approvals) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		p := a.policy.Load()
		if p.idle() || call.Resume != nil || call.Method != mcp.MethodToolsCall && call.Method != mcp.MethodWrite || !p.concerns(call.Name) {
			return next.Handle(ctx, call, reply)
		}
		return a.handle(ctx, &visit{Approvals: a, p: p, call: call, reply: reply}, next)
	})
}

// A visit is one call that may have to wait.
type visit struct {
	*Approvals

	p      *Policy
	call   *mcp.Call
	reply  mcp.Reply
	target Target
}

func (a *Approvals) handle(ctx context.Context, v *visit, next mcp.Handler) error {
	var err error
	if v.target, err = a.House.Target(ctx, v.call); err != nil {
		return err
	}
	why := v.p.why(v.call, v.target, func() Sight { return a.House.Seen(v.call, v.target) })
	if why == "" {
		return next.Handle(ctx, v.call, v.reply)
	}
	if !a.passes.take(v.call) {
		if err := v.approved(ctx, why); err != nil {
			return v.refuse(ctx, err)
		}
	}
	return next.Handle(ctx, v.call, &witness{v.reply, &a.passes, v.call})
}

// approved waits until the call is allowed. The error says why it is not.
func (v *visit) approved(ctx context.Context, why string) error {
	subject := subjectOf(v.call, v.target)
	if subject.Digest != "" {
		told, ok, err := v.Store.RecallApproval(ctx, subject, time.Now())
		if err != nil {
			return v.unavailable(ctx, "recalling whether the call is allowed", err)
		}
		if ok {
			v.call.Approval = told.ID
			return nil
		}
	}
	if v.p.by == byHost && !v.asksHost() {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.ApprovalDenied,
			"%s needs to be allowed by the person in front of the client, and this client cannot ask", v.call.Name)
	}
	r := v.request(subject, why)
	w, done, err := v.park(r)
	if err != nil {
		return err
	}
	defer done()
	v.call.Approval = r.ID
	if err := v.Store.AddApproval(ctx, r); err != nil {
		return v.unavailable(ctx, "writing that a call waits for approval", err)
	}
	if err := v.record(ctx, "approval.asked", r); err != nil {
		_, _ = v.settle(ctx, r.ID, &Settlement{State: Withdrawn}) // nobody waits for it, which the store finds out by itself
		return v.unavailable(ctx, "recording that a call waits for approval", err)
	}
	settled, err := v.wait(ctx, w)
	if err != nil {
		return err
	}
	return v.conclude(ctx, &settled)
}

// request is what people are asked.
func (v *visit) request(s Subject, why string) *Request {
	client, _ := wire.Unquote(wire.Get(v.call.ClientInfo, "name"))
	now := time.Now()
	return &Request{
		Subject: s, ID: newID(), Instance: v.Instance, Call: v.call.ID, Method: v.call.Method, Client: short(visible(client), 100),
		Why: why, Arguments: string(shown(v.call, v.Redact)), By: v.p.by, Asked: now, Until: now.Add(v.p.timeout), State: Waiting,
	}
}

// subjectOf returns what a remembered decision about such a call is about.
func subjectOf(call *mcp.Call, t Target) Subject {
	s := Subject{Caller: call.Caller.ID, Server: t.Server, Name: call.Name}
	if call.Method == mcp.MethodWrite {
		s.Digest = mcp.MethodWrite
	} else {
		s.Digest, _ = trust.Digest(t.Definition) // without one, every call is asked about
	}
	return s
}

// wait waits until the request is settled.
func (v *visit) wait(ctx context.Context, w *waiter) (Request, error) {
	asked, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers := make(chan answer, 1)
	if v.asksHost() {
		asking.Go(func() { answers <- v.ask(asked, &w.request) })
	}
	over := time.NewTimer(time.Until(w.request.Until))
	defer over.Stop()
	tick := time.NewTicker(reminder)
	defer tick.Stop()
	for {
		v.tellWaiting(ctx, &w.request)
		end := &Settlement{State: Expired}
		select {
		case r := <-w.settled:
			return r, nil
		case said := <-answers:
			if end = v.judge(said); end == nil {
				continue
			}
		case <-tick.C:
			continue
		case <-over.C:
		case <-v.closing:
			end.Reason = "the gateway was stopped"
		case <-ctx.Done():
			end.State, end.Reason = Withdrawn, "the client has gone"
		case <-v.call.Caller.Over: // whoever has its key may not wait with what it wanted until somebody says yes
			end.State, end.Reason = Withdrawn, keyOver
		}
		r, err := v.settle(ctx, w.request.ID, end)
		if err == nil || end.State == Allowed {
			return r, v.unsettled(ctx, err)
		}
		v.Log.WarnContext(ctx, "that a call waits no longer for approval cannot be stored", slog.String("approval", w.request.ID), slog.Any("error", err))
		r = w.request
		r.State, r.Decision = end.State, end.Decision // nothing is run, whatever the store says
		return r, nil
	}
}

func (v *visit) unsettled(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return v.unavailable(ctx, "storing that a call is allowed", err)
}

// settle settles a request, also when the call has ended. If somebody was faster, that counts.
func (a *Approvals) settle(ctx context.Context, id string, s *Settlement) (Request, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	s.At = time.Now()
	r, err := a.Store.SettleApproval(ctx, id, s)
	if errors.Is(err, ErrSettled) {
		err = nil
	}
	return r, err
}

// conclude returns why a request that is settled is not allowed, nil if it is.
func (v *visit) conclude(ctx context.Context, r *Request) error {
	kind := "approval.expired"
	switch r.State {
	case Allowed:
		kind = "approval.allowed"
	case Denied:
		kind = "approval.denied"
	case Waiting, Expired, Withdrawn:
	}
	err := v.record(context.WithoutCancel(ctx), kind, r)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case v.call.Caller.Expired(): // also if it was allowed a moment before
		return errKeyOver(r)
	case r.State != Allowed:
		return refusal(r)
	case err != nil:
		return v.unavailable(ctx, "recording that a call is allowed", err)
	}
	if err := v.House.Still(v.call); err != nil {
		return err
	}
	now, err := v.House.Target(ctx, v.call)
	if err != nil {
		return err
	}
	if now.Server != v.target.Server || !bytes.Equal(now.Definition, v.target.Definition) {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.ApprovalDenied, "%s has changed while the call waited for approval; call it again", r.Name)
	}
	return nil
}

// record writes an event to the audit record.
func (a *Approvals) record(ctx context.Context, kind string, r *Request) error {
	if a.Record == nil {
		return nil
	}
	actor := r.Decider
	if r.State == Waiting {
		actor = r.Caller
	}
	return a.tellRecord(ctx, r.ID, Event{kind, actor, r.Name, detail(map[string]string{
		"approval": r.ID, "call": r.Call, "caller": r.Caller, "server": r.Server, "why": r.Why, "state": string(r.State), "via": r.Via, "reason": r.Reason,
	})})
}

func (a *Approvals) tellRecord(ctx context.Context, id string, e Event) error {
	err := a.Record(ctx, e)
	if err != nil {
		a.Log.ErrorContext(ctx, "what becomes of an approval is not on record", slog.String("event", e.Kind), slog.String("approval", id), slog.Any("error", err))
	}
	return err
}

// detail returns those of the members that have a value.
func detail(members map[string]string) map[string]any {
	all := map[string]any{}
	for name, text := range members {
		if text != "" {
			all[name] = text
		}
	}
	return all
}

// asksHost reports whether the person in front of the client is asked: where the policy has that person decide, or where the caller could
// decide by the methods of those who run the gate, too.
func (v *visit) asksHost() bool {
	operator := v.call.Caller.Admin || slices.Contains(v.call.Caller.Scopes, mcp.ScopeGate)
	return (v.p.by != byOperator || operator) && canAsk(v.call)
}

// tellWaiting tells a client that asked for progress that its call waits. The progress is what is left of the time, below zero, so that it
// grows, and the progress of the tool is greater.
func (v *visit) tellWaiting(ctx context.Context, r *Request) {
	if v.call.Dialect != "" || v.call.Meta("progressToken") == nil {
		return
	}
	text := "waits for a person to allow it: sumun approve " + r.ID
	if r.By == byHost {
		text = "waits for your answer"
	}
	raw := wire.AppendInt([]byte(`{"jsonrpc":"2.0","method":"`+mcp.NoticeProgress+`","params":{"progressToken":0,"progress":`), -int64(time.Until(r.Until).Seconds())-1)
	raw = append(wire.AppendQuote(append(raw, `,"message":`...), text), "}}"...)
	var notice wire.Message
	if err := notices.Answer(raw, &notice); err == nil {
		_ = v.reply.Notify(ctx, &notice) // a client that has gone shows in the context
	}
}

// notices reads what we write ourselves.
var notices = wire.NewScanner(mcp.Vocabulary(), 0)

// short returns the beginning of s, which has at most that many characters.
func short(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}

// byWhom says who has decided.
func byWhom(r *Request) string {
	if r.Via == ViaHost {
		return "the person in front of the client"
	}
	return cmp.Or(r.Decider, "nobody")
}
