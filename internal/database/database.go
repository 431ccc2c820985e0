// Package database answers queries of SQLite and PostgreSQL databases, and changes nothing: a statement must begin as one that reads does,
// the connection only reads, and so does each transaction. Parameters are bound, never spliced into the text; answers are bounded in rows,
// bytes and time.
package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxConnections is how many queries one database answers at a time.
const maxConnections = 4

// Options says what a Database is. All members but Queries and Raw must be set.
type Options struct {
	// DSN is sqlite:PATH or postgres://….
	DSN string
	// Queries are statements by their names.
	Queries map[string]string
	// MaxRows and MaxBytes bound one answer; what is more is cut off.
	MaxRows, MaxBytes int
	// Timeout bounds the time of one query.
	Timeout time.Duration
}

// A Database answers queries. It may be used concurrently, and must be closed.
type Database struct {
	Options

	engine  engine
	syntax  syntax
	queries map[string]*Statement
}

// An engine runs statements.
type engine interface {
	// query runs one statement that only reads and hands its rows to take. The context has a deadline.
	query(ctx context.Context, text string, args []any, take func(*sql.Rows) error) error
	// argument is a value as the engine takes it: a string, int64, float64, bool or nil.
	argument(value any) any
	// refused returns what a caller may be told of an error, empty where that is nothing.
	refused(err error) string
	close() error
}

// A Refusal is an error in the caller's words.
type Refusal string //nolint:errname // a RefusalError would say less

// Error returns the words.
func (r Refusal) Error() string { return string(r) }

// Told returns the words: what may be told to whoever asked.
func (r Refusal) Told() string { return string(r) }

// Open opens a database. A SQLite file must be there; a PostgreSQL server need not run yet. An error names each query that is wrong.
func Open(ctx context.Context, o Options) (*Database, error) {
	d := &Database{Options: o, queries: map[string]*Statement{}, syntax: postgresSyntax}
	path, isSQLite := strings.CutPrefix(o.DSN, "sqlite:")
	if isSQLite {
		d.syntax = sqliteSyntax
	}
	var faults []error
	for _, name := range d.Names() {
		q, err := parse(o.Queries[name], d.syntax)
		if err != nil {
			faults = append(faults, fmt.Errorf("the query %q: %w", name, err))
		}
		d.queries[name] = q
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var err error
	if isSQLite {
		d.engine, err = openSQLite(ctx, path, o.MaxBytes)
	} else {
		d.engine, err = openPostgres(o.DSN, o.MaxBytes, o.Timeout)
	}
	return d, err
}

// Close closes the connections. No query may run any more.
func (d *Database) Close() error { return d.engine.close() }

// Names are the names of the queries, sorted.
func (d *Database) Names() []string { return slices.Sorted(maps.Keys(d.Queries)) }

// Query is the query of that name, nil without one.
func (d *Database) Query(name string) *Statement { return d.queries[name] }

// Parse reads a statement that somebody else wrote. An error is a Refusal.
func (d *Database) Parse(text string) (*Statement, error) {
	s, err := parse(text, d.syntax)
	if err != nil {
		return nil, Refusal(err.Error())
	}
	return s, nil
}

// An Outcome is what a query answers.
type Outcome struct {
	// Columns are the names of the columns, in their order and each once.
	Columns []string `json:"columns"`
	// Rows are objects: values by the names of their columns.
	Rows []json.RawMessage `json:"rows"`
	// Truncated says that there is more.
	Truncated bool `json:"truncated,omitempty"`

	size int
}

// Run runs a statement with a value for each of its parameters: a string, int64, float64, bool or nil. An error that wraps a Refusal may be
// told to whoever asked; any other may name hosts and users.
func (d *Database) Run(ctx context.Context, s *Statement, values map[string]any) (*Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	args := make([]any, 0, len(s.Params))
	for _, name := range s.Params {
		args = append(args, d.engine.argument(values[name]))
	}
	out := &Outcome{Rows: []json.RawMessage{}, Columns: []string{}}
	err := d.engine.query(ctx, s.text, args, func(rows *sql.Rows) error { return out.take(rows, d) })
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, Refusal(fmt.Sprintf("the query took longer than %v; ask for less", d.Timeout))
	case err == nil:
		return out, nil
	}
	if told := d.engine.refused(err); told != "" {
		return nil, Refusal("the database says: " + told)
	}
	return nil, err
}

// take reads the rows that fit.
func (o *Outcome) take(rows *sql.Rows, d *Database) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	o.Columns = distinct(names)
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	values := make([]any, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if len(o.Rows) == d.MaxRows {
			o.Truncated = true
			return nil
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, kind := range kinds {
			values[i] = asJSON(kind, values[i])
		}
		row := appendRow(nil, o.Columns, values)
		if o.size += len(row); o.size > d.MaxBytes {
			o.Truncated = true
			return nil
		}
		o.Rows = append(o.Rows, row)
	}
	return rows.Err()
}

// distinct makes names of columns keys: a second id becomes id_2.
func distinct(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		key := name
		for n := 2; slices.Contains(out, key); n++ {
			key = fmt.Sprintf("%s_%d", name, n)
		}
		out = append(out, key)
	}
	return out
}

// asJSON makes the bytes of a column that holds JSON (json and jsonb of PostgreSQL) JSON. Other values stay as they are.
func asJSON(kind *sql.ColumnType, value any) any {
	raw, ok := value.([]byte)
	if name := kind.DatabaseTypeName(); !ok || name != "JSON" && name != "JSONB" || !json.Valid(raw) {
		return value
	}
	return json.RawMessage(raw)
}

func appendRow(dst []byte, columns []string, values []any) []byte {
	dst = append(dst, '{')
	for i, column := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(append(wire.AppendQuote(dst, column), ':'), values[i])
	}
	return append(dst, '}')
}

// appendValue appends a value of a database as JSON: times as RFC 3339 says, bytes in base64, and as text what JSON has no numbers for.
func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return fmt.Append(dst, v)
	case int64:
		return wire.AppendInt(dst, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Appendf(dst, "%q", fmt.Sprint(v))
		}
		return appendJSON(dst, v)
	case string:
		return wire.AppendQuote(dst, strings.ToValidUTF8(v, "\uFFFD"))
	case time.Time:
		return appendJSON(dst, v.Format(time.RFC3339Nano))
	case []byte, json.RawMessage:
		return appendJSON(dst, v)
	}
	return wire.AppendQuote(dst, fmt.Sprint(value))
}
