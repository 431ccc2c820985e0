package main

import "github.com/spf13/cobra"

// initCommand is `sumun init`.
func (a *app) initCommand() *cobra.Command {
	return a.group(&cobra.Command{Use: "init", Short: "Make a new project"})
}
