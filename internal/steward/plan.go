// Package steward looks after the database of a gateway: what is in it, whether its tables are up to date, and how it moves from one
// engine to another. It works on the store itself, without a gateway.
package steward

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

// A table is one of the tables of a store, as this version makes them.
type table struct {
	name    string
	columns []column
	// given is how many rows it has from the start.
	given int64
}

// A column is one of a table, with its type as SQLite knows it.
type column struct{ name, kind string }

// tables returns the tables of a store in an order in which they can be filled: after those that they refer to. A store that is made for
// that says what they are, so that this is true of every later version.
func tables(ctx context.Context) (all []table, err error) {
	dir, err := os.MkdirTemp("", "sumun-blank")
	if err != nil {
		return nil, fmt.Errorf("making an empty store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address := "sqlite:" + filepath.Join(dir, "blank.db")
	blank, err := store.Open(ctx, address)
	if err == nil {
		err = blank.Close()
	}
	if err != nil {
		return nil, err
	}
	d, err := engine.Connect(address, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.DB.Close()) }()
	if all, err = describe(ctx, d.DB); err != nil {
		return nil, fmt.Errorf("reading what tables there are: %w", err)
	}
	return all, nil
}

// describe reads the tables of a SQLite database.
func describe(ctx context.Context, db *sql.DB) ([]table, error) {
	names, err := list(ctx, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> $1 ORDER BY name`, engine.StepsTable)
	if err != nil {
		return nil, err
	}
	var all []table
	for len(names) > 0 {
		before := len(names)
		for _, name := range slices.Clone(names) {
			refers, err := list(ctx, db, `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1)`, name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(refers, func(r string) bool { return r != name && slices.Contains(names, r) }) {
				continue
			}
			t := table{name: name}
			if t.columns, err = columns(ctx, db, name); err == nil {
				t.given, err = count(ctx, db, name)
			}
			if err != nil {
				return nil, err
			}
			all = append(all, t)
			names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		}
		if len(names) == before {
			return nil, fmt.Errorf("the tables %q refer to each other", names)
		}
	}
	return all, nil
}

// A querier asks a database, inside a transaction or outside.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// list returns the one column that a query has.
func list(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func columns(ctx context.Context, db *sql.DB, table string) ([]column, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, type FROM pragma_table_info($1) ORDER BY cid`, table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// count returns how many rows a table has.
func count(ctx context.Context, q querier, table string) (n int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM "`+table+`"`).Scan(&n)
	return n, err
}

// present returns which tables a database has, ours and others.
func present(ctx context.Context, d *engine.Direct, q querier) ([]string, error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`
	if d.Postgres {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`
	}
	return list(ctx, q, query)
}
