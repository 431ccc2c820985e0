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

	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

// A Status is how a database is.
type Status struct {
	// Store names it, without a password.
	Store string `json:"store"`
	// Engine is SQLite or PostgreSQL, Version that of it.
	Engine  string `json:"engine"`
	Version string `json:"version"`
	// Bytes is how much room it takes.
	Bytes int64 `json:"bytes"`
	// Applied are the steps that were made of its tables, Pending those that this version would make, Newer the numbers of those that
	// only a newer one knows.
	Applied []Step  `json:"applied"`
	Pending []Step  `json:"pending"`
	Newer   []int64 `json:"newer"`
	// Tables are those that it has, by name.
	Tables []Rows `json:"tables"`
	// Checkpoint is the newest of the audit record; nil if there is none.
	Checkpoint *Checkpoint `json:"checkpoint"`
}

// A Step brings the tables up to date.
type Step struct {
	Number int64  `json:"number"`
	Name   string `json:"name"`
	// At is when it was made; nil if it was not.
	At *time.Time `json:"at,omitempty"`
}

// Rows is how many rows a table has.
type Rows struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// A Checkpoint says how many audit records were sealed, and when.
type Checkpoint struct {
	Records int64     `json:"records"`
	Time    time.Time `json:"time"`
}

// Inspect returns how the database at an address is, and changes nothing of it. The error is fs.ErrNotExist where there is no file.
func Inspect(ctx context.Context, address string) (*Status, error) {
	all, err := tables(ctx)
	if err != nil {
		return nil, err
	}
	return inspect(ctx, address, all)
}

func inspect(ctx context.Context, address string, all []table) (s *Status, err error) {
	d, err := engine.Connect(address, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.DB.Close()) }()
	// One transaction sees one state.
	tx, err := d.DB.BeginTx(ctx, reading(d))
	if err != nil {
		return nil, fmt.Errorf("reading the store %s: %w", d.Name, d.Explain(err))
	}
	defer func() { _ = tx.Rollback() }() // reading only
	s = &Status{Store: d.Name, Tables: []Rows{}}
	for _, read := range []func(context.Context, *sql.Tx, *engine.Direct) error{
		s.readEngine, s.readSteps,
		func(ctx context.Context, tx *sql.Tx, d *engine.Direct) error { return s.readTables(ctx, tx, d, all) }, s.readCheckpoint,
	} {
		if err := read(ctx, tx, d); err != nil {
			return nil, fmt.Errorf("reading the store %s: %w", d.Name, d.Explain(err))
		}
	}
	return s, nil
}

// reading are the transactions that see one state.
func reading(d *engine.Direct) *sql.TxOptions {
	if d.Postgres {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return nil
}

func (s *Status) readEngine(ctx context.Context, tx *sql.Tx, d *engine.Direct) error {
	s.Engine = "SQLite"
	query := `SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()`
	if d.Postgres {
		s.Engine, query = "PostgreSQL", `SELECT current_setting('server_version'), pg_database_size(current_database())`
	}
	return tx.QueryRowContext(ctx, query).Scan(&s.Version, &s.Bytes)
}

// readSteps tells the steps that were made from those that were not.
func (s *Status) readSteps(ctx context.Context, tx *sql.Tx, d *engine.Direct) error {
	s.Applied, s.Pending, s.Newer = []Step{}, []Step{}, []int64{}
	made := map[int64]time.Time{}
	there, err := present(ctx, d, tx)
	if err == nil && slices.Contains(there, engine.StepsTable) {
		made, err = madeSteps(ctx, tx)
	}
	if err != nil {
		return err
	}
	known, err := engine.Steps()
	if err != nil {
		return err
	}
	for _, step := range known {
		at, ok := made[step.Number]
		delete(made, step.Number)
		if ok {
			s.Applied = append(s.Applied, Step{step.Number, step.Name, new(at.UTC())})
		} else {
			s.Pending = append(s.Pending, Step{step.Number, step.Name, nil})
		}
	}
	for number := range made {
		s.Newer = append(s.Newer, number)
	}
	slices.Sort(s.Newer)
	return nil
}

// madeSteps returns the steps that were made, and when.
func madeSteps(ctx context.Context, tx *sql.Tx) (map[int64]time.Time, error) {
	rows, err := tx.QueryContext(ctx, `SELECT version_id, tstamp FROM "`+engine.StepsTable+`" WHERE is_applied AND version_id > 0`) //nolint:gosec // a name of ours
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading only
	made := map[int64]time.Time{}
	for rows.Next() {
		var number int64
		var at sql.NullTime
		if err := rows.Scan(&number, &at); err != nil {
			return nil, err
		}
		made[number] = at.Time
	}
	return made, rows.Err()
}

func (s *Status) readTables(ctx context.Context, tx *sql.Tx, d *engine.Direct, ours []table) error {
	there, err := present(ctx, d, tx)
	if err != nil {
		return err
	}
	for _, t := range ours {
		if !slices.Contains(there, t.name) {
			continue
		}
		n, err := count(ctx, tx, t.name)
		if err != nil {
			return err
		}
		s.Tables = append(s.Tables, Rows{t.name, n})
	}
	slices.SortFunc(s.Tables, func(a, b Rows) int { return strings.Compare(a.Table, b.Table) })
	return nil
}

func (s *Status) readCheckpoint(ctx context.Context, tx *sql.Tx, _ *engine.Direct) error {
	const name = "audit_checkpoint"
	if !slices.ContainsFunc(s.Tables, func(r Rows) bool { return r.Table == name }) {
		return nil
	}
	var note []byte
	err := tx.QueryRowContext(ctx, `SELECT note FROM `+name+` ORDER BY size DESC LIMIT 1`).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	sealed, err := auditlog.Open(note)
	if err == nil {
		s.Checkpoint = &Checkpoint{sealed.Size, sealed.Time.UTC()}
	}
	return nil // whether it is one is found out by sumun audit verify
}

// Migrate makes the steps that are pending of the database at an address, which is made where there is none, and returns them. Where
// only is set, it only says which they would be.
func Migrate(ctx context.Context, address string, only bool) ([]Step, error) {
	before, err := Inspect(ctx, address)
	if errors.Is(err, fs.ErrNotExist) {
		var known []engine.Step
		known, err = engine.Steps()
		before = &Status{}
		for _, step := range known {
			before.Pending = append(before.Pending, Step{step.Number, step.Name, nil})
		}
	}
	if err != nil {
		return nil, err
	}
	if len(before.Newer) > 0 {
		return nil, &NewerError{before.Store, before.Newer}
	}
	if only || len(before.Pending) == 0 {
		return before.Pending, nil
	}
	opened, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return before.Pending, opened.Close()
}

// A NewerError says that a newer version has changed the tables.
type NewerError struct {
	store string
	steps []int64
}

// Error says so.
func (e *NewerError) Error() string {
	return fmt.Sprintf("a newer version of sumun has written %s: this one does not know step %d of its tables", e.store, e.steps[len(e.steps)-1])
}
