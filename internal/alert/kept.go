package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A State is what became of an alert that is kept.
type State string

// The states. What was approved is in force; what was dismissed is known, and changes nothing.
const (
	Open      State = "open"
	Approved  State = "approved"
	Dismissed State = "dismissed"
)

// ErrUnknown says that no alert has that id.
var ErrUnknown = errors.New("there is no such alert")

// A Change is what an alert says of a server that is not any more what was approved, so that it can be approved.
type Change struct {
	// What is added, changed or removed; Kind and Name say of which thing.
	What, Kind, Name string
	// Digest and Checksum are those of the thing as it is offered now.
	Digest, Checksum string
	// Audience is the kind of clients that it is offered to.
	Audience mcp.Audience
	// Before and After are its definitions, nil where there is none.
	Before, After json.RawMessage
}

// A Kept is an alert as it is kept.
type Kept struct {
	Alert
	Change Change
	State  State
	// Decider is who has approved or dismissed it, Reason why, and Decided when.
	Decider, Reason string
	Decided         time.Time
}

// A Filter says which alerts are meant.
type Filter struct {
	// All are also those that are not open.
	All bool
	// Server is the only server that counts; empty counts all. Kind likewise.
	Server, Kind string
}

// Store is what keeps alerts. Several instances may share one.
type Store interface {
	// KeepAlert keeps an alert. It reports false for one that is kept already, unless that was approved: then it is open again.
	KeepAlert(ctx context.Context, k *Kept) (news bool, err error)
	// Alerts returns those that are meant, the newest first, without definitions.
	Alerts(ctx context.Context, f Filter) ([]Kept, error)
	// AlertByID returns one, or ErrUnknown.
	AlertByID(ctx context.Context, id string) (*Kept, error)
	// DecideAlert puts an open alert into a state. It reports false for one that is not open.
	DecideAlert(ctx context.Context, id string, to State, decider, reason string) (bool, error)
}

// JSON returns the alert as it is shown: that of Alert, and state, decidedBy, reason, decidedAt, what, thing and name.
func (k *Kept) JSON() ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(k.Alert.JSON(), &all); err != nil {
		return nil, fmt.Errorf("showing an alert: %w", err)
	}
	all["state"] = k.State
	if k.State != Open {
		all["decidedBy"], all["decidedAt"] = k.Decider, k.Decided.UTC().Format(time.RFC3339)
	}
	for member, value := range map[string]string{"reason": k.Reason, "what": k.Change.What, "thing": k.Change.Kind, "name": k.Change.Name, "digest": k.Change.Digest} {
		if value != "" {
			all[member] = value
		}
	}
	return json.Marshal(all)
}

// Blocks returns the error for a call of what is held back because of an alert.
func Blocks(id, name string) *mcp.Error {
	e := mcp.Errorf(mcp.CodeInvalidParams, mcp.Blocked,
		"%s is not what was approved of it, so it is held back until somebody approves it; those who run the gateway see why with `sumun alert show %s`", name, id)
	e.Data = wire.Object(nil).Text("reason", string(mcp.Blocked)).Text("alert", id).End()
	return e
}
