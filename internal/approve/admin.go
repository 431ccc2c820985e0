package approve

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// maxRemembered is how long a decision is remembered that ends.
const maxRemembered = 365 * 24 * time.Hour

// Handle answers the methods by which those who run the gate decide. That the caller may is settled already.
func (a *Approvals) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	var result any
	var err error
	switch call.Method {
	case mcp.MethodApprovals:
		result, err = a.list(ctx)
	case mcp.MethodDecide:
		result, err = a.decide(ctx, call)
	case mcp.MethodForget:
		result, err = a.forget(ctx, call)
	}
	if err != nil {
		return err
	}
	value, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own(value))
}

// A shownRequest is a request as it is told.
type shownRequest struct {
	ID        string          `json:"id"`
	State     State           `json:"state"`
	Caller    string          `json:"caller"`
	Client    string          `json:"client,omitempty"`
	Method    string          `json:"method"`
	Name      string          `json:"name"`
	Server    string          `json:"server"`
	Why       string          `json:"why"`
	Arguments json.RawMessage `json:"arguments"`
	By        string          `json:"by"`
	Call      string          `json:"call"`
	Asked     time.Time       `json:"askedAt"`
	Until     time.Time       `json:"expiresAt"`
	Decider   string          `json:"decidedBy,omitempty"`
	Reason    string          `json:"reason,omitempty"`
}

func (a *Approvals) show(r *Request) shownRequest {
	return shownRequest{
		ID: r.ID, State: r.State, Caller: r.Caller, Client: r.Client, Method: r.Method, Name: a.clean(r.Name), Server: r.Server, Why: r.Why,
		Arguments: json.RawMessage(r.Arguments), By: r.By, Call: r.Call, Asked: moment(r.Asked), Until: moment(r.Until), Decider: r.Decider, Reason: r.Reason,
	}
}

// A shownDecision is a remembered decision as it is told.
type shownDecision struct {
	ID      string     `json:"id"`
	Caller  string     `json:"caller"`
	Name    string     `json:"name"`
	Server  string     `json:"server"`
	Digest  string     `json:"digest"`
	Created time.Time  `json:"createdAt"`
	Expires *time.Time `json:"expiresAt"`
	Decider string     `json:"decidedBy"`
	Reason  string     `json:"reason,omitempty"`
}

func (a *Approvals) showRemembered(r *Remembered) shownDecision {
	s := shownDecision{
		ID: r.ID, Caller: r.Caller, Name: a.clean(r.Name), Server: r.Server, Digest: r.Digest, Created: moment(r.Created), Decider: r.Decider, Reason: r.Reason,
	}
	if !r.Expires.IsZero() {
		s.Expires = new(moment(r.Expires))
	}
	return s
}

func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// complete is the type of our results.
const complete = "complete"

// list tells what waits, and what is remembered.
func (a *Approvals) list(ctx context.Context) (any, error) {
	waiting, err := a.Store.WaitingApprovals(ctx)
	if err != nil {
		return nil, a.silent(ctx, err)
	}
	remembered, err := a.Store.RememberedApprovals(ctx, time.Now())
	if err != nil {
		return nil, a.silent(ctx, err)
	}
	result := struct {
		ResultType string          `json:"resultType"`
		Approvals  []shownRequest  `json:"approvals"`
		Remembered []shownDecision `json:"remembered"`
	}{complete, []shownRequest{}, []shownDecision{}}
	for i := range waiting {
		result.Approvals = append(result.Approvals, a.show(&waiting[i]))
	}
	for i := range remembered {
		result.Remembered = append(result.Remembered, a.showRemembered(&remembered[i]))
	}
	return result, nil
}

// A Verdict is what a person decides: the parameters of mcp.admin.decide.
type Verdict struct {
	ID    string `json:"id"`
	Allow *bool  `json:"allow"`
	// Reason goes on record.
	Reason string `json:"reason,omitempty"`
	// For is how long it holds for further calls, as a duration; Always says that it does not end.
	For    string `json:"for,omitempty"`
	Always bool   `json:"always,omitempty"`
}

// decide settles a request.
func (a *Approvals) decide(ctx context.Context, call *mcp.Call) (any, error) {
	s, id, err := a.settlementOf(call)
	if err != nil {
		return nil, err
	}
	r, err := a.Store.SettleApproval(ctx, id, s)
	if err != nil {
		return nil, a.undecided(ctx, &r, id, err)
	}
	a.tell(r)
	if err := a.keep(ctx, s.Remember); err != nil {
		return nil, err
	}
	return struct {
		ResultType string       `json:"resultType"`
		Approval   shownRequest `json:"approval"`
	}{complete, a.show(&r)}, nil
}

