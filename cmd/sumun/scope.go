package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/review"
)

// scopeCommand is the verb scope. Its verbs stand in package review.
func (a *app) scopeCommand() *cobra.Command {
	desk := &review.Desk{
		Voice: &a.Voice,
		Open: func(ctx context.Context) (*config.Config, review.Store, func() error, error) {
			cfg, kept, err := a.openStore(ctx)
			if err != nil {
				return nil, nil, nil, err
			}
			return cfg, kept, kept.Close, nil
		},
		Load: func(path string) (*config.Config, error) { return config.Load(path, a.lookupEnv) },
	}
	return a.group(&cobra.Command{Use: "scope", Short: "List and review scopes"}, desk.Verbs()...)
}
