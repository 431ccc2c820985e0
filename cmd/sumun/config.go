package main

import (
	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/proofreader"
)

// configCommand is the verb config. It stands in package proofreader.
func (a *app) configCommand() *cobra.Command {
	desk := &proofreader.Desk{Voice: &a.Voice, Path: func() string { return a.config }, Lookup: a.lookupEnv}
	return desk.Command(a.group)
}

// lookupEnv is how a configuration sees the environment. A variable that is set to nothing counts as not set.
func (a *app) lookupEnv(name string) (string, bool) {
	value := a.getenv(name)
	return value, value != ""
}
