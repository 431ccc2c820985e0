package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/keyring"
)

// keyRows are the keys with their secrets and uses, a row for each secret, and one for a key without any.
const keyRows = `SELECT k.id, k.name, k.scopes, k.roles, k.created, k.expires, k.revoked,
		COALESCE(s.hash, ''), COALESCE(s.ends, 0), COALESCE(u.uses, 0), COALESCE(u.last, 0)
	FROM access_key k LEFT JOIN key_secret s ON s.owner = k.id LEFT JOIN key_use u ON u.owner = k.id `

// KeyChanges returns the keys that have changed since that revision. It implements keyring.Store.
func (s *Store) KeyChanges(ctx context.Context, since int64) (keyring.Changes, error) {
	var c keyring.Changes
	err := s.db.QueryRowContext(ctx, `SELECT revision FROM key_clock WHERE one = 1`).Scan(&c.Revision)
	switch {
	case err != nil:
		return c, fmt.Errorf("reading the revision of the keys: %w", err)
	case c.Revision == since:
		return c, nil
	case since == 0, c.Revision < since: // somebody has put an older database in its place
		c.All = true
		c.Keys, err = s.keys(ctx, s.db, `WHERE k.revoked = 0 ORDER BY k.id`)
	default: // those of a later revision may be among them; they are read again
		c.Keys, err = s.keys(ctx, s.db, `WHERE k.revision > $1 ORDER BY k.id`, since)
	}
	return c, err
}

// Keys returns all keys, those that are over among them, the oldest first.
func (s *Store) Keys(ctx context.Context) ([]keyring.Key, error) {
	return s.keys(ctx, s.db, `ORDER BY k.created, k.id`)
}

func (s *Store) keys(ctx context.Context, from querier, where string, args ...any) ([]keyring.Key, error) {
	rows, err := from.QueryContext(ctx, keyRows+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []keyring.Key
	for rows.Next() {
		k, err := scanKey(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a key: %w", err)
		}
		if n := len(all); n > 0 && all[n-1].ID == k.ID {
			all[n-1].Secrets = append(all[n-1].Secrets, k.Secrets...)
			continue
		}
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	return all, nil
}

func scanKey(rows *sql.Rows) (keyring.Key, error) {
	var k keyring.Key
	var scopes, roles, hash string
	var created, expires, revoked, ends, last int64
	err := rows.Scan(&k.ID, &k.Name, &scopes, &roles, &created, &expires, &revoked, &hash, &ends, &k.Uses, &last)
	if err != nil {
		return k, err
	}
	k.Created, k.Expires, k.Revoked, k.LastUsed = fromMillis(created), fromMillis(expires), fromMillis(revoked), fromMillis(last)
	if err := errors.Join(json.Unmarshal([]byte(scopes), &k.Scopes), json.Unmarshal([]byte(roles), &k.Roles)); err != nil {
		return k, fmt.Errorf("what %s was given: %w", k.Name, err)
	}
	if hash == "" {
		return k, nil
	}
	secret := keyring.Secret{Ends: fromMillis(ends)}
	if n, err := hex.Decode(secret.Hash[:], []byte(hash)); err != nil || n != len(secret.Hash) {
		return k, fmt.Errorf("a hash of %s is none", k.Name)
	}
	k.Secrets = []keyring.Secret{secret}
	return k, nil
}

// AddKey adds a key; the error is keyring.ErrTaken if one has its name, or had it.
func (s *Store) AddKey(ctx context.Context, k *keyring.Key) error {
	return s.changeKeys(ctx, "adding the key", func(tx *sql.Tx, revision int64) error {
		scopes, err := json.Marshal(notNil(k.Scopes))
		if err != nil {
			return err
		}
		roles, err := json.Marshal(notNil(k.Roles))
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO access_key (id, name, scopes, roles, created, expires, revoked, revision)
			VALUES ($1, $2, $3, $4, $5, $6, 0, $7) ON CONFLICT DO NOTHING`,
			k.ID, k.Name, string(scopes), string(roles), millis(k.Created), millis(k.Expires), revision)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, keyring.ErrTaken)
		}
		return addSecret(ctx, tx, k.ID, k.Secrets[0])
	})
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func addSecret(ctx context.Context, tx *sql.Tx, owner string, one keyring.Secret) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO key_secret (hash, owner, ends) VALUES ($1, $2, $3)`,
		hex.EncodeToString(one.Hash[:]), owner, millis(one.Ends))
	return err
}

// RotateKey gives the key of that name or id a new secret, which mint returns the hash of for its id, and ends the others at that
// time, unless they end before. A time that is not zero becomes the end of the key. The key as it is then is returned; the error is
// keyring.ErrUnknown or keyring.ErrOver if there is nothing to rotate.
func (s *Store) RotateKey(ctx context.Context, ref string, until, expires time.Time, mint func(id string) [32]byte) (keyring.Key, error) {
	return s.changeKey(ctx, "rotating the key", ref, func(tx *sql.Tx, k *keyring.Key, revision int64) error {
		if expires.IsZero() && k.Over(time.Now()) {
			return keyring.ErrOver
		}
		_, err := tx.ExecContext(ctx, `UPDATE key_secret SET ends = $2 WHERE owner = $1 AND (ends = 0 OR ends > $2)`, k.ID, millis(until))
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM key_secret WHERE owner = $1 AND ends <= $2`, k.ID, millis(time.Now())); err != nil {
			return err
		}
		if err = addSecret(ctx, tx, k.ID, keyring.Secret{Hash: mint(k.ID)}); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE access_key SET revision = $2, expires = CASE WHEN CAST($3 AS BIGINT) = 0 THEN expires ELSE CAST($3 AS BIGINT) END WHERE id = $1`,
			k.ID, revision, millis(expires))
		return err
	})
}

// RevokeKey ends the key of that name or id, for good, and returns it; the error is keyring.ErrUnknown or keyring.ErrOver if there is
// nothing to end. A key that has expired is over already, but can be revoked all the same.
func (s *Store) RevokeKey(ctx context.Context, ref string) (keyring.Key, error) {
	return s.changeKey(ctx, "revoking the key", ref, func(tx *sql.Tx, k *keyring.Key, revision int64) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM key_secret WHERE owner = $1`, k.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE access_key SET revoked = $2, revision = $3 WHERE id = $1`, k.ID, millis(time.Now()), revision)
		return err
	})
}

