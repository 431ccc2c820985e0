package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// auditVerb is the flags of the verbs below audit, and what the record is read with.
type auditVerb struct {
	*app
	record.Request
	store *store.Store
	book  *record.Book
}

// auditCommand is `sumun audit`: the record of calls, read from the store.
func (a *app) auditCommand() *cobra.Command {
	v := &auditVerb{app: a}
	return a.group(&cobra.Command{Use: "audit", Short: "Read, search, verify or export the record of calls"},
		v.verb("tail", "Print the newest records", "  sumun audit tail -n 50 --follow", v.tail),
		v.verb("search [MEMBER=PATTERN …]", "Print the records that are like this", "  sumun audit search caller=local outcome=refused --from 2h\n  sumun audit search 'name=calc.*' --json", v.search),
		v.verb("verify", "Tell whether a record was changed, removed, added or moved", "  sumun audit verify --since yesterday.checkpoint\n  sumun audit verify --export records.ndjson", v.verify),
		v.verb("export [MEMBER=PATTERN …]", "Write records for other programs", "  sumun audit export --format proofs name=payment.initiate > payments.ndjson", v.export),
		v.verb("erase", "Erase what is kept beside old records: salts, arguments and results", "  sumun audit erase --to 2160h", v.erase))
}

// verb makes one of the verbs, with the flags that it knows.
func (v *auditVerb) verb(use, short, example string, do func(ctx context.Context) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, args []string) error {
		v.Conditions = args
		return v.read(cmd.Context(), do)
	}}
	if cmd.Name() == "search" || cmd.Name() == "export" {
		cmd.Args = cobra.ArbitraryArgs
	}
	v.Flags(cmd.Name(), cmd.Flags())
	return cmd
}

// read opens the record for a verb.
func (v *auditVerb) read(ctx context.Context, do func(ctx context.Context) error) (err error) {
	cfg, err := config.Load(v.config, v.lookupEnv)
	if err != nil {
		return configError(err)
	}
	file := cfg.StoreFile()
	if _, err := os.Stat(file); file != "" && errors.Is(err, fs.ErrNotExist) {
		return &exitError{code: exitFailed, msg: "there is no record at " + file, target: file, hint: "`sumun serve` begins one; --config or --dir names another place"}
	}
	if v.store, err = store.Open(ctx, cfg.Store); err == nil {
		defer func() { err = errors.Join(err, v.store.Close()) }()
		v.book, err = record.Read(cfg, v.store, v.PublicKey)
	}
	if err == nil {
		err = do(ctx)
	}
	if _, bad := errors.AsType[*record.RequestError](err); bad {
		return &exitError{code: exitUsage, err: err, hint: "sumun audit --help"}
	}
	if record.Lost(err) {
		return &exitError{code: exitIntegrity, err: err, target: file, hint: "sumun audit verify"}
	}
	return err
}

func (v *auditVerb) tail(ctx context.Context) error {
	return v.book.Tail(ctx, v.Request, v.printRecord)
}

func (v *auditVerb) search(ctx context.Context) error {
	return v.book.Search(ctx, v.Request, v.printRecord)
}

func (v *auditVerb) export(ctx context.Context) error {
	return v.book.ExportTo(ctx, v.stdout, v.Request)
}

func (v *auditVerb) erase(ctx context.Context) error {
	erased, err := v.book.Erase(ctx, v.store, v.Request, time.Now())
	if err == nil {
		v.note("erased beside %s", terminal.Count(int(erased), "record"))
	}
	return err
}

// verify prints what was found; that something was altered is the exit code.
func (v *auditVerb) verify(ctx context.Context) error {
	found, err := v.book.Judge(ctx, v.Request)
	switch {
	case err != nil:
		return err
	case v.json:
		err = v.writeJSON(found)
	default:
		_, err = fmt.Fprintln(v.stdout, terminal.Harmless(found.Text()))
	}
	if err == nil && len(found.Faults) > 0 {
		return &exitError{code: exitIntegrity, shown: true, msg: "the audit log was altered"}
	}
	return err
}

func (v *auditVerb) printRecord(e *record.Entry) error {
	if v.json {
		return v.writeJSONLine(e.Exported())
	}
	_, err := fmt.Fprintln(v.stdout, e.Line())
	return err
}

// openError is the failure to open a gateway.
func openError(err error) error {
	e := &exitError{code: exitUsage, msg: "opening the gateway", err: err}
	if record.Lost(err) {
		e.code = exitIntegrity
	}
	return e
}
