package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Kind is what an event is: what it is about, a dot, and what was done with it.
type Kind string

// The kinds of events.
const (
	KeyCreated Kind = "key.created"
	KeyRotated Kind = "key.rotated"
	KeyRevoked Kind = "key.revoked"

	ConfigChanged Kind = "config.changed"
	ConfigRefused Kind = "config.refused"

	ApprovalAsked   Kind = "approval.asked"
	ApprovalAllowed Kind = "approval.allowed"
	ApprovalDenied  Kind = "approval.denied"
	ApprovalExpired Kind = "approval.expired"

	// Alert is an alert that people were told of.
	Alert Kind = "alert"
	// AlertApproved and AlertDismissed are what somebody has said to one.
	AlertApproved  Kind = "alert.approved"
	AlertDismissed Kind = "alert.dismissed"
	// Withheld is something that clients were not shown, or not given.
	Withheld Kind = "withheld"
	// Redacted is something that was taken out of a message.
	Redacted Kind = "redacted"

	// CredentialLogin is a login at a server, CredentialFailed one that could not be renewed.
	CredentialLogin  Kind = "credential.login"          //nolint:gosec // no credential, the name of an event
	CredentialLogout Kind = "credential.logout"         //nolint:gosec // likewise
	CredentialFailed Kind = "credential.refresh-failed" //nolint:gosec // likewise

	// TrustAdded is a server that somebody has added to the list of trusted ones, TrustRemoved one that was taken off it.
	TrustAdded   Kind = "trust.added"
	TrustRemoved Kind = "trust.removed"

	GatewayStarted Kind = "gateway.started"
	GatewayStopped Kind = "gateway.stopped"

	// RecordErased says that payloads beside records were erased, KeyOfRecord that
	// the record is signed with another key from here on.
	RecordErased Kind = "audit.erased"
	KeyOfRecord  Kind = "audit.key-rotated"
)

// An Event is something on record that is no call.
type Event struct {
	// Kind is what it is.
	Kind Kind
	// Actor is who has done it: the name of a key, os:NAME for who typed a verb, or
	// empty for the gateway itself.
	Actor string
	// Subject is what it was done with: the name of a key, a tool, a file.
	Subject string
	// Detail is what else is to be known of it, and no secret. It must be fit for JSON.
	Detail map[string]any
}

const (
	// maxDetail is how long the detail of an event may be, in bytes of JSON. What is
	// longer is left out, which the record says.
	maxDetail = 32 << 10
	// maxWord is how long its other members may be; they are cut.
	maxWord = 1 << 10
)

// ErrClosed says that a log takes no records any more.
var ErrClosed = errors.New("the audit log is closed")

// errFull says that too much waits to be stored.
var errFull = errors.New("too many audit records wait to be stored")

// Body returns the record of an event that happened at a time. Its members are told
// in docs/audit.md.
func (e *Event) Body(at time.Time) []byte { return e.appendTo(nil, at, nil) }

// appendTo appends the record of the event. Redact, which may be nil, takes out of what people and clients have written what must not be kept.
func (e *Event) appendTo(b []byte, at time.Time, redact func([]byte) []byte) []byte {
	b = appendTime(append(b, `{"v":1,"time":`...), at)
	b = appendString(b, "event", cut(string(e.Kind)))
	b = appendString(b, "actor", cut(e.Actor))
	b = appendClean(b, "subject", cut(e.Subject), redact)
	if len(e.Detail) > 0 {
		b = append(b, `,"detail":`...)
		start := len(b)
		b = cleanFrom(appendDetail(b, e.Detail), start, redact)
	}
	return append(b, '}')
}

// appendDetail appends an object: the detail, or what says why it is not there. An
// event is on record whatever its detail is.
func appendDetail(b []byte, detail map[string]any) []byte {
	said, err := json.Marshal(detail)
	switch {
	case err != nil:
		return append(wire.AppendQuote(append(b, `{"unwritable":`...), err.Error()), '}')
	case len(said) > maxDetail:
		return append(strconv.AppendInt(append(b, `{"omittedBytes":`...), int64(len(said)), 10), '}')
	}
	return append(b, said...)
}

// cut returns s, or the beginning of it where it is long.
func cut(s string) string {
	if len(s) <= maxWord {
		return s
	}
	end := maxWord
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Event puts an event on record, in the same order as calls. Where the log is durable
// it returns once that is stored, else at once; it never waits for room. An error says
// that the event is not on record, or not yet: who depends on its being there has to
// refuse then. A nil log has no records.
func (l *Log) Event(ctx context.Context, e Event) error {
	if l == nil {
		return nil
	}
	n := &entry{started: time.Now(), payloads: None}
	n.body = e.appendTo(nil, n.started, l.keeping.Load().Redact)
	if l.durable {
		n.durable = &waiting{log: l, entry: n, put: true, done: make(chan struct{})}
	}
	if err := l.inbox.push(n); err != nil {
		return fmt.Errorf("%s of %q is not on record: %w", e.Kind, e.Subject, err)
	}
	if !l.durable {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-n.durable.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s of %q is not on record yet: %w", e.Kind, e.Subject, ctx.Err())
	}
}
