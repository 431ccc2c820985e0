package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// The exit codes. Scripts rely on them; they mean the same for every verb.
const (
	exitOK          = 0   // all went well
	exitUnexpected  = 1   // something that should not happen
	exitUsage       = 2   // the command line, or the configuration, is wrong
	exitDenied      = 3   // no valid key, or one without permission
	exitUnreachable = 4   // the gateway or server does not answer
	exitFailed      = 5   // the tool answered with an error, or there is no such thing
	exitFindings    = 6   // a scan found something at or above the threshold
	exitIntegrity   = 7   // a log, signature or file was altered
	exitInterrupted = 130 // SIGINT or SIGTERM came before the work was done
)

// exitError is a failure with its exit code and with what a person can do about it.
// An error of another type ends the program with exitUnexpected.
type exitError struct {
	code   int
	msg    string // what was being done and what is wrong, without a final full stop
	hint   string // what to try: a command line, or a short sentence
	target string // what it is about: a file, URL or name, for --json
	err    error  // the cause; printed behind msg
	shown  bool   // everything has been said already: only the code counts

	faults document.Faults // of a configuration, one by one
}

// Error is what is wrong, with the cause.
func (e *exitError) Error() string {
	switch {
	case e.err == nil:
		return e.msg
	case e.msg == "":
		return e.err.Error()
	}
	return e.msg + ": " + e.err.Error()
}

// Unwrap is the cause.
func (e *exitError) Unwrap() error {
	if e.err == nil && len(e.faults) > 0 {
		return e.faults
	}
	return e.err
}

// failure gives err, as cmd returned it, its exit code.
func (a *app) failure(ctx context.Context, cmd *cobra.Command, err error) *exitError {
	e, ok := errors.AsType[*exitError](err)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return &exitError{code: exitInterrupted, msg: "interrupted"}
	case ok:
		return e
	case !a.started:
		return usageError(cmd, err.Error())
	}
	return &exitError{code: exitUnexpected, err: err}
}

// report tells the person, or with --json the program, what failed, and returns the exit code.
func (a *app) report(e *exitError) int {
	switch {
	case e.shown:
	case a.json:
		a.reportJSON(e)
	default:
		fmt.Fprintf(a.stderr, "sumun: %s\n", e.Error())
		if len(e.faults) > 0 {
			fmt.Fprintln(a.stderr, e.faults.Error())
		}
		if e.hint != "" {
			fmt.Fprintf(a.stderr, "  try: %s\n", e.hint)
		}
	}
	return e.code
}

// reportJSON prints e as the one line that config-and-cli promises.
func (a *app) reportJSON(e *exitError) {
	type failure struct {
		Code    int    `json:"code"` // the exit code
		Message string `json:"message"`
		Hint    string `json:"hint"`
		Target  string `json:"target"`

		Faults document.Faults `json:"faults,omitempty"`
	}
	line := json.NewEncoder(a.stderr)
	line.SetEscapeHTML(false)
	// A stderr that cannot be written leaves only the exit code, which the caller returns.
	_ = line.Encode(map[string]failure{"error": {e.code, e.Error(), e.hint, e.target, e.faults}})
}

// usageError is a wrong command line for cmd.
func usageError(cmd *cobra.Command, msg string) *exitError {
	return &exitError{code: exitUsage, msg: msg, hint: cmd.CommandPath() + " --help", target: cmd.CommandPath()}
}

// unknownVerb is the answer to a verb that cmd does not have.
func unknownVerb(cmd *cobra.Command, verb string) *exitError {
	e := usageError(cmd, fmt.Sprintf("unknown command %q for %q", verb, cmd.CommandPath()))
	e.target = verb
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := terminal.Nearest(verb, names); near != "" {
		e.msg += fmt.Sprintf("; did you mean %q?", near)
		e.hint = cmd.CommandPath() + " " + near
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
	e.target = "--" + name
	if near := terminal.Nearest(name, flagNames(cmd)); near != "" {
		e.msg += fmt.Sprintf("; did you mean --%s?", near)
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
