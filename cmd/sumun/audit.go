package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/proofreader"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// auditCommand is `sumun audit`: the record of calls, read from the store.
func (a *app) auditCommand() *cobra.Command {
	return a.group(&cobra.Command{Use: "audit", Short: "Read, search, verify or export the record of calls"}, record.Verbs(a.audit)...)
}

// audit opens the record and carries a request out.
func (a *app) audit(ctx context.Context, r record.Request) error {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err != nil {
		return proofreader.Failure(err)
	}
	file := cfg.StoreFile()
	if _, err := os.Stat(file); file != "" && errors.Is(err, fs.ErrNotExist) {
		return &exit.Error{Code: exit.Failed, Msg: "there is no record at " + file, Target: file, Hint: "`sumun serve` begins one; --config or --dir names another place"}
	}
	kept, err := store.Open(ctx, cfg.Store)
	if err == nil {
		var book *record.Book
		if book, err = record.Read(cfg, kept, r.PublicKey); err == nil {
			err = book.Do(ctx, r, record.Printer{Out: a.Data, JSON: a.JSON})
		}
		err = errors.Join(err, kept.Close())
	}
	return auditError(err, file)
}

// auditError gives a failure to read the record its exit code.
func auditError(err error, file string) error {
	_, bad := errors.AsType[*record.RequestError](err)
	switch {
	case bad:
		return &exit.Error{Code: exit.Usage, Err: err, Hint: "sumun audit --help"}
	case record.Lost(err) || store.Corrupt(err):
		return &exit.Error{Code: exit.Integrity, Err: err, Target: file, Hint: "sumun audit verify", Shown: record.Shown(err)}
	}
	return err
}

// openError is the failure to open a gateway.
func openError(err error) error {
	e := &exit.Error{Code: exit.Usage, Msg: "opening the gateway", Err: err}
	if record.Lost(err) || store.Corrupt(err) {
		e.Code = exit.Integrity
	}
	return e
}
