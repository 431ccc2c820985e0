package warden

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// install returns the files of what a command line has installed.
func (w *Warden) install(context.Context, *sandbox.Command) ([]string, error) { return nil, nil }
