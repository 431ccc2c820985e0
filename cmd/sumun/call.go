package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// callCommand is the verb call, short for tool call.
func (a *app) callCommand() *cobra.Command {
	var arguments string
	cmd := &cobra.Command{
		Use:   "call NAME [key=value …]",
		Short: "Call a tool and print the text of its answer",
		Long: `Call a tool and print the text of its answer.

Arguments are key=value; a value that the tool's schema does not want as text is
read as JSON. With --args the arguments are one JSON object. With --json the
whole result is printed. The exit code is 5 when the tool says that it failed.`,
		Example: "  sumun call calc.evaluate expression='2*(3+4)'\n  sumun call calc.evaluate --args '{\"expression\":\"6*7\"}'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), args[0], args[1:], arguments)
		},
	}
	cmd.Flags().StringVar(&arguments, "args", "", "the arguments as one `JSON` object")
	return cmd
}

func (a *app) call(ctx context.Context, name string, pairs []string, object string) error {
	values, err := keyValues(pairs)
	if err == nil {
		err = checkObject(object, pairs)
	}
	if err != nil {
		return err
	}
	session, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	schema, err := a.schemaOf(ctx, session, name)
	if err != nil {
		return err
	}
	arguments := []byte(object)
	if object == "" {
		if arguments, err = terminal.Arguments(schema, values); err != nil {
			return err
		}
	}
	request := transport.Request{Method: mcp.MethodToolsCall, Name: name, Progress: true, Header: terminal.Headers(schema, arguments)}
	result, err := a.askOn(ctx, session, request, map[string]any{"name": name, "arguments": json.RawMessage(arguments)})
	if err != nil {
		return err
	}
	failed := string(wire.Get(result, "isError")) == "true"
	if err := a.printResult(result, failed); err != nil {
		return err
	}
	if failed {
		return a.toolFailed(name)
	}
	return nil
}

// toolFailed is the failure of a tool whose answer, which was printed, says so.
func (a *app) toolFailed(name string) error {
	return &exit.Error{Code: exit.Failed, Shown: !a.JSON, Msg: "the tool says that it failed", Target: name}
}

// schemaOf returns the tool's input schema, so that arguments are read as the tool
// wants them; nil for a tool that the gateway does not list, which will say so.
func (a *app) schemaOf(ctx context.Context, session *transport.Session, name string) ([]byte, error) {
	result, err := a.askOn(ctx, session, transport.Request{Method: mcp.MethodToolsList}, struct{}{})
	if err != nil {
		return nil, err
	}
	for _, tool := range terminal.Elements(result, "tools") {
		if terminal.Text(tool, "name") == name {
			return wire.Get(tool, "inputSchema"), nil
		}
	}
	return nil, nil
}

// checkObject refuses an --args that is not a JSON object, or comes beside key=value.
func checkObject(object string, pairs []string) error {
	if object == "" {
		return nil
	}
	if len(pairs) > 0 {
		return &exit.Error{Code: exit.Usage, Msg: "arguments come as key=value or with --args, not both"}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil || fields == nil {
		return &exit.Error{Code: exit.Usage, Msg: "--args is not a JSON object", Err: err, Hint: `write it as --args '{"key":"value"}'`}
	}
	return nil
}

// keyValues reads arguments that stand on the command line as key=value.
func keyValues(pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%q is not key=value", pair), Target: pair, Hint: "write each argument as key=value, in quotes where the shell needs them"}
		}
		values[key] = value
	}
	return values, nil
}

// printResult prints a tool's answer: its text, or all of it with --json.
func (a *app) printResult(result []byte, failed bool) error {
	if a.JSON {
		return a.printRaw(result)
	}
	out := a.Data
	if failed {
		out = a.People
	}
	blocks := terminal.Elements(result, "content")
	if len(blocks) == 0 && wire.Get(result, "structuredContent") != nil {
		return a.printRaw(wire.Get(result, "structuredContent"))
	}
	for _, block := range blocks {
		if _, err := fmt.Fprintln(out, terminal.Block(block)); err != nil {
			return err
		}
	}
	return nil
}
