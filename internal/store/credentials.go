package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/credential"
)

// Credential returns a record. It implements credential.Store.
func (s *Store) Credential(ctx context.Context, key credential.Key) (credential.Record, error) {
	r := credential.Record{Key: key}
	var ends int64
	err := s.db.QueryRowContext(ctx, `SELECT sealed, revision, ends FROM credential WHERE kind = $1 AND owner = $2 AND server = $3`,
		key.Kind, key.Owner, key.Of).Scan(&r.Sealed, &r.Revision, &ends)
	if errors.Is(err, sql.ErrNoRows) {
		return credential.Record{Key: key}, credential.ErrNone
	}
	if err != nil {
		return credential.Record{Key: key}, fmt.Errorf("reading a credential: %w", err)
	}
	r.Ends = fromMillis(ends)
	return r, nil
}

// PutCredential stores a record in place of the one of its revision, and takes away those that have ended. It implements credential.Store.
func (s *Store) PutCredential(ctx context.Context, r credential.Record) (int64, error) {
	// Two records of one key, one after the other, must not have one revision, or the first would be taken for the second.
	next := max(time.Now().UnixNano(), r.Revision+1)
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM credential WHERE ends > 0 AND ends <= $1`, millis(time.Now())); err != nil {
			return err
		}
		query := `INSERT INTO credential (kind, owner, server, sealed, revision, ends, turn)
			SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), 0 WHERE CAST($7 AS BIGINT) = 0 ON CONFLICT DO NOTHING`
		if r.Revision != 0 {
			query = `UPDATE credential SET sealed = $4, revision = $5, ends = $6, turn = 0 WHERE kind = $1 AND owner = $2 AND server = $3 AND revision = $7`
		}
		done, err := tx.ExecContext(ctx, query, r.Key.Kind, r.Key.Owner, r.Key.Of, r.Sealed, next, millis(r.Ends), r.Revision)
		return changed(done, err)
	})
	if err != nil {
		return 0, fmt.Errorf("storing a credential: %w", err)
	}
	return next, nil
}

// changed returns credential.ErrChanged if a statement has found nothing to change.
func changed(done sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, credential.ErrChanged)
	}
	return nil
}

// DropCredential deletes a record. It implements credential.Store.
func (s *Store) DropCredential(ctx context.Context, r credential.Record) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx,
			`DELETE FROM credential WHERE kind = $1 AND owner = $2 AND server = $3 AND (revision = $4 OR CAST($4 AS BIGINT) = 0)`,
			r.Key.Kind, r.Key.Owner, r.Key.Of, r.Revision)
		if err = changed(done, err); r.Revision == 0 && errors.Is(err, credential.ErrChanged) {
			return nil // it was not there
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting a credential: %w", err)
	}
	return nil
}

// TurnCredential takes the turn to change a record, or gives it back. It implements credential.Store.
func (s *Store) TurnCredential(ctx context.Context, r credential.Record, until time.Time) (bool, error) {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE credential SET turn = $5
			WHERE kind = $1 AND owner = $2 AND server = $3 AND revision = $4 AND (turn < $6 OR CAST($5 AS BIGINT) = 0)`,
			r.Key.Kind, r.Key.Owner, r.Key.Of, r.Revision, millis(until), millis(time.Now()))
		return changed(done, err)
	})
	if err != nil && !errors.Is(err, credential.ErrChanged) {
		return false, fmt.Errorf("taking the turn to renew a credential: %w", err)
	}
	return err == nil, nil
}

// LatestCredential returns the owner of the record that was changed last. It implements credential.Store.
func (s *Store) LatestCredential(ctx context.Context, kind, of string) (string, error) {
	var owner string
	err := s.db.QueryRowContext(ctx, `SELECT owner FROM credential WHERE kind = $1 AND server = $2 ORDER BY revision DESC LIMIT 1`, kind, of).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", credential.ErrNone
	}
	if err != nil {
		return "", fmt.Errorf("looking for a credential: %w", err)
	}
	return owner, nil
}
