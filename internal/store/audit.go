package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/sumun-mcp/sumun/internal/audit"
)

// AppendRecords numbers and stores audit records, all or none. The transaction
// holds the database for writing from its start, so that no number is given twice.
func (s *Store) AppendRecords(ctx context.Context, rows []audit.Row) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM audit_record`).Scan(&last); err != nil {
			return fmt.Errorf("reading the newest audit record: %w", err)
		}
		insert, err := tx.PrepareContext(ctx,
			`INSERT INTO audit_record (seq, body, salt, arguments, result) VALUES ($1, $2, $3, $4, $5)`)
		if err != nil {
			return fmt.Errorf("preparing audit records: %w", err)
		}
		defer func() { _ = insert.Close() }() // it ends with its transaction
		for i, r := range rows {
			seq := last + int64(i) + 1
			if _, err := insert.ExecContext(ctx, seq, string(r.Body), r.Salt, text(r.Arguments), text(r.Result)); err != nil {
				return fmt.Errorf("writing audit record %d: %w", seq, err)
			}
		}
		return nil
	})
}

// text is what is stored for bytes that may be absent.
func text(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return string(b)
}

// Records returns the audit records after number seq, in order. It stops at the
// first error.
func (s *Store) Records(ctx context.Context, seq int64) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		rows, err := s.db.QueryContext(ctx,
			`SELECT seq, body, salt, COALESCE(arguments, ''), COALESCE(result, '') FROM audit_record WHERE seq > $1 ORDER BY seq`, seq)
		if err != nil {
			yield(audit.Row{}, fmt.Errorf("reading audit records: %w", err))
			return
		}
		defer func() { _ = rows.Close() }() // reading only
		for rows.Next() {
			var r audit.Row
			if err := rows.Scan(&r.Seq, &r.Body, &r.Salt, &r.Arguments, &r.Result); err != nil {
				yield(audit.Row{}, fmt.Errorf("reading an audit record: %w", err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(audit.Row{}, fmt.Errorf("reading audit records: %w", err))
		}
	}
}
