package own

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/command"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/openapi"
	"github.com/sumun-mcp/sumun/internal/resource"
)

// Check returns everything that keeps the resources and declared tools of a configuration from being offered, of which Open tells
// the first. Nothing is asked of the network: documents at URLs are not looked at.
func Check(ctx context.Context, c *config.Config) error {
	over, cancel := context.WithCancel(ctx)
	cancel()
	var faults []error
	if c.Builtin {
		faults = append(faults, resource.Check(ctx, c.Resources))
	}
	if o, err := openapi.New(over, requests(c)); err != nil {
		faults = append(faults, err)
	} else {
		faults = append(faults, o.Close())
	}
	if o, err := command.New(command.Options{Tools: c.Tools}); err != nil {
		faults = append(faults, err)
	} else {
		faults = append(faults, o.Close())
	}
	return errors.Join(faults...)
}
