package gateway

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/promptfile"
)

// promptsOffer is the server of the prompts in files. It goes on while the folders
// are the same: what changes in them it finds itself.
var promptsOffer = offer{
	name: "own prompts",
	same: func(a, b *config.Config) bool { return slices.Equal(a.Prompts, b.Prompts) },
	open: (*Gateway).openPrompts,
}

func (g *Gateway) openPrompts(c *config.Config) (ownServer, error) {
	if len(c.Prompts) == 0 {
		return nil, nil //nolint:nilnil // there is none, and that is fine
	}
	return promptfile.New(promptfile.Options{Dirs: c.Prompts, Version: g.parts.Version, Log: g.log})
}
