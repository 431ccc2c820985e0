package stock

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// An Offer is what the gate offers once its servers have been tried.
type Offer struct {
	Tools, Prompts, Resources int
	// Servers are those that gave their lists.
	Servers []string
	// Warnings tell what is left out and which servers do not answer.
	Warnings []string
}

// Offered waits until every server has been tried, or ctx has ended, and returns what there is then. Unused tells which scopes name nothing
// of it.
func (st *Stock) Offered(ctx context.Context, unused func(matches func(kind mcp.Kind, pattern string) bool) []string) Offer {
	c := st.Whole(ctx)
	offer := Offer{Tools: c.Len(mcp.Tool), Prompts: c.Len(mcp.Prompt), Resources: c.Len(mcp.Resource), Servers: st.Keeper().Listed()}
	for _, server := range st.Keeper().Missing() {
		offer.Warnings = append(offer.Warnings, "server "+server+" does not answer; `sumun server show "+server+"` tells more")
	}
	offer.Warnings = append(offer.Warnings, c.Brief()...)
	for _, one := range unused(c.Matches) {
		offer.Warnings = append(offer.Warnings, "scope "+one+" names nothing that is offered")
	}
	return offer
}
