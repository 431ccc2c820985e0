package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// openInspection opens what looks for orders in what servers say.
func (g *Gateway) openInspection(ctx context.Context) error {
	g.answers = answers.New(ctx, answers.Options{
		Detector: inspect.New(), Policy: g.answerPolicy, Clean: func(text string) string { return g.guard.Rules().Clean(text) },
		Alert: g.answerAlert, Judge: check.Subject, Log: g.log,
	})
	return g.metrics.WatchAnswers(g.answers.Observe)
}

// answerPolicy is what becomes of answers of a server in which something is found. On a bridge the gate behind it decides.
func (g *Gateway) answerPolicy(server string) string {
	now := g.setup.Load()
	if now == nil || g.parts.Bridge {
		return belief.Off
	}
	if s := now.servers[server]; s != nil {
		return now.config.Trust.For(s.Trust).Answers
	}
	strictest := now.config.Trust.Answers
	for _, s := range now.servers {
		if server == "" { // a stream, on which several may speak
			strictest = belief.Stricter(strictest, now.config.Trust.For(s.Trust).Answers)
		}
	}
	return strictest
}

// answerAlert raises an alert about what was found in an answer.
func (g *Gateway) answerAlert(ctx context.Context, f answers.Found) {
	severity := alert.Medium
	if f.Band == trust.BandBlock {
		severity = alert.High
	}
	g.alerts.Alert(ctx, alert.Alert{
		ID: f.ID(), Kind: "answer", Severity: severity, Server: f.Where.Server, Subject: f.Where.Name, Text: f.Message + " (" + f.Action + ")",
		Remedy:   "read it; trust.answers of the server says what becomes of such answers",
		Evidence: wire.Object(nil).Text("rule", f.Rule).Text("band", f.Band.String()).Text("at", f.Where.Pointer).Text("text", f.Evidence).Text("call", f.Call).End(),
	})
}
