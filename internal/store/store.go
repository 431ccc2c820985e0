// Package store keeps the gate's state in a database: SQLite, or PostgreSQL for several
// instances. It implements the interfaces that the rooms below declare. One SQL text
// serves both engines; what differs between them stands in engine.go, sqlite.go and
// postgres.go.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

// A Store is the gate's database. Its methods may be called concurrently.
type Store struct {
	db *engine.DB
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
	db, err := engine.Open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s := &Store{db: db}
	err = s.prepareInserts(ctx)
	if err == nil {
		err = s.growTree(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store: %s: %w", db.Name, db.Explain(err)), s.Close())
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
