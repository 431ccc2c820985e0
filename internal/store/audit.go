package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// Statements that write so many records: where many wait, a statement for each
// would cost more than what it writes.
const (
	insert1  = `INSERT INTO audit_record (seq, body, salt, arguments, result, leaf) VALUES (?, ?, ?, ?, ?, ?)`
	and1     = `, (?, ?, ?, ?, ?, ?)`
	and7     = and1 + and1 + and1 + and1 + and1 + and1 + and1
	insert8  = insert1 + and7
	insert32 = insert8 + and7 + and7 + and7 + and1 + and1 + and1
)

// An insert writes so many audit records at once.
type insert struct {
	rows int
	stmt *sql.Stmt
}

// prepareInserts prepares what AppendRecords writes with.
func (s *Store) prepareInserts(ctx context.Context) error {
	for _, in := range [...]struct {
		rows  int
		query string
	}{{32, insert32}, {8, insert8}, {1, insert1}} {
		stmt, err := s.db.PrepareContext(ctx, in.query)
		if err != nil {
			return fmt.Errorf("preparing audit records: %w", err)
		}
		s.inserts = append(s.inserts, insert{in.rows, stmt})
	}
	return nil
}

// AppendRecords numbers and stores audit records, all or none, and appends them to
// the tree over them. The transaction holds the database for writing from its start, so
// that no number is given twice; it is rolled back when ctx ends before it does. What
// is stored survives a crash of the process; a power failure too where the store is
// durable (see [Store.SyncRecords]).
func (s *Store) AppendRecords(ctx context.Context, rows []audit.Row) error {
	return s.inLog(ctx, s.synced.Load(), func(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree) error {
		last := tree.Size()
		leaves := hashes(rows)
		if err := appendLeaves(ctx, tx, tree, leaves); err != nil {
			return err
		}
		for _, in := range s.inserts {
			n := len(rows) - len(rows)%in.rows
			if err := in.write(ctx, tx, last, rows[:n], leaves[:n]); err != nil {
				return err
			}
			last, rows, leaves = last+int64(n), rows[n:], leaves[n:]
		}
		return nil
	})
}

// write writes the rows, which are a multiple of those that it writes at once,
// with the numbers after last.
func (in insert) write(ctx context.Context, tx *sql.Tx, last int64, rows []audit.Row, leaves []tlog.Hash) error {
	if len(rows) == 0 {
		return nil
	}
	stmt := tx.StmtContext(ctx, in.stmt)
	defer func() { _ = stmt.Close() }() // the transaction's share in it; the statement stays
	args := make([]any, 0, 6*in.rows)
	for some := range slices.Chunk(rows, in.rows) {
		args = args[:0]
		for i := range some {
			r := &some[i]
			last++
			args = append(args, last, string(r.Body), r.Salt, text(r.Arguments), text(r.Result), leaves[i][:])
		}
		leaves = leaves[len(some):]
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return fmt.Errorf("writing the audit records up to %d: %w", last, err)
		}
	}
	return nil
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
