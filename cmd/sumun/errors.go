package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// failure gives err, as cmd returned it, its exit code.
func (a *app) failure(ctx context.Context, cmd *cobra.Command, err error) *exit.Error {
	e, ok := errors.AsType[*exit.Error](err)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return &exit.Error{Code: exit.Interrupted, Msg: "interrupted"}
	case ok:
		return e
	case !a.started:
		return usageError(cmd, err.Error())
	}
	return &exit.Error{Code: exit.Unexpected, Err: err}
}

// report tells the person, or with --json the program, what failed, and returns the exit code.
func (a *app) report(e *exit.Error) int {
	switch {
	case e.Shown:
	case a.JSON:
		e.PrintJSON(a.People)
	default:
		e.Print(a.People)
	}
	return e.Code
}

// usageError is a wrong command line for cmd.
func usageError(cmd *cobra.Command, msg string) *exit.Error {
	return &exit.Error{Code: exit.Usage, Msg: msg, Hint: cmd.CommandPath() + " --help", Target: cmd.CommandPath()}
}

// unknownVerb is the answer to a verb that cmd does not have.
func unknownVerb(cmd *cobra.Command, verb string) *exit.Error {
	e := usageError(cmd, fmt.Sprintf("unknown command %q for %q", verb, cmd.CommandPath()))
	e.Target = verb
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := terminal.Nearest(verb, names); near != "" {
		e.Msg += fmt.Sprintf("; did you mean %q?", near)
		e.Hint = cmd.CommandPath() + " " + near
	}
	return e
}

// flagError is the answer to a flag that cmd does not have, or a value that it does not take.
func flagError(cmd *cobra.Command, err error) error {
	e := usageError(cmd, err.Error())
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return e
	}
	name := unknown.GetSpecifiedName()
	e.Target = "--" + name
	if near := terminal.Nearest(name, flagNames(cmd)); near != "" {
		e.Msg += fmt.Sprintf("; did you mean --%s?", near)
	}
	return e
}

// flagNames lists the long flags that cmd takes.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return names
}
