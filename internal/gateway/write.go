package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// ownResources is what a call went to, on record, that has written one of our own resources.
const ownResources = "own resources"

// writeResource has our own resources written; servers behind us have none that can be.
func (g *Gateway) writeResource(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	readOnly := mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound,
		"%s cannot be written: it is not among the resources of mcp.yaml", call.Name)
	if resource, ok := g.stock.Lookup(ctx, call, mcp.Resource, call.Name); ok && !isOwn(resource.Dest.Server) {
		return readOnly
	}
	resources := g.setup.Load().own.Resources()
	if resources == nil {
		return readOnly
	}
	call.Server = ownResources
	return resources.Handle(ctx, call, reply)
}
