package main

import "github.com/spf13/cobra"

// clientCommand is `sumun client`.
func (a *app) clientCommand() *cobra.Command {
	return a.group(&cobra.Command{Use: "client", Short: "Add Sumun to the configuration of an AI host, or remove it"})
}
