package steward

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

// A Move is what is to be copied.
type Move struct {
	// From and To are the addresses of stores. To is made where there is none.
	From, To string
	// Replace deletes what is in To.
	Replace bool
	// Progress is told how many rows of a table are copied, now and then; nil if nobody wants to know.
	Progress func(table string, rows int64)

	all []table // what tables there are; nil while that is not known
}

// Reasons for which nothing is copied.
var (
	// ErrUsed says that a gateway, or another program, has one of the stores open.
	ErrUsed = errors.New("a gateway or another program has it open")
	// ErrFilled says that there is something in the store that is copied to.
	ErrFilled = errors.New("it is not empty")
	// ErrPending says that the tables of the store that is copied from are not up to date.
	ErrPending = errors.New("its tables are not up to date")
	// ErrDiffers says that what was written is not what was read, so that nothing was copied.
	ErrDiffers = errors.New("what was written differs from what was read; nothing was copied")
)

// Copied is what was copied.
type Copied struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Tables []Rows `json:"tables"`
}

// Copy copies a store into another: all of it, compared row by row, or nothing.
func (m *Move) Copy(ctx context.Context) (*Copied, error) {
	var err error
	if m.all == nil {
		m.all, err = tables(ctx)
	}
	if err == nil {
		err = m.check(ctx, m.all)
	}
	if err != nil {
		return nil, err
	}
	// Its tables are made before, as a gateway would make them.
	made, err := store.Open(ctx, m.To)
	if err == nil {
		err = made.Close()
	}
	if err != nil {
		return nil, err
	}
	var done *Copied
	err = within(ctx, m.From, func(from *engine.Direct, source *sql.Tx) error {
		return within(ctx, m.To, func(to *engine.Direct, target *sql.Tx) (err error) {
			done, err = m.fill(ctx, side{from, source}, side{to, target})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// check looks whether the one store can be read and the other one written, before anything is changed.
func (m *Move) check(ctx context.Context, all []table) error {
	from, err := inspect(ctx, m.From, all)
	switch {
	case err != nil:
		return err
	case len(from.Newer) > 0:
		return &NewerError{from.Store, from.Newer}
	case len(from.Pending) > 0:
		return fmt.Errorf("%s: %w", from.Store, ErrPending)
	}
	to, err := inspect(ctx, m.To, all)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(to.Newer) > 0:
		return &NewerError{to.Store, to.Newer}
	case m.Replace:
		return nil
	}
	return filled(to.Store, to.Tables, all)
}

// filled returns ErrFilled if tables have more than they are given when they are made.
func filled(name string, have []Rows, all []table) error {
	for _, h := range have {
		at := slices.IndexFunc(all, func(t table) bool { return t.name == h.Table })
		if at >= 0 && h.Rows > all[at].given {
			return fmt.Errorf("%s: %w: %s has rows (%d)", name, ErrFilled, h.Table, h.Rows)
		}
	}
	return nil
}

// A side is one of the two stores, in a transaction.
type side struct {
	*engine.Direct
	tx *sql.Tx
}

// within does something in a transaction of a store that nobody else has open, all of it or nothing.
func within(ctx context.Context, address string, do func(d *engine.Direct, tx *sql.Tx) error) (err error) {
	d, err := engine.Connect(address, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.DB.Close()) }()
	d.DB.SetMaxOpenConns(1) // which is told from those of others
	explain := func(err error) error {
		if engine.Busy(err) {
			err = ErrUsed
		}
		return fmt.Errorf("%s: %w", d.Name, d.Explain(err))
	}
	if err := left(ctx, d); err != nil {
		return explain(err)
	}
	tx, err := d.DB.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing is left of it unless it is committed
	if err := do(d, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return explain(fmt.Errorf("committing: %w", err))
	}
	return nil
}

// left waits for a moment until nobody else is connected to a store: what has just been closed is still to be noticed by PostgreSQL.
func left(ctx context.Context, d *engine.Direct) error {
	if !d.Postgres {
		var n int
		return d.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master`).Scan(&n)
	}
	next := time.NewTicker(50 * time.Millisecond)
	defer next.Stop()
	for range 60 {
		var others int
		err := d.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()`).Scan(&others)
		if err != nil || others == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
		}
	}
	return ErrUsed
}

// fill copies all tables, and compares them.
func (m *Move) fill(ctx context.Context, from, to side) (*Copied, error) {
	all := m.all
	if to.Postgres { // whoever comes meanwhile waits
		names := make([]string, len(all))
		for i := range all {
			names[i] = `"` + all[i].name + `"`
		}
		if _, err := to.tx.ExecContext(ctx, `LOCK TABLE `+strings.Join(names, ", ")+` IN ACCESS EXCLUSIVE MODE`); err != nil {
			return nil, fmt.Errorf("%s: %w", to.Name, to.Explain(err))
		}
	}
	if err := m.clear(ctx, to, all); err != nil {
		return nil, fmt.Errorf("%s: %w", to.Name, err)
	}
	done := &Copied{From: from.Name, To: to.Name}
	for i := range all {
		read, err := m.fillTable(ctx, from, to, &all[i])
		if err != nil {
			return nil, err
		}
		var written content
		err = all[i].each(ctx, to.tx, func(values []any) error { written.add(values); return nil })
		if err != nil {
			return nil, err
		}
		if written != read {
			return nil, fmt.Errorf("%s: %w", all[i].name, ErrDiffers)
		}
		done.Tables = append(done.Tables, Rows{all[i].name, read.rows})
	}
	return done, nil
}

// clear deletes what tables are given when they are made, or all that there is.
func (m *Move) clear(ctx context.Context, to side, all []table) error {
	if !m.Replace {
		have := make([]Rows, len(all))
		for i := range all {
			n, err := count(ctx, to.tx, all[i].name)
			if err != nil {
				return err
			}
			have[i] = Rows{all[i].name, n}
		}
		if err := filled(to.Name, have, all); err != nil {
			return err
		}
	}
	for _, t := range slices.Backward(all) { // before those that they refer to
		if _, err := to.tx.ExecContext(ctx, `DELETE FROM "`+t.name+`"`); err != nil { //nolint:gosec // the name of a table of ours
			return fmt.Errorf("emptying %s: %w", t.name, err)
		}
	}
	return nil
}

// told is after how many rows progress is told.
const told = 1000

// fillTable copies one table.
func (m *Move) fillTable(ctx context.Context, from, to side, t *table) (content, error) {
	var read content
	f, err := newFiller(ctx, to, t)
	if err != nil {
		return read, err
	}
	defer f.close()
	err = t.each(ctx, from.tx, func(values []any) error {
		read.add(values)
		if m.Progress != nil && read.rows%told == 0 {
			m.Progress(t.name, read.rows)
		}
		return f.add(ctx, values)
	})
	if err == nil {
		err = f.flush(ctx)
	}
	return read, err
}
