package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/approver"
)

// approveCommand is the verb approve. What it does stands in package approver.
func (a *app) approveCommand() *cobra.Command {
	desk := &approver.Desk{Voice: &a.Voice, In: a.stdin, Typing: isTerminal(a.stdin), Ask: func(ctx context.Context, method string, params any) ([]byte, error) {
		return a.ask(ctx, method, "", params)
	}}
	return desk.Command()
}

// isTerminal reports whether a person may type there.
func isTerminal(in any) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device, too, at which nobody sits
	return err != nil || !os.SameFile(info, null)
}
