package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/locksmith"
	"github.com/sumun-mcp/sumun/internal/store"
)

// keyCommand is the verb key. Its verbs stand in package locksmith.
func (a *app) keyCommand() *cobra.Command {
	desk := &locksmith.Desk{Open: a.openKeys, Data: a.stdout, JSON: func() bool { return a.json }, WriteJSON: a.writeJSON, Note: a.note}
	verbs := desk.Verbs()
	for _, v := range verbs {
		body := v.RunE
		v.RunE = func(cmd *cobra.Command, args []string) error { return keyError(body(cmd, args)) }
	}
	return a.group(&cobra.Command{Use: "key", Short: "Make, list, rotate and revoke keys"}, verbs...)
}

func (a *app) openKeys(ctx context.Context) (*locksmith.Locksmith, func() error, error) {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err != nil {
		return nil, nil, configError(err)
	}
	s, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return nil, nil, &exitError{code: exitUnreachable, err: err, target: cfg.Store}
	}
	return &locksmith.Locksmith{Store: s, Config: cfg}, s.Close, nil
}

// keyError gives what went wrong its exit code.
func keyError(err error) error {
	bad, isBad := errors.AsType[*locksmith.OrderError](err)
	switch {
	case isBad:
		return &exitError{code: exitUsage, err: err, hint: bad.Hint}
	case errors.Is(err, keyring.ErrTaken):
		return &exitError{code: exitUsage, err: err, hint: "another name, or `sumun key rotate` for a new secret of that key"}
	case errors.Is(err, keyring.ErrUnknown), errors.Is(err, keyring.ErrOver):
		return &exitError{code: exitFailed, err: err, hint: "`sumun key list --all` shows what there is"}
	}
	return err
}
