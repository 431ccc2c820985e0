package sentry

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
)

// Recorder returns what puts an alert on record by that.
func Recorder(event func(context.Context, audit.Event) error) func(context.Context, *alert.Alert) error {
	return func(ctx context.Context, a *alert.Alert) error {
		return event(ctx, audit.Event{Kind: audit.Alert, Subject: a.Subject, Detail: map[string]any{
			"id": a.ID, "kind": a.Kind, "severity": a.Severity.String(), "server": a.Server, "text": a.Text, "count": a.Count,
		}})
	}
}
