package resource

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	defaultMaxRows = 1_000
	// maxSQLBytes is the length of the longest query that a caller writes.
	maxSQLBytes = 16 << 10
	// maxConnections is how many queries one database answers at a time.
	maxConnections = 4
)

// A database answers queries and is never changed: its connection only reads, its transactions do, and its statements must begin as those
// that do.
type database struct {
	name     string
	engine   engine
	syntax   syntax
	queries  map[string]*statement
	raw      bool // callers may write queries
	maxRows  int
	maxBytes int
	timeout  time.Duration
	poll     time.Duration
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

// openDatabase opens the database of a resource.
func openDatabase(ctx context.Context, c config.Resource) (*database, error) {
	d := &database{
		name: c.Name, raw: c.RawSQL, queries: map[string]*statement{}, maxRows: cmp.Or(c.MaxRows, defaultMaxRows),
		maxBytes: cmp.Or(int(c.MaxBytes), defaultMaxBytes), timeout: cmp.Or(c.Timeout, defaultTimeout), poll: cmp.Or(c.Poll, defaultPoll),
	}
	path, isSQLite := strings.CutPrefix(c.DSN, "sqlite:")
	d.syntax = postgresSyntax
	if isSQLite {
		d.syntax = sqliteSyntax
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Queries)) {
		q, err := parseStatement(c.Queries[name], d.syntax)
		if err != nil {
			faults = append(faults, fmt.Errorf("the query %q of the database %q: %w", name, c.Name, err))
		}
		d.queries[name] = q
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	var err error
	if isSQLite {
		d.engine, err = openSQLite(ctx, path, d.maxBytes)
	} else {
		d.engine, err = openPostgres(c.DSN, d.maxBytes, d.timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the database %q: %w", c.Name, err)
	}
	return d, nil
}

// A question is one query with its values.
type question struct {
	database *database
	name     string // of the query; empty for one that the caller wrote
	sql      *statement
	text     string // of a query that the caller wrote
	values   map[string]any
}

// uri is the only URI of a question.
func (q *question) uri() string {
	if q.name == "" {
		return namedDatabase + "?database=" + q.database.name + "&sql=" + escapeQuery(q.text)
	}
	var out strings.Builder
	out.WriteString(databasePrefix + q.database.name + "/" + q.name)
	mark := byte('?')
	for _, name := range q.sql.params {
		out.WriteByte(mark)
		out.WriteString(name + "=" + escapeQuery(fmt.Sprint(q.values[name])))
		mark = '&'
	}
	return out.String()
}

// escapeQuery percent-encodes a value as the expansion of {?name} does (RFC 6570 section 3.2.8).
func escapeQuery(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// An outcome is what a query answers.
type outcome struct {
	Columns   []string     `json:"columns"`
	Rows      []rawMessage `json:"rows"`
	Truncated bool         `json:"truncated,omitempty"`

	size int
}

// A rawMessage is JSON that is not looked at again.
type rawMessage []byte

// MarshalJSON returns it.
func (m rawMessage) MarshalJSON() ([]byte, error) { return m, nil }

// run answers a question.
func (q *question) run(ctx context.Context) (*outcome, error) {
	d := q.database
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	args := make([]any, 0, len(q.sql.params))
	for _, name := range q.sql.params {
		args = append(args, d.engine.argument(q.values[name]))
	}
	out := &outcome{Rows: []rawMessage{}, Columns: []string{}}
	err := d.engine.query(ctx, q.sql.text, args, func(rows *sql.Rows) error { return out.take(rows, d) })
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, refusal(fmt.Sprintf("the query took longer than %v; ask for less", d.timeout))
	}
	if err != nil {
		if told := d.engine.refused(err); told != "" {
			return nil, refusal("the database says: " + told)
		}
		return nil, err
	}
	return out, nil
}

// take reads the rows that fit.
func (o *outcome) take(rows *sql.Rows, d *database) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	o.Columns = distinct(names)
	values := make([]any, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if len(o.Rows) == d.maxRows {
			o.Truncated = true
			return nil
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := appendRow(nil, o.Columns, values)
		if o.size += len(row); o.size > d.maxBytes {
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
	case []byte:
		return appendJSON(dst, v)
	}
	return wire.AppendQuote(dst, fmt.Sprint(value))
}
