package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// loginCommand is the verb server login.
func (a *app) loginCommand() *cobra.Command {
	var scopes []string
	cmd := &cobra.Command{
		Use: "login NAME", Short: "Log in at a server that wants access tokens",
		Long: `Log in at a server that wants access tokens: with credentials: caller the holder
of the key that is shown, else for all callers, which needs admin:gate. The
address that is printed is to be opened in a browser, which comes back to the
running gateway; the verb waits for that.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.login(cmd, args[0], scopes) },
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "ask for this `scope` besides what the server wants; can be repeated")
	return cmd
}

// logoutCommand is the verb server logout.
func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout NAME", Short: "Forget a login at a server, and give its token back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.ask(cmd.Context(), mcp.MethodLogout, "", map[string]string{"server": args[0]})
			return err
		},
	}
}

func (a *app) login(cmd *cobra.Command, name string, scopes []string) error {
	ctx := cmd.Context()
	session, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	begun, err := a.askOn(ctx, session, transport.Request{Method: mcp.MethodLogin}, map[string]any{"server": name, "scopes": append([]string{}, scopes...)})
	if err != nil {
		return err
	}
	if a.JSON {
		line, err := json.Marshal(map[string]string{"url": terminal.Text(begun, "url"), "expiresAt": terminal.Text(begun, "expiresAt")})
		if err != nil {
			return fmt.Errorf("writing the address: %w", err)
		}
		fmt.Fprintf(a.Data, "%s\n", line)
	} else {
		a.Note("open this address in a browser:")
		fmt.Fprintln(a.Data, terminal.Text(begun, "url"))
	}
	for done := false; !done; {
		result, err := a.askOn(ctx, session, transport.Request{Method: mcp.MethodAwaitLogin}, map[string]string{"login": terminal.Text(begun, "login")})
		if err != nil {
			return err
		}
		done = string(wire.Get(result, "done")) == "true"
	}
	a.Note("logged in at %s", name)
	return nil
}