// changeKey changes the key of that name or id, and returns it as it is then.
func (s *Store) changeKey(ctx context.Context, what, ref string, change func(tx *sql.Tx, k *keyring.Key, revision int64) error) (keyring.Key, error) {
	var after keyring.Key
	err := s.changeKeys(ctx, what, func(tx *sql.Tx, revision int64) error {
		// A name goes before an id, so that nobody is misled who knows names only.
		found, err := s.keys(ctx, tx, `WHERE k.name = $1 OR k.id = $1 ORDER BY CASE WHEN k.name = $1 THEN 0 ELSE 1 END, k.id`, ref)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return keyring.ErrUnknown
		case !found[0].Revoked.IsZero():
			return keyring.ErrOver
		}
		if err := change(tx, &found[0], revision); err != nil {
			return err
		}
		found, err = s.keys(ctx, tx, `WHERE k.id = $1`, found[0].ID)
		if err == nil {
			after = found[0]
		}
		return err
	})
	return after, err
}

// changeKeys makes a change of keys, with the revision that it makes. Of several at once, one waits for the other.
func (s *Store) changeKeys(ctx context.Context, what string, change func(tx *sql.Tx, revision int64) error) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		var revision int64
		err := tx.QueryRowContext(ctx, `UPDATE key_clock SET revision = revision + 1 WHERE one = 1 RETURNING revision`).Scan(&revision)
		if err != nil {
			return err
		}
		return change(tx, revision)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// UseKeys adds to the counts of uses. It implements keyring.Store.
func (s *Store) UseKeys(ctx context.Context, uses []keyring.Use) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		for _, u := range uses {
			_, err := tx.ExecContext(ctx, `INSERT INTO key_use (owner, uses, last)
				SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM access_key WHERE id = $1
				ON CONFLICT (owner) DO UPDATE SET uses = key_use.uses + excluded.uses,
					last = CASE WHEN excluded.last > key_use.last THEN excluded.last ELSE key_use.last END`,
				u.ID, u.Times, millis(u.Last))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the uses of keys: %w", err)
	}
	return nil
}
