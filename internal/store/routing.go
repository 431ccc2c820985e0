package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/route"
)

// keptRevisions is how many routing policies stay readable in the database, the newest among them.
const keptRevisions = 100

// Routing returns the newest routing policy, the zero value if there is none. It implements route.Store.
func (s *Store) Routing(ctx context.Context) (route.Revision, error) {
	var rev route.Revision
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT revision, policy, base, set_by, set_at FROM routing ORDER BY revision DESC LIMIT 1`).
		Scan(&rev.Number, &rev.Policy, &rev.Base, &rev.By, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return route.Revision{}, nil
	case err != nil:
		return route.Revision{}, fmt.Errorf("reading the routing policy: %w", err)
	}
	rev.At = time.UnixMilli(at).UTC()
	return rev, nil
}

// AddRouting adds a routing policy; the error is route.ErrTaken if another instance has added one of that number. It implements
// route.Store.
func (s *Store) AddRouting(ctx context.Context, rev *route.Revision) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx,
			`INSERT INTO routing (revision, policy, base, set_by, set_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			rev.Number, string(rev.Policy), rev.Base, rev.By, rev.At.UnixMilli())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, route.ErrTaken)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM routing WHERE revision <= $1`, rev.Number-keptRevisions)
		return err
	})
	if err != nil && !errors.Is(err, route.ErrTaken) {
		return fmt.Errorf("writing the routing policy: %w", err)
	}
	return err
}
