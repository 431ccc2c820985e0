// Package store keeps the gate's state in a database. It implements the
// interfaces that the rooms below declare.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store is the gate's database. Its methods may be called concurrently.
type Store struct {
	// db has one connection: SQLite has one writer at a time, and a second one
	// would only wait in another place.
	db *sql.DB
	// inserts write audit records, those that write the most first.
	inserts []insert
	// tree is that over the audit records, as far as this instance knows; nil while it
	// is being appended to. Another instance may have appended since.
	tree atomic.Pointer[auditlog.Tree]
	// synced says that audit records are stored for good, power failures included.
	synced atomic.Bool
}

// pragmas set up a connection: a write-ahead log, so that a crash of the process
// leaves what was committed, and readers do not wait. Another's lock is waited for
// 1.5 seconds, within the time that the audit gives a try.
var pragmas = []string{"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(1500)", "foreign_keys(1)"}

// migrating is how long bringing the tables up to date is tried again.
const migrating = 3 * time.Second

// Open opens the SQLite database at path, makes it and its directory where there
// is none, and brings its tables up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the store: %w", err)
	}
	if err := claim(path); err != nil {
		return nil, err
	}
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db}
	err = s.migrate(ctx)
	if err == nil {
		err = s.prepareInserts(ctx)
	}
	if err == nil {
		err = s.growTree(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store %s: %w", path, err), s.Close())
	}
	return s, nil
}

// claim makes the file, where there is none, one that only its owner can read.
// SQLite gives its other files the same mode.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the file that the configuration names
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("making the store: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, files)
	if err != nil {
		return err
	}
	// Of instances that start at once, one makes a table, and the others fail at it
	// and find it at a later try.
	again := time.NewTicker(migrating / 100)
	defer again.Stop()
	over := time.Now().Add(migrating)
	for {
		_, err := provider.Up(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(over) {
			return fmt.Errorf("bringing its tables up to date: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
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

// inTx does something in one transaction: all of it, or nothing. When ctx ends
// before it is committed, nothing is done.
func (s *Store) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	return inTx(ctx, s.db, do)
}

// A beginner begins transactions: the database, or one connection.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// inTx is [Store.inTx] with what begins the transaction.
func inTx(ctx context.Context, db beginner, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err = do(tx); err != nil {
		if back := tx.Rollback(); !errors.Is(back, sql.ErrTxDone) {
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
