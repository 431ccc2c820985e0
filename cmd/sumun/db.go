package main

import (
	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/steward"
)

// dbCommand is the verb db. Its verbs stand in package steward.
func (a *app) dbCommand() *cobra.Command {
	desk := &steward.Desk{Voice: &a.Voice, Config: func() (*config.Config, error) { return a.loadConfig() }}
	return a.group(&cobra.Command{Use: "db", Short: "Look at the store, bring it up to date, or copy it into another one"}, desk.Verbs()...)
}
