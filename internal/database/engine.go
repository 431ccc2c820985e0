package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A sqliteEngine reads a SQLite file.
type sqliteEngine struct {
	db       *sql.DB
	maxBytes int
}

// openSQLite opens a file that must be there. It is opened for reading only, so that nothing at all can change it, and with query_only, so
// that nothing else can be changed either.
func openSQLite(ctx context.Context, path string, maxBytes int) (engine, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w; name a SQLite file that is there", err)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"query_only(1)", "trusted_schema(0)", "busy_timeout(1500)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConnections)
	if _, err := db.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &sqliteEngine{db, maxBytes}, nil
}

func (e *sqliteEngine) close() error { return e.db.Close() }

func (e *sqliteEngine) query(ctx context.Context, text string, args []any, take func(*sql.Rows) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the others
	for limit, most := range map[int]int{
		sqlite3.SQLITE_LIMIT_ATTACHED: 0,                         // no other file
		sqlite3.SQLITE_LIMIT_LENGTH:   max(e.maxBytes/4, 64<<10), // of one value: a row has several
		sqlite3.SQLITE_LIMIT_COLUMN:   256,
	} {
		if _, err := sqlite.Limit(conn, limit, most); err != nil {
			return err
		}
	}
	return read(ctx, conn, text, args, take)
}

// read runs a statement and hands its rows to take. When take has enough, the statement ends: its other rows are not waited for.
func read(ctx context.Context, from interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}, text string, args []any, take func(*sql.Rows) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := from.QueryContext(ctx, text, args...) //nolint:rowserrcheck // take does
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what went wrong, take has seen
	err = take(rows)
	cancel()
	return err
}

func (e *sqliteEngine) argument(value any) any { return value }

// refused tells what is wrong with a query; what is wrong with the file is for the log.
func (e *sqliteEngine) refused(err error) string {
	if told, ok := errors.AsType[*sqlite.Error](err); ok {
		switch told.Code() & 0xff {
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
			return told.Error()
		}
	}
	return ""
}

// A postgresEngine reads a PostgreSQL database.
type postgresEngine struct {
	db      *sql.DB
	timeout time.Duration
}

// openPostgres prepares the connections to a server, which need not run yet. A row that is larger than an answer may be ends the connection
// before it is held in memory.
func openPostgres(dsn string, maxBytes int, timeout time.Duration) (engine, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the dsn cannot be understood; write postgres://USER:PASSWORD@HOST:PORT/NAME") // the error may name the password
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // the server tells the types of parameters, and callers' queries are not kept
	c.RuntimeParams["default_transaction_read_only"] = "on"
	c.RuntimeParams["standard_conforming_strings"] = "on"
	c.RuntimeParams["application_name"] = "sumun"
	db := stdlib.OpenDB(*c, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		conn.PgConn().Frontend().SetMaxBodyLen(max(2*maxBytes, 1<<20))
		return nil
	}))
	db.SetMaxOpenConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &postgresEngine{db, timeout}, nil
}

func (e *postgresEngine) close() error { return e.db.Close() }

func (e *postgresEngine) query(ctx context.Context, text string, args []any, take func(*sql.Rows) error) error {
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has read
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", e.timeout.Milliseconds())); err != nil {
		return err
	}
	return read(ctx, tx, text, args, take)
}

// argument is the text of a value: the server reads it as the type that the query wants.
func (e *postgresEngine) argument(value any) any {
	if value == nil {
		return nil
	}
	return fmt.Sprint(value)
}

// refused tells what is wrong with a query; what is wrong with the server or the login is for the log.
func (e *postgresEngine) refused(err error) string {
	told, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	// Classes of errors of the connection, the login, resources, the operator and the system.
	if slices.Contains([]string{"08", "28", "3D", "53", "57", "58", "F0", "XX"}, told.Code[:min(2, len(told.Code))]) {
		return ""
	}
	return told.Message
}

func appendJSON(dst []byte, value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, raw...)
}
