// Package store keeps the gate's state in a database: SQLite, or PostgreSQL for several
// instances. It implements the interfaces that the rooms below declare. One SQL text
// serves both engines; what differs between them stands in engine.go, sqlite.go and
// postgres.go.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// A Store is the gate's database. Its methods may be called concurrently.
type Store struct {
	db     *sql.DB
	engine *engine
	// turns are taken by what writes, so that what waits for its turn holds no connection.
	turns [writers]chan struct{}
	// inserts write audit records, those that write the most first.
	inserts []insert
	// doubts are about audit records that may be stored.
	doubts doubts
	// tree is that over the audit records, as far as this instance knows; nil while it
	// is being appended to. Another instance may have appended since.
	tree atomic.Pointer[auditlog.Tree]
	// synced says that audit records are stored for good, power failures included.
	synced atomic.Bool
}

// Open opens the database at an address, sqlite:PATH or postgres://…, and brings its
// tables up to date. A SQLite file and its directory are made where there are none; an
// address of neither kind is the path of one. Errors say what to do, and never name
// a password.
func Open(ctx context.Context, address string) (*Store, error) {
	open := openSQLite
	if isPostgres(address) {
		open = openPostgres
	}
	e, err := open(strings.TrimPrefix(address, "sqlite:"))
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s := &Store{db: e.db, engine: e}
	for i := range s.turns {
		s.turns[i] = make(chan struct{}, 1)
	}
	err = s.migrate(ctx)
	if err == nil {
		err = s.prepareInserts(ctx)
	}
	if err == nil {
		err = s.growTree(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store %s: %w", e.name, e.explain(err)), s.Close())
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, in := range s.inserts {
		errs = append(errs, in.stmt.Close())
	}
	if err := errors.Join(append(errs, s.db.Close())...); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// A writer is one of those that write one at a time, among all instances.
type writer int32

const (
	// anyWriter is whoever has no name of its own.
	anyWriter writer = iota
	// auditWriter numbers the audit records.
	auditWriter
	writers
)

// inTx does something in one transaction: all of it, or nothing. When ctx ends
// before it is committed, nothing is done.
func (s *Store) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	return s.alone(ctx, anyWriter, do)
}

// A beginner begins transactions: the database, or one connection.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// alone does something in one transaction, as inTx does, while no other transaction of
// that writer is under way, at any instance.
func (s *Store) alone(ctx context.Context, w writer, do func(tx *sql.Tx) error) error {
	ctx, done, err := s.turn(ctx, w)
	if err != nil {
		return err
	}
	defer done()
	return s.inTurn(ctx, w, s.db, do)
}

// turn waits for the turn of a writer, which done ends. The context is that of the
// transaction. Who has no turn may have no connection either: whoever has it may need one.
func (s *Store) turn(ctx context.Context, w writer) (in context.Context, done func(), err error) {
	in, cancel := context.WithTimeout(ctx, s.engine.patience)
	select {
	case s.turns[w] <- struct{}{}:
		return in, func() { <-s.turns[w]; cancel() }, nil
	case <-in.Done():
		cancel()
		return nil, nil, fmt.Errorf("waiting for those who write before: %w", in.Err())
	}
}

// inTurn does something in one transaction of the writer whose turn it is.
func (s *Store) inTurn(ctx context.Context, w writer, db beginner, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, s.engine.tx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err = s.engine.lock(ctx, tx, w); err == nil {
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
