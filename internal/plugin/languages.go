package plugin

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/node"
	"github.com/sumun-mcp/sumun/internal/plugin/python"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// prepare finds out how a plugin is started whose code has to be looked at for that.
func prepare(ctx context.Context, kind folder.Kind, src recipe.Source) (recipe.Recipe, error) {
	if kind == folder.Python {
		return python.Prepare(ctx, src)
	}
	return node.Prepare(ctx, src)
}
