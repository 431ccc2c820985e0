package approve

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// A State is how a request stands.
type State string

// The states of a request. All but the first are final.
const (
	Waiting   State = "waiting"
	Allowed   State = "allowed"
	Denied    State = "denied"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
)

// Ways by which a decision comes.
const (
	// ViaOperator is by the methods of those who run the gate.
	ViaOperator = "operator"
	// ViaHost is by a question to the client that makes the call.
	ViaHost = "host"
)

// Reasons why a request cannot be settled.
var (
	// ErrUnknown says that there is no such request.
	ErrUnknown = errors.New("no call waits under that id")
	// ErrSettled says that the request was settled before.
	ErrSettled = errors.New("it is not waiting any more")
	// ErrNotAsked says that the one who decides is not the one who was asked.
	ErrNotAsked = errors.New("only the person in front of the host that makes the call decides on it")
	// ErrNoDigest says that a decision cannot be remembered.
	ErrNoDigest = errors.New("the tool's definition has no digest by which it is known again, so a decision on it cannot be remembered")
)

// A Subject is what a remembered decision is about: who may call what, as long as that stays what it is.
type Subject struct {
	// Caller is who calls.
	Caller string
	// Server and Name are what is called: a tool by its full name, or a resource by its URI, which is written.
	Server, Name string
	// Digest is that of the tool's definition (package trust); empty for a resource, and for a tool that has none.
	Digest string
}

// A Request is a call that waits, or did.
type Request struct {
	Subject

	// ID is what people call it by.
	ID string
	// Instance is the one that holds the call, and Beat grows as long as it does.
	Instance string
	Beat     int64
	// Call is the id of the call in the audit record, Method its method and Client what its client calls itself.
	Call, Method, Client string
	// Why is what in the policy has the call wait: destructive, write, new or always.
	Why string
	// Arguments are those of the call, a JSON value: shortened, and without secrets.
	Arguments string
	// By is who decides, as the policy says.
	By string
	// Asked is when it began to wait, Until when it is refused.
	Asked, Until time.Time

	// State is how it stands, and Decision who has settled it.
	State State
	Decision
}

// A Decision is how a request was settled, and by whom.
type Decision struct {
	// Decider is the name of the caller who has decided, and Via how; empty for nobody.
	Decider, Via string
	// Reason is why, in the words of the one who decided.
	Reason string
	// At is when.
	At time.Time
}

// A Settlement settles a request.
type Settlement struct {
	// State is what it becomes.
	State State
	Decision
	// Remember is the decision that is to hold for further calls, too; nil for none.
	Remember *Remembered
}

// A Remembered is a decision that holds for calls to come.
type Remembered struct {
	Subject

	// ID is what people call it by.
	ID string
	// Created is when it was made, Expires when it ends; zero for never.
	Created, Expires time.Time
	// Decider and Reason are those of the decision.
	Decider, Reason string
}

// A Store keeps requests and remembered decisions. Several instances may share one.
type Store interface {
	Requests
	Memory
}

// Requests are the requests of a store.
type Requests interface {
	// AddApproval adds a request that waits.
	AddApproval(ctx context.Context, r *Request) error
	// SettleApproval settles a request that waits, and returns it as it is then. The error is ErrUnknown or ErrSettled if there is none, the
	// latter with the request as it is, and what Request.Refuses returns. A settlement that is to be remembered settles all others of the
	// same subject that may be, too.
	SettleApproval(ctx context.Context, id string, s *Settlement) (Request, error)
	// WaitingApprovals returns the requests that wait, of all instances, the oldest first.
	WaitingApprovals(ctx context.Context) ([]Request, error)
	// SettledApprovals returns the requests of an instance, asked at that time or later, that do not wait any more.
	SettledApprovals(ctx context.Context, instance string, since time.Time) ([]Request, error)
	// BeatApprovals says that an instance still holds the calls of its requests that wait.
	BeatApprovals(ctx context.Context, instance string) error
}

// Memory is what a store remembers.
type Memory interface {
	// RecallApproval returns what is remembered of a subject and holds at that time, and whether something is.
	RecallApproval(ctx context.Context, s Subject, now time.Time) (Remembered, bool, error)
	// RememberedApprovals returns all that is remembered and holds at that time, the oldest first.
	RememberedApprovals(ctx context.Context, now time.Time) ([]Remembered, error)
	// ForgetApproval forgets a remembered decision and returns it; the error is ErrUnknown if there is none.
	ForgetApproval(ctx context.Context, id string) (Remembered, error)
}

// Refuses returns why a settlement cannot settle the request, nil if it can.
func (r *Request) Refuses(s *Settlement) error {
	switch {
	case r.State != Waiting:
		return ErrSettled
	case r.By == byHost && s.Via == ViaOperator:
		return ErrNotAsked
	case s.Remember != nil && r.Digest == "":
		return ErrNoDigest
	}
	return nil
}

// newID returns a new id that can be typed.
func newID() string { return strings.ToLower(rand.Text()[:8]) }
