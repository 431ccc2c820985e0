package steward

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/store/engine"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verbs are spoken.
type Desk struct {
	*terminal.Voice

	// Config reads the configuration that the command line names.
	Config func() (*config.Config, error)
}

// Verbs are those of `sumun db`.
func (d *Desk) Verbs() []*cobra.Command {
	return []*cobra.Command{d.status(), d.migrate(), d.copy()}
}

// fault gives what went wrong its exit code.
func fault(err error, target string) error {
	e := &exit.Error{Code: exit.Unreachable, Err: err, Target: target}
	_, newer := errors.AsType[*NewerError](err)
	told, isTold := errors.AsType[*exit.Error](err)
	switch {
	case err == nil:
		return nil
	case isTold:
		return told
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Hint = exit.Failed, "`sumun serve` or `sumun db migrate` makes a store; --config or --dir names another place"
	case newer || engine.Newer(err):
		e.Code, e.Hint = exit.Failed, "run that version, or name another store"
	case errors.Is(err, ErrUsed):
		e.Code, e.Hint = exit.Failed, "end the gateways and programs that use it, and try again"
	case errors.Is(err, ErrFilled):
		e.Code, e.Hint = exit.Failed, "name an empty database, or delete what is there with --replace"
	case errors.Is(err, ErrPending):
		e.Code, e.Hint = exit.Failed, "sumun db migrate"
	case errors.Is(err, ErrDiffers), record.Lost(err), store.Corrupt(err):
		e.Code, e.Hint = exit.Integrity, "sumun audit verify"
	}
	return e
}

func (d *Desk) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what the store is, whether its tables are up to date, and what is in it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			s, err := Inspect(cmd.Context(), cfg.Store)
			if err != nil {
				return fault(err, Name(cfg.Store))
			}
			if d.JSON {
				return d.WriteJSON(s)
			}
			return d.show(s)
		},
	}
}

// show prints a status.
func (d *Desk) show(s *Status) error {
	table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "store\t%s\nengine\t%s %s\nsize\t%s\n", s.Store, s.Engine, s.Version, room(s.Bytes))
	state := "up to date"
	if len(s.Pending) > 0 {
		state = "pending: " + steps(s.Pending)
	}
	if len(s.Newer) > 0 {
		state = fmt.Sprintf("a newer version of sumun has written it: steps %d", s.Newer)
	}
	fmt.Fprintf(table, "tables\t%d steps made; %s\n", len(s.Applied), state)
	sealed := "no checkpoint yet"
	if c := s.Checkpoint; c != nil {
		sealed = fmt.Sprintf("sealed up to %d on %s", c.Records, c.Time.Format(time.RFC3339))
	}
	fmt.Fprintf(table, "record\t%s\n\nTABLE\tROWS\n", sealed)
	for _, t := range s.Tables {
		fmt.Fprintf(table, "%s\t%d\n", t.Table, t.Rows)
	}
	return table.Flush()
}

// room says how large something is, as people read it.
func room(bytes int64) string {
	size, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, next
	}
	return strconv.FormatFloat(size, 'f', min(1, len(unit)-1), 64) + " " + unit
}

// steps names steps.
func steps(all []Step) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = fmt.Sprintf("%05d_%s", s.Number, s.Name)
	}
	return strings.Join(names, ", ")
}

// Name is the address of a store without what is secret of it.
func Name(address string) string {
	if rest, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return rest
	}
	_, rest, _ := strings.Cut(address, "://")
	rest, _, _ = strings.Cut(rest, "?")
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

