package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/approver"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// approveCommand is the verb approve. What it does stands in package approver.
func (a *app) approveCommand() *cobra.Command {
	desk := &approver.Desk{Voice: &a.Voice, In: a.stdin, Typing: terminal.Is(a.stdin), Ask: func(ctx context.Context, method string, params any) ([]byte, error) {
		return a.ask(ctx, method, "", params)
	}}
	return desk.Command()
}
