package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// serverCommand is the verb server.
func (a *app) serverCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the servers behind the running gateway and how they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listServers(cmd) },
	}
	show := &cobra.Command{
		Use: "show NAME", Short: "Show all that is known of one server, or of each of its replicas", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.showServer(cmd, args[0]) },
	}
	restart := &cobra.Command{
		Use: "restart NAME", Short: "Start a server again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.ask(cmd.Context(), mcp.MethodRestart, "", map[string]string{"server": args[0]})
			return err
		},
	}
	return a.group(&cobra.Command{Use: "server", Short: "List, show and restart the servers of the running gateway, and log in at them"}, list, show, restart, a.loginCommand(), a.logoutCommand())
}

func (a *app) listServers(cmd *cobra.Command) error {
	result, err := a.ask(cmd.Context(), mcp.MethodServers, "", struct{}{})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printRaw(wire.Get(result, "servers"))
	}
	table := tabwriter.NewWriter(a.Data, 0, 0, 2, ' ', 0)
	for _, s := range terminal.Elements(result, "servers") {
		state := terminal.Text(s, "state")
		if judged := terminal.Text(s, "routing"); judged == "ejected" || judged == "trial" {
			state += ", " + judged
		}
		trouble := terminal.Text(s, "error")
		if held := terminal.Elements(s, "held"); trouble == "" && len(held) > 0 {
			trouble = fmt.Sprintf("%d held back: sumun alert list --server %s", len(held), terminal.Text(s, "name"))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", terminal.Text(s, "name"), state, terminal.Text(s, "revision"), trouble)
	}
	return table.Flush()
}

func (a *app) showServer(cmd *cobra.Command, name string) error {
	result, err := a.ask(cmd.Context(), mcp.MethodServers, "", struct{}{})
	if err != nil {
		return err
	}
	found := false
	for _, s := range terminal.Elements(result, "servers") {
		if its := terminal.Text(s, "name"); its == name || strings.HasPrefix(its, name+"/") { // a replica
			if err := a.printRaw(s); err != nil {
				return err
			}
			found = true
		}
	}
	if found {
		return nil
	}
	return &exit.Error{Code: exit.Failed, Msg: "no such server: " + name, Target: name, Hint: "`sumun server list` shows what there is"}
}
