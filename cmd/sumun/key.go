package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/locksmith"
	"github.com/sumun-mcp/sumun/internal/proofreader"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/steward"
	"github.com/sumun-mcp/sumun/internal/store"
)

// keyCommand is the verb key. Its verbs stand in package locksmith.
func (a *app) keyCommand() *cobra.Command {
	desk := &locksmith.Desk{Voice: &a.Voice, Open: a.openKeys}
	verbs := desk.Verbs()
	for _, v := range verbs {
		body := v.RunE
		v.RunE = func(cmd *cobra.Command, args []string) error { return keyError(body(cmd, args)) }
	}
	return a.group(&cobra.Command{Use: "key", Short: "Make, list, rotate and revoke keys"}, verbs...)
}

func (a *app) openKeys(ctx context.Context) (*locksmith.Locksmith, func() error, error) {
	cfg, kept, err := a.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	witness := &record.Witness{Config: cfg, Store: kept}
	return &locksmith.Locksmith{Store: kept, Config: cfg, Record: witness.Event}, kept.Close, nil
}

// openStore reads the configuration and opens its store, which the caller closes: for verbs that need no gateway that runs.
func (a *app) openStore(ctx context.Context) (*config.Config, *store.Store, error) {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err != nil {
		return nil, nil, proofreader.Failure(err)
	}
	kept, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return nil, nil, &exit.Error{Code: exit.Unreachable, Err: err, Target: steward.Name(cfg.Store)}
	}
	return cfg, kept, nil
}

// keyError gives what went wrong its exit code.
func keyError(err error) error {
	bad, isBad := errors.AsType[*locksmith.OrderError](err)
	switch {
	case isBad:
		return &exit.Error{Code: exit.Usage, Err: err, Hint: bad.Hint}
	case errors.Is(err, keyring.ErrTaken):
		return &exit.Error{Code: exit.Usage, Err: err, Hint: "another name, or `sumun key rotate` for a new secret of that key"}
	case errors.Is(err, keyring.ErrUnknown), errors.Is(err, keyring.ErrOver):
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "`sumun key list --all` shows what there is"}
	}
	return err
}
