package main

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/herald"
)

// alerts is where the verb alert is spoken. What it does stands in package herald.
func (a *app) alerts() *herald.Desk {
	return &herald.Desk{Voice: &a.Voice, Ask: func(ctx context.Context, method string, params any) ([]byte, error) {
		return a.ask(ctx, method, "", params)
	}}
}
