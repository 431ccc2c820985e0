package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/sentry"
)

// openInspection opens what looks for orders in what servers say.
func (g *Gateway) openInspection(ctx context.Context) error {
	g.answers = answers.New(ctx, answers.Options{
		Detector: inspect.New(), Policy: g.answerPolicy, Clean: func(text string) string { return g.guard.Rules().Clean(text) },
		Alert: func(ctx context.Context, f answers.Found) { g.alerts.Alert(ctx, sentry.OfAnswer(&f)) }, Judge: check.Subject, Log: g.log,
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
