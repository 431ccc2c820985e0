package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/sumun-mcp/sumun/internal/audit"
)

// insertSizes are how many records one statement writes, from the most on: where
// many wait, a statement for each would cost more than what it writes.
var insertSizes = [...]int{32, 8, 1}

// An insert writes so many audit records at once.
type insert struct {
	rows int
	stmt *sql.Stmt
}

// prepareInserts prepares what AppendRecords writes with.
func (s *Store) prepareInserts(ctx context.Context) error {
	for _, rows := range insertSizes {
		values := strings.Repeat(", (?, ?, ?, ?, ?)", rows)[len(", "):]
		stmt, err := s.db.PrepareContext(ctx, `INSERT INTO audit_record (seq, body, salt, arguments, result) VALUES `+values)
		if err != nil {
			return fmt.Errorf("preparing audit records: %w", err)
		}
		s.inserts = append(s.inserts, insert{rows, stmt})
	}
	return nil
}

// AppendRecords numbers and stores audit records, all or none. The transaction
// holds the database for writing from its start, so that no number is given twice.
func (s *Store) AppendRecords(ctx context.Context, rows []audit.Row) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM audit_record`).Scan(&last); err != nil {
			return fmt.Errorf("reading the newest audit record: %w", err)
		}
		var args []any
		for _, in := range s.inserts {
			stmt := tx.StmtContext(ctx, in.stmt) // which ends with its transaction
			for ; len(rows) >= in.rows; rows = rows[in.rows:] {
				args = args[:0]
				for _, r := range rows[:in.rows] {
					last++
					args = append(args, last, string(r.Body), r.Salt, text(r.Arguments), text(r.Result))
				}
				if _, err := stmt.ExecContext(ctx, args...); err != nil {
					return fmt.Errorf("writing the audit records up to %d: %w", last, err)
				}
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