func (d *Desk) migrate() *cobra.Command {
	var only bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the tables of the store up to date",
		Long: `Bring the tables of the store up to date, as sumun serve does when it starts. With several gateways on one
store, this can be done before the first of them is replaced: gateways of the version before go on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			made, err := Migrate(cmd.Context(), cfg.Store, only)
			if err != nil {
				return fault(err, Name(cfg.Store))
			}
			if d.JSON {
				return d.WriteJSON(map[string]any{"steps": append([]Step{}, made...), "dryRun": only})
			}
			if len(made) == 0 {
				d.Note("the tables of %s are up to date", Name(cfg.Store))
			}
			for _, s := range made {
				fmt.Fprintln(d.Data, steps([]Step{s}))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&only, "dry-run", false, "say which steps are pending, and make none")
	return cmd
}

func (d *Desk) copy() *cobra.Command {
	var m Move
	cmd := &cobra.Command{
		Use:   "copy --from STORE",
		Short: "Copy a store into another one, such as SQLite into PostgreSQL",
		Long: `Copy all that a store holds into an empty one, of either engine: the record with what seals it, keys, tokens,
roots, routing, pins and the rest. It is done in one transaction, compared row by row, and the record is
verified afterwards. The store that is copied from stays as it is. No gateway may run on either.

The store that is left out is that of mcp.yaml. So first write the new one there, which keeps its password off
the command line, then copy, then start the gateway again.`,
		Example: `  sumun db copy --from sqlite:.sumun/sumun.db
  sumun db copy --from sqlite:.sumun/sumun.db --to postgres://sumun@db.example.com/sumun`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.move(cmd.Context(), m) },
	}
	cmd.Flags().StringVar(&m.From, "from", "", "copy this `STORE`: sqlite:PATH or postgres://…")
	cmd.Flags().StringVar(&m.To, "to", "", "copy into this `STORE`")
	cmd.Flags().BoolVar(&m.Replace, "replace", false, "delete what the store that is copied into holds")
	return cmd
}

// move copies a store and what belongs to it, and verifies the record.
func (d *Desk) move(ctx context.Context, m Move) error {
	from, to, err := d.sides(&m)
	if err != nil {
		return err
	}
	files, err := belongings(from, to)
	if err != nil {
		return fault(err, "")
	}
	if d.onTerminal() {
		m.Progress = func(table string, rows int64) { fmt.Fprintf(d.People, "\r%-24s %12d", table, rows) }
	}
	done, err := m.Copy(ctx)
	if m.Progress != nil {
		fmt.Fprint(d.People, "\r\033[K")
	}
	if err != nil {
		return fault(err, Name(m.To))
	}
	for i := range files {
		if err := files[i].put(); err != nil {
			return fault(fmt.Errorf("all is copied but %s: %w", files[i].from, err), files[i].to)
		}
		d.Note("%s was copied to %s", files[i].from, files[i].to)
	}
	found, err := verify(ctx, to)
	if err != nil {
		return fault(err, Name(m.To))
	}
	return d.tell(done, found)
}

// tell prints what was copied.
func (d *Desk) tell(done *Copied, found *record.Found) error {
	if d.JSON {
		if err := d.WriteJSON(map[string]any{"from": done.From, "to": done.To, "tables": done.Tables, "record": found}); err != nil {
			return err
		}
	} else {
		rows := int64(0)
		for _, t := range done.Tables {
			rows += t.Rows
		}
		d.Note("%d rows in %d tables are in %s as they are in %s", rows, len(done.Tables), done.To, done.From)
		d.Note("%s", found.Text())
	}
	if len(found.Faults) > 0 {
		return &exit.Error{Code: exit.Integrity, Msg: "the record that was copied does not verify", Target: done.To, Hint: "sumun audit verify, at the store that it comes from"}
	}
	return nil
}

// sides fills in the store that is left out, and returns the configurations of both.
func (d *Desk) sides(m *Move) (from, to *config.Config, err error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, nil, err
	}
	with := func(address *string, other string) *config.Config {
		one := *cfg
		if *address == "" && other != "" {
			*address = cfg.Store
		}
		if path, ok := strings.CutPrefix(*address, "sqlite:"); ok {
			if full, err := filepath.Abs(path); err == nil && path != "" {
				*address = "sqlite:" + full
			}
		}
		one.Store = *address
		return &one
	}
	from = with(&m.From, m.To)
	to = with(&m.To, m.From)
	for _, address := range []string{m.From, m.To} {
		if !strings.HasPrefix(address, "sqlite:") && !strings.HasPrefix(address, "postgres") {
			return nil, nil, &exit.Error{Code: exit.Usage, Msg: "which store is to be copied is not said", Hint: "--from sqlite:.sumun/sumun.db, and --to where it is not the one of mcp.yaml"}
		}
	}
	if m.From == m.To {
		return nil, nil, &exit.Error{Code: exit.Usage, Msg: "a store cannot be copied into itself", Target: Name(m.To), Hint: "name another one with --from or --to"}
	}
	return from, to, nil
}

// onTerminal reports whether a person watches.
func (d *Desk) onTerminal() bool { return !d.Quiet && !d.JSON && terminal.Is(d.People) }
