package main

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/warden"
	"github.com/sumun-mcp/sumun/internal/workbench"
)

// bench is where the verbs init and plugin are spoken. What they do stands in package workbench.
func (a *app) bench() *workbench.Bench {
	return &workbench.Bench{
		Voice: &a.Voice, Version: version, Config: a.loadConfig,
		Ask: func(ctx context.Context, method string, params any) ([]byte, error) {
			return a.ask(ctx, method, "", params)
		},
		Confine: func(c *config.Config) *warden.Warden { return a.confiner(c, a.logger(c, nil, a.People)) },
	}
}
