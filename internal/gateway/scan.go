package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/survey"
)

// openSurvey makes what has servers scanned, with the credentials that the gate has for them. A bridge leaves that to the gate behind it.
func (g *Gateway) openSurvey() {
	if g.parts.Scanner != nil && !g.parts.Bridge {
		g.survey = survey.New(survey.Survey{
			Scanner: g.parts.Scanner, Config: g.Config, Authority: g.authority, TLS: g.parts.TLS, Command: g.parts.Warden.Command, Record: g.registry.Record,
		})
	}
}

// atSurvey has a server scanned.
func (g *Gateway) atSurvey(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.survey.Handle(ctx, call, reply)
}
