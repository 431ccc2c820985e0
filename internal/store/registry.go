package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/registry"
)

// Registry returns the registry, unless nothing has changed since that time of its clock. It implements registry.Store.
func (s *Store) Registry(ctx context.Context, clock int64) (registry.Snapshot, bool, error) {
	var now registry.Snapshot
	err := s.db.QueryRowContext(ctx, `SELECT clock, revision FROM registry_clock WHERE one = 1`).Scan(&now.Clock, &now.Revision)
	if err == nil && now.Clock == clock {
		return now, false, nil
	}
	if err == nil {
		now.Entries, err = decoded[registry.Entry](ctx, s.db, `SELECT entry FROM registry_server ORDER BY id`)
	}
	if err == nil {
		now.Feeds, err = decoded[registry.Taken](ctx, s.db, `SELECT taken FROM registry_feed ORDER BY source`)
	}
	if err != nil {
		return now, false, fmt.Errorf("reading the registry: %w", err)
	}
	return now, true, nil // what a later change has brought is read again with that
}

// decoded reads a column of JSON objects.
func decoded[T any](ctx context.Context, from querier, query string, args ...any) ([]T, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []T
	for rows.Next() {
		var text string
		var one T
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// ChangeRegistry changes entries, all or none. Of several changes at once, one waits for the other. It implements registry.Store.
func (s *Store) ChangeRegistry(ctx context.Context, ids []string, change func(*registry.Change) error) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		c := registry.Change{Entries: map[string]*registry.Entry{}}
		clock, err := tick(ctx, tx, &c.Revision)
		if err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM registry_server`).Scan(&c.Count); err != nil {
			return err
		}
		for _, id := range ids {
			found, err := decoded[registry.Entry](ctx, tx, `SELECT entry FROM registry_server WHERE id = $1`, id)
			if err != nil {
				return err
			}
			if len(found) == 1 {
				c.Entries[id] = &found[0]
			}
		}
		if err := change(&c); err != nil {
			return err
		}
		return keepChange(ctx, tx, &c, clock)
	})
	if err != nil {
		return fmt.Errorf("changing the registry: %w", err)
	}
	return nil
}

// tick raises the clock, so that other changes wait for this one.
func tick(ctx context.Context, tx *sql.Tx, revision *int64) (clock int64, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE registry_clock SET clock = clock + 1 WHERE one = 1 RETURNING clock, revision`).Scan(&clock, revision)
	return clock, err
}

func keepChange(ctx context.Context, tx *sql.Tx, c *registry.Change, clock int64) error {
	for id, e := range c.Entries {
		if err := putEntry(ctx, tx, id, e); err != nil {
			return err
		}
	}
	for n := range c.Events {
		if err := putEvent(ctx, tx, &c.Events[n], clock, n); err != nil {
			return err
		}
	}
	if !c.Decided {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE registry_clock SET revision = revision + 1 WHERE one = 1`)
	return err
}

// putEntry writes an entry, or removes it.
func putEntry(ctx context.Context, tx *sql.Tx, id string, e *registry.Entry) error {
	if e == nil {
		_, err := tx.ExecContext(ctx, `DELETE FROM registry_event WHERE server = $1`, id)
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM registry_server WHERE id = $1`, id)
		}
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO registry_server (id, entry) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET entry = excluded.entry`, id, string(text))
	return err
}

// putEvent writes an event of a server that is there, and erases the oldest one of too many.
func putEvent(ctx context.Context, tx *sql.Tx, e *registry.Event, clock int64, n int) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO registry_event (server, clock, n, event)
		SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT) FROM registry_server WHERE id = $1`, e.ID, clock, n, string(text))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM registry_event WHERE server = $1 AND clock < COALESCE((SELECT clock FROM registry_event
		WHERE server = $1 ORDER BY clock DESC, n DESC LIMIT 1 OFFSET $2), 0)`, e.ID, registry.MaxHistory-1)
	return err
}

// RegistryHistory returns the events of a server, the newest first. It implements registry.Store.
func (s *Store) RegistryHistory(ctx context.Context, id string) ([]registry.Event, error) {
	all, err := decoded[registry.Event](ctx, s.db, `SELECT event FROM registry_event WHERE server = $1 ORDER BY clock DESC, n DESC LIMIT $2`, id, registry.MaxHistory)
	if err != nil {
		return nil, fmt.Errorf("reading the history of a server: %w", err)
	}
	return all, nil
}

// errSame ends a transaction that has nothing to write.
var errSame = errors.New("nothing has changed")

// PutFeed keeps a feed, if it follows those that are kept. It implements registry.Store.
func (s *Store) PutFeed(ctx context.Context, f *registry.Taken) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		var revision int64
		if _, err := tick(ctx, tx, &revision); err != nil {
			return err
		}
		before, err := decoded[registry.Taken](ctx, tx, `SELECT taken FROM registry_feed`)
		if err != nil {
			return err
		}
		same, err := f.Follows(before)
		switch {
		case err != nil:
			return err
		case same:
			return errSame
		}
		text, err := json.Marshal(f)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO registry_feed (source, taken) VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET taken = excluded.taken`,
			f.Source, string(text))
		return err
	})
	if err != nil && !errors.Is(err, errSame) {
		return fmt.Errorf("keeping the feed: %w", err)
	}
	return nil
}

// DropFeed forgets a feed. It implements registry.Store.
func (s *Store) DropFeed(ctx context.Context, source string) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		var revision int64
		if _, err := tick(ctx, tx, &revision); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `DELETE FROM registry_feed WHERE source = $1`, source)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, registry.ErrUnknown)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forgetting the feed: %w", err)
	}
	return nil
}
