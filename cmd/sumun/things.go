package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A listed is a kind of thing that the gateway lists.
type listed struct {
	noun, method, member, key string
}

var (
	tools     = listed{"tool", mcp.MethodToolsList, "tools", "name"}
	prompts   = listed{"prompt", mcp.MethodPromptsList, "prompts", "name"}
	resources = listed{"resource", mcp.MethodResources, "resources", "uri"}
	templates = listed{"template", mcp.MethodTemplates, "resourceTemplates", "uriTemplate"}
)

// toolCommand is the verb tool.
func (a *app) toolCommand() *cobra.Command {
	call := a.callCommand()
	call.Short = "Call a tool (the same as sumun call)"
	return a.group(&cobra.Command{Use: "tool", Short: "List, show and call tools"}, a.listCommand(tools), a.showCommand(tools), call)
}

// promptCommand is the verb prompt.
func (a *app) promptCommand() *cobra.Command {
	get := &cobra.Command{
		Use: "get NAME [key=value …]", Short: "Fill in a prompt and print its messages", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.getPrompt(cmd.Context(), args[0], args[1:]) },
	}
	return a.group(&cobra.Command{Use: "prompt", Short: "List, show and fill in prompts"}, a.listCommand(prompts), a.showCommand(prompts), get)
}

// resourceCommand is the verb resource.
func (a *app) resourceCommand() *cobra.Command {
	read := &cobra.Command{
		Use: "read URI", Short: "Read a resource and print its contents", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.readResource(cmd.Context(), args[0]) },
	}
	return a.group(&cobra.Command{Use: "resource", Short: "List, show and read resources"},
		a.listCommand(resources, templates), a.showCommand(resources, templates), read)
}

func (a *app) listCommand(kinds ...listed) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what the key may use", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.list(cmd.Context(), kinds)
			if err != nil {
				return err
			}
			defer a.alerts().Hint(cmd.Context())
			return a.printList(kinds, all)
		},
	}
}

// list asks for the lists of the kinds, in their order.
func (a *app) list(ctx context.Context, kinds []listed) ([][][]byte, error) {
	all := make([][][]byte, len(kinds))
	for i, kind := range kinds {
		result, err := a.ask(ctx, kind.method, "", struct{}{})
		if err != nil {
			return nil, err
		}
		all[i] = terminal.Elements(result, kind.member)
	}
	return all, nil
}

func (a *app) printList(kinds []listed, all [][][]byte) error {
	if a.JSON {
		out := []byte("{")
		for i, kind := range kinds {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(wire.AppendQuote(out, kind.member), ':')
			out = terminal.AppendArray(out, all[i])
		}
		return a.printRaw(append(out, '}'))
	}
	table := tabwriter.NewWriter(a.Data, 0, 0, 2, ' ', 0)
	for i, kind := range kinds {
		for _, e := range all[i] {
			fmt.Fprintf(table, "%s\t%s\n", terminal.Text(e, kind.key), terminal.Summary(e))
		}
	}
	return table.Flush()
}

func (a *app) showCommand(kinds ...listed) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show all that is known of one", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), kinds, args[0]) },
	}
}

func (a *app) show(ctx context.Context, kinds []listed, name string) error {
	all, err := a.list(ctx, kinds)
	if err != nil {
		return err
	}
	for i, kind := range kinds {
		for _, e := range all[i] {
			if terminal.Text(e, kind.key) == name {
				return a.printRaw(e)
			}
		}
	}
	return &exit.Error{
		Code: exit.Failed, Msg: "no such " + kinds[0].noun + ": " + name, Target: name,
		Hint: "`sumun " + kinds[0].noun + " list` shows what there is",
	}
}

func (a *app) getPrompt(ctx context.Context, name string, pairs []string) error {
	arguments, err := keyValues(pairs)
	if err != nil {
		return err
	}
	result, err := a.ask(ctx, mcp.MethodPromptsGet, name, map[string]any{"name": name, "arguments": arguments})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printRaw(result)
	}
	for _, message := range terminal.Elements(result, "messages") {
		fmt.Fprintf(a.Data, "%s: %s\n", terminal.Text(message, "role"), terminal.Block(wire.Get(message, "content")))
	}
	return nil
}

func (a *app) readResource(ctx context.Context, uri string) error {
	result, err := a.ask(ctx, mcp.MethodRead, uri, map[string]any{"uri": uri})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printRaw(result)
	}
	for _, contents := range terminal.Elements(result, "contents") {
		data, err := terminal.Contents(contents)
		if err == nil {
			_, err = a.Data.Write(data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
