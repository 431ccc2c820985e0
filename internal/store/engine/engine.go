// Package engine is the part of the store that knows the databases: SQLite, and PostgreSQL for several instances. It opens them, brings
// their tables up to date (migrations), and has those who write take turns, among all instances. One SQL text serves both; what differs
// stands in sqlite.go and postgres.go.
package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// A DB is an open database whose tables are up to date. Its methods may be called concurrently.
type DB struct {
	*sql.DB

	// Name is how errors call the database: without a password.
	Name string
	// Numbered says that a statement cannot have parameters without a number.
	Numbered bool
	// Durable says that the end of a transaction waits for the disk anyway.
	Durable bool
	// Batches are how many rows one statement should write, the most first.
	Batches []int

	// turns are taken by what writes, so that what waits for its turn holds no connection.
	turns [writers]chan struct{}
	// dialect is how its migrations are noted; options are further ones of goose.
	dialect database.Dialect
	options []goose.ProviderOption
	// words are the words of migrations for which the engine has others: pairs, as strings.NewReplacer takes them.
	words []string
	// tx is how transactions begin.
	tx *sql.TxOptions
	// lock makes a transaction of a writer the only one of its kind, until it ends.
	lock func(ctx context.Context, tx *sql.Tx, w Writer) error
	// statements returns the context of the statements of a transaction with that context.
	statements func(ctx context.Context) context.Context
	// patience is how long a transaction may take.
	patience time.Duration
	// passing reports whether an error of bringing the tables up to date may be over at the next try.
	passing func(err error) bool
	// explain adds what to do to an error of opening.
	explain func(err error) error
}

// Open opens the database at an address, sqlite:PATH or postgres://…, and brings its tables up to date. A SQLite file and its directory
// are made where there are none; an address of neither kind is the path of one. Errors say what to do, and never name a password.
func Open(ctx context.Context, address string) (*DB, error) {
	open := openSQLite
	if isPostgres(address) {
		open = openPostgres
	}
	d, err := open(strings.TrimPrefix(address, "sqlite:"))
	if err != nil {
		return nil, err
	}
	for i := range d.turns {
		d.turns[i] = make(chan struct{}, 1)
	}
	if err = d.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", d.Name, d.explain(err)), d.Close())
	}
	return d, nil
}

// Explain adds what to do to an error of the database.
func (d *DB) Explain(err error) error { return d.explain(err) }

// Statements returns the context of the statements of a transaction with that context.
func (d *DB) Statements(ctx context.Context) context.Context { return d.statements(ctx) }

// A Writer is one of those that write one at a time, among all instances.
type Writer int32

const (
	// AnyWriter is whoever has no name of its own.
	AnyWriter Writer = iota
	// AuditWriter numbers the audit records.
	AuditWriter
	writers
)

// InTx does something in one transaction: all of it, or nothing. When ctx ends
// before it is committed, nothing is done.
func (d *DB) InTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	return d.Alone(ctx, AnyWriter, do)
}

// A Beginner begins transactions: the database, or one connection.
type Beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// Alone does something in one transaction, as InTx does, while no other transaction of
// that writer is under way, at any instance.
func (d *DB) Alone(ctx context.Context, w Writer, do func(tx *sql.Tx) error) error {
	ctx, done, err := d.Turn(ctx, w)
	if err != nil {
		return err
	}
	defer done()
	return d.InTurn(ctx, w, d, do)
}

// Turn waits for the turn of a writer, which done ends. The context is that of the
// transaction. Who has no turn may have no connection either: whoever has it may need one.
func (d *DB) Turn(ctx context.Context, w Writer) (in context.Context, done func(), err error) {
	in, cancel := context.WithTimeout(ctx, d.patience)
	select {
	case d.turns[w] <- struct{}{}:
		return in, func() { <-d.turns[w]; cancel() }, nil
	case <-in.Done():
		cancel()
		return nil, nil, fmt.Errorf("waiting for those who write before: %w", in.Err())
	}
}

// InTurn does something in one transaction of the writer whose turn it is.
func (d *DB) InTurn(ctx context.Context, w Writer, db Beginner, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, d.tx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err = d.lock(ctx, tx, w); err == nil {
		err = do(tx)
	}
	if err != nil {
		if back := tx.Rollback(); !isOver(back) {
			err = errors.Join(err, back)
		}
	} else if err = tx.Commit(); err != nil {
		err = fmt.Errorf("committing: %w", err)
	}
	if errors.Is(err, sql.ErrTxDone) { // the end of ctx has rolled it back
		return fmt.Errorf("a transaction did not end in time: %w", ctx.Err())
	}
	return err
}

// isOver reports whether an error of rolling back says that there is nothing to roll
// back any more: the end of the context has done so, or the connection is gone.
func isOver(err error) bool {
	return err == nil || errors.Is(err, sql.ErrTxDone) || errors.Is(err, driver.ErrBadConn)
}
