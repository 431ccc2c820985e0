package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/mishap"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/trust"
)

// watchAnswers has servers asked now and then whether their answers say more than they should.
func (g *Gateway) watchAnswers(ctx context.Context) {
	if g.parts.Bridge {
		return
	}
	g.answers.Watch(ctx, answers.Canaries{
		Every:   func() time.Duration { return g.Config().Trust.Canaries },
		Servers: func() []string { return slices.Sorted(maps.Keys(g.setup.Load().servers)) },
		Ask: func(ctx context.Context, server string) ([]trust.Answer, error) {
			return probe.Answers(ctx, &answers.Caller{Tools: g.toolsOf(server), Handler: g.inward(), Info: g.info}, probe.Rounds{})
		},
	})
}

// toolsOf returns what yields the tools that a server offers to anyone, as far as their server is believed, but those whose calls wait for a
// person by a rule.
func (g *Gateway) toolsOf(server string) func(yield func(own, full string, said []byte) bool) {
	return func(yield func(own, full string, said []byte) bool) {
		for e := range g.stock.Plain().Seen(mcp.Tool, &mcp.View{Whole: true}) {
			if e.Dest.Server != server {
				continue
			}
			t, said := subjects{g}.target(e), e.Said
			if approve.Ruled(g.Config(), e.Name, t, func() approve.Sight { return subjects{g}.Seen(nil, t) }) {
				continue
			}
			if !t.Trusted {
				said = answers.Doubted(said)
			}
			if !yield(e.Dest.Name, e.Name, said) {
				return
			}
		}
	}
}

// inward is what calls of the gateway itself go through: they are on record, and what comes back is inspected.
func (g *Gateway) inward() mcp.Handler {
	return mcp.Chain(mcp.HandlerFunc(g.dispatch), g.name, g.metrics.Middleware, g.record, mishap.Recover(g.log), g.answers.Middleware)
}
