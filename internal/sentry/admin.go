package sentry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/trust"
)

// maxDecided is how many alerts one call decides on.
const maxDecided = 1000

// An order are the parameters of mcp.admin.alerts.*.
type order struct {
	ID     string   `json:"id"`
	IDs    []string `json:"ids"`
	Server string   `json:"server"`
	Reason string   `json:"reason"`
	All    bool     `json:"all"`
}

// Handle answers the methods by which those who run the gate decide on alerts. That the caller may is settled already.
func (s *Sentry) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if s == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	var o order
	for member, into := range map[string]any{"id": &o.ID, "ids": &o.IDs, "server": &o.Server, "reason": &o.Reason, "all": &o.All} {
		if raw := call.Member(member); raw != nil && json.Unmarshal(raw, into) != nil {
			return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.%s is of another type", member)
		}
	}
	var result map[string]any
	var err error
	switch call.Method {
	case mcp.MethodAlerts:
		result, err = s.list(ctx, &o)
	case mcp.MethodAlert:
		result, err = s.show(ctx, &o)
	case mcp.MethodAlertApprove:
		result, err = s.decideAll(ctx, call, &o, s.approve)
	case mcp.MethodAlertDismiss:
		result, err = s.decideAll(ctx, call, &o, s.dismiss)
	}
	if err != nil {
		return s.silent(ctx, err)
	}
	result["resultType"] = "complete"
	value, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("telling of alerts: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}

// silent returns the error that a caller is told; the log tells what the store has said.
func (s *Sentry) silent(ctx context.Context, err error) error {
	if e := mcp.AsError(err); e != nil {
		return e
	}
	s.Log.ErrorContext(ctx, "the alerts cannot be read or written", slog.Any("error", err))
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the store of the gateway cannot be reached; its log tells more")
}

// list tells of alerts, and of what is held back.
func (s *Sentry) list(ctx context.Context, o *order) (map[string]any, error) {
	found, err := s.Store.Alerts(ctx, alert.Filter{All: o.All, Server: o.Server})
	if err != nil {
		return nil, err
	}
	shown := []json.RawMessage{}
	for i := range found {
		one, err := found[i].JSON()
		if err != nil {
			return nil, err
		}
		shown = append(shown, one)
	}
	return map[string]any{"alerts": shown, "held": s.Held(o.Server)}, nil
}

// find returns an alert.
func (s *Sentry) find(ctx context.Context, id string) (*alert.Kept, error) {
	if id == "" {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.id is missing")
	}
	k, err := s.Store.AlertByID(ctx, id)
	if errors.Is(err, alert.ErrUnknown) {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "there is no alert %s", id)
	}
	return k, err
}

