// Package exit is how the program ends: its exit codes, and failures that know theirs and what a person can try. The rooms whose verbs
// the program has return them, so that no verb needs a translation of its errors.
package exit

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/sumun-mcp/sumun/internal/document"
)

// The exit codes. Scripts rely on them; they mean the same for every verb.
const (
	OK          = 0   // all went well
	Unexpected  = 1   // something that should not happen
	Usage       = 2   // the command line, or the configuration, is wrong
	Denied      = 3   // no valid key, or one without permission
	Unreachable = 4   // the gateway or server does not answer
	Failed      = 5   // the tool answered with an error, or there is no such thing
	Findings    = 6   // a scan found something at or above the threshold
	Integrity   = 7   // a log, signature or file was altered
	Interrupted = 130 // SIGINT or SIGTERM came before the work was done
)

// An Error is a failure with its exit code and with what a person can do about it. An error of another type ends the program with
// Unexpected.
type Error struct {
	Code   int
	Msg    string // what was being done and what is wrong, without a final full stop
	Hint   string // what to try: a command line, or a short sentence
	Target string // what it is about: a file, URL or name, for --json
	Err    error  // the cause; printed behind Msg
	Shown  bool   // everything has been said already: only the code counts

	Faults document.Faults // of a configuration, one by one
}

// Error is what is wrong, with the cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error {
	if e.Err == nil && len(e.Faults) > 0 {
		return e.Faults
	}
	return e.Err
}

// Print tells a person what failed and what to try.
func (e *Error) Print(w io.Writer) {
	fmt.Fprintf(w, "sumun: %s\n", e.Error())
	if len(e.Faults) > 0 {
		fmt.Fprintln(w, e.Faults.Error())
	}
	if e.Hint != "" {
		fmt.Fprintf(w, "  try: %s\n", e.Hint)
	}
}

// PrintJSON tells a program the same in one line of JSON (docs/command-line.md, "Exit codes").
func (e *Error) PrintJSON(w io.Writer) {
	type failure struct {
		Code    int    `json:"code"` // the exit code
		Message string `json:"message"`
		Hint    string `json:"hint"`
		Target  string `json:"target"`

		Faults document.Faults `json:"faults,omitempty"`
	}
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	// What cannot be written leaves only the exit code, which the caller returns.
	_ = line.Encode(map[string]failure{"error": {e.Code, e.Error(), e.Hint, e.Target, e.Faults}})
}