// keep puts on record that a decision is remembered. One that cannot be is forgotten again.
func (a *Approvals) keep(ctx context.Context, m *Remembered) error {
	if m == nil {
		return nil
	}
	until := "for ever"
	if !m.Expires.IsZero() {
		until = moment(m.Expires).Format(time.RFC3339)
	}
	err := a.recordMemory(ctx, "approval.allowed", m.Decider, m, until)
	if err != nil {
		_, forgotten := a.Store.ForgetApproval(context.WithoutCancel(ctx), m.ID)
		return a.silent(ctx, errors.Join(err, forgotten))
	}
	return nil
}

// recordMemory puts on record what becomes of a remembered decision.
func (a *Approvals) recordMemory(ctx context.Context, kind, actor string, m *Remembered, until string) error {
	if a.Record == nil {
		return nil
	}
	return a.tellRecord(ctx, m.ID, Event{kind, actor, m.Name, detail(map[string]string{
		"approval": m.ID, "caller": m.Caller, "server": m.Server, "digest": m.Digest, "remembered": until, "reason": m.Reason,
	})})
}

// settlementOf reads a verdict. What is to be remembered gets its subject from the store.
func (a *Approvals) settlementOf(call *mcp.Call) (s *Settlement, id string, err error) {
	var v Verdict
	if err := json.Unmarshal(call.Params(), &v); err != nil || v.ID == "" || v.Allow == nil {
		return nil, "", invalid("params must have id, and allow: true or false")
	}
	s = &Settlement{State: Denied, Decision: Decision{Decider: call.Caller.ID, Via: ViaOperator, Reason: a.reason(v.Reason), At: time.Now()}}
	if *v.Allow {
		s.State = Allowed
	}
	if v.For == "" && !v.Always {
		return s, v.ID, nil
	}
	lasts, err := time.ParseDuration(v.For)
	switch {
	case !*v.Allow:
		return nil, "", invalid("only what is allowed is remembered; to withhold a tool, use a scope deny:…")
	case v.Always && v.For != "":
		return nil, "", invalid("params.for and params.always say how long; give one of them")
	case !v.Always && (err != nil || lasts < time.Second || lasts > maxRemembered):
		return nil, "", invalid("params.for must be a duration from 1s to " + strconv.Itoa(int(maxRemembered/time.Hour)) + "h, such as 30m or 8h")
	}
	s.Remember = &Remembered{ID: newID(), Created: s.At, Decider: s.Decider, Reason: s.Reason}
	if !v.Always {
		s.Remember.Expires = s.At.Add(lasts)
	}
	return s, v.ID, nil
}

// forget forgets a remembered decision.
func (a *Approvals) forget(ctx context.Context, call *mcp.Call) (any, error) {
	var params struct{ ID string }
	if err := json.Unmarshal(call.Params(), &params); err != nil || params.ID == "" {
		return nil, invalid("params.id must be the id of a remembered decision")
	}
	r, err := a.Store.ForgetApproval(ctx, params.ID)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "nothing is remembered under %q", short(visible(params.ID), 40))
	case err != nil:
		return nil, a.silent(ctx, err)
	}
	_ = a.recordMemory(ctx, "approval.expired", call.Caller.ID, &r, "forgotten") // it does not hold any more, whether that is on record or not
	return struct {
		ResultType string        `json:"resultType"`
		Forgotten  shownDecision `json:"forgotten"`
	}{complete, a.showRemembered(&r)}, nil
}

func invalid(text string) *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%s", text)
}

// undecided is why a request is not settled by a verdict.
func (a *Approvals) undecided(ctx context.Context, r *Request, id string, err error) error {
	switch {
	case errors.Is(err, ErrUnknown):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "no call waits under %q", short(visible(id), 40))
	case errors.Is(err, ErrSettled):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "%s is %s already, by %s", r.ID, r.State, byWhom(r))
	case errors.Is(err, ErrNotAsked):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Forbidden, "%v (approvals.by: host)", ErrNotAsked)
	case errors.Is(err, ErrNoDigest):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%v; allow it once", ErrNoDigest)
	}
	return a.silent(ctx, err)
}

// silent is what is told where the store does not answer.
func (a *Approvals) silent(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	a.Log.ErrorContext(ctx, "the store does not answer about approvals", slog.Any("error", err))
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway's store does not answer; nothing is decided")
}