// show tells all of one alert: how the thing differs, and what it was and is.
func (s *Sentry) show(ctx context.Context, o *order) (map[string]any, error) {
	k, err := s.find(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	shown, err := k.JSON()
	if err != nil {
		return nil, err
	}
	result := map[string]any{"alert": json.RawMessage(shown)}
	if k.Change.What != "" {
		result["diff"] = s.explain(ctx, k.Server, &k.Change)
	}
	for member, raw := range map[string]json.RawMessage{"before": k.Change.Before, "after": k.Change.After} {
		if raw != nil {
			result[member] = raw
		}
	}
	return result, nil
}

// decideAll decides on the alerts that an order names: all or, after one that cannot be decided on, those before it.
func (s *Sentry) decideAll(ctx context.Context, call *mcp.Call, o *order, decide func(ctx context.Context, k *alert.Kept, by, reason string) error) (map[string]any, error) {
	ids := o.IDs
	if o.ID != "" {
		ids = append(ids, o.ID)
	}
	if o.Server != "" {
		open, err := s.Store.Alerts(ctx, alert.Filter{Server: o.Server})
		if err != nil {
			return nil, err
		}
		for i := range open {
			if call.Method == mcp.MethodAlertDismiss || open[i].Change.What != "" {
				ids = append(ids, open[i].ID)
			}
		}
	}
	if len(ids) == 0 && o.Server == "" || len(ids) > maxDecided {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.ids must name 1 to %d alerts, or params.server a server", maxDecided)
	}
	done := []json.RawMessage{}
	for _, id := range ids {
		k, err := s.find(ctx, id)
		if err == nil {
			err = decide(ctx, k, call.Caller.ID, o.Reason)
		}
		if err == nil {
			k, err = s.find(ctx, id)
		}
		if err != nil {
			return nil, err
		}
		one, err := k.JSON()
		if err != nil {
			return nil, err
		}
		done = append(done, one)
	}
	return map[string]any{"alerts": done}, nil
}

// approve makes what an alert is about the pin.
func (s *Sentry) approve(ctx context.Context, k *alert.Kept, by, reason string) error {
	c := &k.Change
	switch {
	case k.State == alert.Approved:
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "%s was approved by %s already", k.ID, k.Decider)
	case c.What == "":
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "%s is about nothing that can be approved; dismiss it once it is dealt with", k.ID)
	}
	if err := s.record(ctx, audit.AlertApproved, k, by, reason); err != nil {
		return err
	}
	d := &pins.Drift{
		ID: k.ID, Server: k.Server, What: c.What, Kind: c.Kind, Name: c.Name, Digest: c.Digest, Checksum: c.Checksum, Definition: c.After, Audience: c.Audience,
	}
	if err := s.pins.Approve(ctx, d, by); err != nil {
		return err
	}
	if _, err := s.Store.DecideAlert(ctx, k.ID, alert.Approved, by, reason); err != nil {
		return err
	}
	s.Again(k.Server) // what was too much to be told of can be told of now
	return nil
}

// dismiss takes note that somebody knows of it. What is held back stays so.
func (s *Sentry) dismiss(ctx context.Context, k *alert.Kept, by, reason string) error {
	if k.State != alert.Open {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "%s was %s by %s already", k.ID, k.State, k.Decider)
	}
	if err := s.record(ctx, audit.AlertDismissed, k, by, reason); err != nil {
		return err
	}
	_, err := s.Store.DecideAlert(ctx, k.ID, alert.Dismissed, by, reason)
	return err
}

// record puts a decision on record, before it is in force.
func (s *Sentry) record(ctx context.Context, kind audit.Kind, k *alert.Kept, by, reason string) error {
	detail := map[string]any{"alert": k.ID, "kind": k.Kind, "server": k.Server, "reason": reason}
	if c := &k.Change; c.What != "" {
		detail["what"], detail["thing"], detail["name"], detail["digest"] = c.What, c.Kind, c.Name, c.Digest
	}
	return s.Record(ctx, audit.Event{Kind: kind, Actor: by, Subject: k.Subject, Detail: detail})
}

// A Standing is how a server stands with those who approve.
type Standing struct {
	// Open is how many alerts about it are open, and Worst the severity of the worst.
	Open  int
	Worst alert.Severity
	// Since is when something of it was approved last: since then it is what it was.
	Since time.Time
}

// Standing returns how a server stands.
func (s *Sentry) Standing(ctx context.Context, server string) (Standing, error) {
	var st Standing
	if s == nil {
		return st, nil
	}
	for _, kind := range []string{trust.KindTool, trust.KindPrompt, trust.KindTemplate, trust.KindInstructions} {
		if _, newest := s.pins.Names(server, kind); newest.After(st.Since) {
			st.Since = newest
		}
	}
	open, err := s.Store.Alerts(ctx, alert.Filter{Server: server})
	st.Open = len(open)
	for i := range open {
		st.Worst = max(st.Worst, open[i].Severity)
	}
	return st, err
}

// Observe tells the instruments how many alerts of each server are open, and how many things of each are held back.
func (s *Sentry) Observe(ctx context.Context, open, held func(server string, n int64)) {
	if s == nil {
		return
	}
	count := map[string]int64{}
	if all, err := s.Store.Alerts(ctx, alert.Filter{}); err == nil {
		for i := range all {
			count[all[i].Server]++
		}
		for server, n := range count {
			open(server, n)
		}
	}
	clear(count)
	for _, t := range s.Held("") {
		count[t.Server]++
	}
	for server, n := range count {
		held(server, n)
	}
}
