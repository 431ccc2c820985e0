// Package workbench is the verbs by which something is made to work on: init, a project, and plugin, tools and resources of one's own.
package workbench

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/warden"
)

// A Bench is where the verbs are spoken.
type Bench struct {
	*terminal.Voice

	// Version is the program's version.
	Version string
	// Ask makes one request of the gateway.
	Ask func(ctx context.Context, method string, params any) ([]byte, error)
	// Config returns the configuration here.
	Config func() (*config.Config, error)
	// Confine returns what confines the programs of servers of a configuration.
	Confine func(c *config.Config) *warden.Warden
}
