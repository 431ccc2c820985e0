package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/session"
)

// A sealingKey is a row of sealing_key.
type sealingKey struct {
	id, starts int64
	key        []byte
}

// SealingKeys returns the keys that open what clients keep for us, the one that
// seals now first. It implements session.Keys: what fresh returns becomes the first
// key, or the next one when the newest is old; keys that have no token left go.
func (s *Store) SealingKeys(ctx context.Context, fresh func() []byte) ([][]byte, error) {
	var keys [][]byte
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		rows, err := sealingKeys(ctx, tx)
		if err != nil {
			return err
		}
		if next, due := nextKey(rows, now); due {
			// Of instances that do so at once, one is first; all read its key.
			if _, err := tx.ExecContext(ctx, `INSERT INTO sealing_key (id, key, starts) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
				next.id, fresh(), next.starts); err != nil {
				return err
			}
			if rows, err = sealingKeys(ctx, tx); err != nil {
				return err
			}
		}
		seals := sealsNow(rows, now)
		if rows, err = dropOld(ctx, tx, rows, now); err != nil {
			return err
		}
		keys = append(keys, seals.key)
		for _, k := range rows {
			if k.id != seals.id {
				keys = append(keys, k.key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the sealing keys: %w", err)
	}
	return keys, nil
}

// sealingKeys returns all keys, the newest first.
func sealingKeys(ctx context.Context, tx *sql.Tx) ([]sealingKey, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, key, starts FROM sealing_key ORDER BY id DESC`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // reading only
	var keys []sealingKey
	for rows.Next() {
		var k sealingKey
		if err := rows.Scan(&k.id, &k.key, &k.starts); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// nextKey returns the number and the start of the key to be made, if one is due.
func nextKey(keys []sealingKey, now time.Time) (sealingKey, bool) {
	if len(keys) == 0 {
		return sealingKey{id: 1, starts: now.Unix()}, true
	}
	next := sealingKey{id: keys[0].id + 1, starts: now.Add(session.KeyNotice).Unix()}
	return next, keys[0].starts <= now.Add(session.KeyNotice-session.KeyLife).Unix()
}

// sealsNow returns the newest key that has started. By a clock that is behind that
// of the instance which made the first key, none has.
func sealsNow(keys []sealingKey, now time.Time) sealingKey {
	for _, k := range keys {
		if k.starts <= now.Unix() {
			return k
		}
	}
	return keys[len(keys)-1]
}

// dropOld deletes the keys whose successors have sealed for so long that no token
// of theirs is good any more, and returns the others. The notice is added for
// instances that were late to learn of the successor.
func dropOld(ctx context.Context, tx *sql.Tx, keys []sealingKey, now time.Time) ([]sealingKey, error) {
	over := now.Add(-session.TokenLife - session.KeyNotice).Unix()
	i := slices.IndexFunc(keys, func(k sealingKey) bool { return k.starts <= over })
	if i < 0 || i+1 == len(keys) {
		return keys, nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM sealing_key WHERE id < $1`, keys[i].id)
	return keys[:i+1], err
}
