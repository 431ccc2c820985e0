package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// openApprovals opens what has calls wait for people. A bridge asks nobody: the gate behind it does.
func (g *Gateway) openApprovals(ctx context.Context) {
	if g.store != nil {
		g.approvals = approve.New(context.WithoutCancel(ctx), approve.Options{
			Store: g.store, Instance: g.instance, House: subjects{g}, Record: g.recordApproval, Log: g.log,
			Redact: func(arguments []byte) []byte { return g.setup.Load().guard.Redact(arguments) },
		})
	}
}

// approved has calls wait for people.
func (g *Gateway) approved(next mcp.Handler) mcp.Handler {
	if g.approvals == nil {
		return next
	}
	return g.approvals.Middleware(next)
}

// atApprovals has those who run the gate decide.
func (g *Gateway) atApprovals(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if g.approvals == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	return g.approvals.Handle(ctx, call, reply)
}

// recordApproval puts on record what becomes of a request to a person.
func (g *Gateway) recordApproval(ctx context.Context, e approve.Event) error {
	return g.audit.Event(ctx, audit.Event{Kind: audit.Kind(e.Kind), Actor: e.Actor, Subject: e.Subject, Detail: e.Detail})
}

// subjects tells the approvals what calls address.
type subjects struct{ *Gateway }

// Target finds a tool as the call itself will, waiting for servers that have not been tried yet.
func (g subjects) Target(ctx context.Context, call *mcp.Call) (approve.Target, error) {
	if call.Method == mcp.MethodWrite {
		return approve.Target{Server: ownResources, Own: true, Trusted: true}, nil
	}
	tool, ok := g.stock.Lookup(ctx, call, mcp.Tool, call.Name)
	if !ok {
		return approve.Target{}, g.absent(call)
	}
	return g.target(tool), nil
}

func (g subjects) target(tool *catalog.Entry) approve.Target {
	t := approve.Target{Server: tool.Dest.Server, Own: isOwn(tool.Dest.Server), Definition: tool.Said}
	t.Trusted = t.Own
	if configured := g.setup.Load().servers[t.Server]; configured != nil {
		t.Trusted = configured.Trust.Annotations
	}
	return t
}

// Still asks the configuration in force, which may be another than the one that has let the call in.
func (g subjects) Still(call *mcp.Call) error { return g.setup.Load().access.Still(call) }

// Seen tells since when a tool is approved as it is.
func (g subjects) Seen(_ *mcp.Call, t approve.Target) (s approve.Sight) {
	s.Since, s.Changed = g.sentry.Since(t.Server, t.Definition)
	return s
}
