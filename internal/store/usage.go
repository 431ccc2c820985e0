package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/usage"
)

// keptUsage is how long it is known that something was used or offered.
const keptUsage = 400 * 24 * time.Hour

// AddUsage adds to the counts of what is used, and forgets what is very old. It implements usage.Store.
func (s *Store) AddUsage(ctx context.Context, rows []usage.Row) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b usage.Row) int { // in one order at all instances, so that none waits for another that waits for it
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		add, err := tx.PrepareContext(ctx, `INSERT INTO thing_use (caller, kind, name, server, own, first, last, uses) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (caller, kind, name) DO UPDATE SET uses = thing_use.uses + excluded.uses, server = excluded.server, own = excluded.own,
				last = CASE WHEN excluded.last > thing_use.last THEN excluded.last ELSE thing_use.last END`)
		if err != nil {
			return err
		}
		defer func() { _ = add.Close() }() // it ends with the transaction
		for i := range rows {
			r := &rows[i]
			if _, err := add.ExecContext(ctx, r.Caller, r.Kind, r.Name, r.Server, r.Own, millis(r.First), millis(r.Last), r.Uses); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM thing_use WHERE last < $1`, millis(time.Now().Add(-keptUsage)))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing what was used: %w", err)
	}
	return nil
}

// Usage returns what was used, and what is offered.
func (s *Store) Usage(ctx context.Context) ([]usage.Row, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT caller, kind, name, server, own, first, last, uses FROM thing_use ORDER BY caller, kind, name`)
	if err != nil {
		return nil, fmt.Errorf("reading what was used: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []usage.Row
	for rows.Next() {
		var r usage.Row
		var first, last int64
		if err := rows.Scan(&r.Caller, &r.Kind, &r.Name, &r.Server, &r.Own, &first, &last, &r.Uses); err != nil {
			return nil, fmt.Errorf("reading what was used: %w", err)
		}
		r.First, r.Last = fromMillis(first), fromMillis(last)
		all = append(all, r)
	}
	return all, rows.Err()
}
