package sentry

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// Recorder returns what puts an alert on record by that.
func Recorder(event func(context.Context, audit.Event) error) func(context.Context, *alert.Alert) error {
	return func(ctx context.Context, a *alert.Alert) error {
		return event(ctx, audit.Event{Kind: audit.Alert, Subject: a.Subject, Detail: map[string]any{
			"id": a.ID, "kind": a.Kind, "severity": a.Severity.String(), "server": a.Server, "text": a.Text, "count": a.Count,
		}})
	}
}

// OfAnswer returns the alert about what was found in an answer.
func OfAnswer(f *answers.Found) alert.Alert {
	severity := alert.Medium
	if f.Band == trust.BandBlock {
		severity = alert.High
	}
	return alert.Alert{
		ID: f.ID(), Kind: "answer", Severity: severity, Server: f.Where.Server, Subject: f.Where.Name, Text: f.Message + " (" + f.Action + ")",
		Remedy:   "read it; trust.answers of the server says what becomes of such answers",
		Evidence: wire.Object(nil).Text("rule", f.Rule).Text("band", f.Band.String()).Text("at", f.Where.Pointer).Text("text", f.Evidence).Text("call", f.Call).End(),
	}
}

// OfSecret returns the alert about a call that was stopped because of a secret. The server is the one that it would have gone to, the name
// the call's without secrets.
func OfSecret(call *mcp.Call, server, name string, f mcp.Finding) alert.Alert {
	evidence := wire.Object(nil).Text("kind", f.Kind).Text("at", f.Pointer).Text("call", call.ID)
	if call.Caller != nil {
		evidence = evidence.Text("caller", call.Caller.ID)
	}
	return alert.Alert{
		Kind: "secret", Severity: alert.High, Server: server, Subject: name,
		Text: "a call was stopped because of a secret in it", Remedy: "renew the secret, and see that nobody passes it on", Evidence: evidence.End(),
	}
}
