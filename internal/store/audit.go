package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// An insert writes so many audit records at once: where many wait, a statement for
// each would cost more than what it writes.
type insert struct {
	rows int
	stmt *sql.Stmt
}

// columns is how many columns an audit record has.
const columns = 6

// insertText is a statement that writes so many records. Its parameters are numbered only where they have to be: SQLite
// looks up the name of each.
func insertText(rows int, numbered bool) string {
	text := []byte(`INSERT INTO audit_record (seq, body, salt, arguments, result, leaf) VALUES `)
	for i := range rows * columns {
		switch {
		case i == 0:
			text = append(text, '(')
		case i%columns == 0:
			text = append(text, "), ("...)
		default:
			text = append(text, ", "...)
		}
		if numbered {
			text = strconv.AppendInt(append(text, '$'), int64(i+1), 10)
		} else {
			text = append(text, '?')
		}
	}
	return string(append(text, ')'))
}

// prepareInserts prepares what AppendRecords writes with.
func (s *Store) prepareInserts(ctx context.Context) error {
	for _, rows := range s.db.Batches {
		stmt, err := s.db.PrepareContext(ctx, insertText(rows, s.db.Numbered))
		if err != nil {
			return fmt.Errorf("preparing audit records: %w", err)
		}
		s.inserts = append(s.inserts, insert{rows, stmt})
	}
	return nil
}

// AppendRecords numbers and stores audit records, all or none, and appends them to
// the tree over them. No other transaction numbers records meanwhile, so that no number
// is given twice and none is left out; it is rolled back when ctx ends before it does.
// Rows whose commit was not answered can be given again, like any others: they are
// stored once. What is stored survives a crash of the process; a power failure too
// where the store is durable (see [Store.SyncRecords]).
func (s *Store) AppendRecords(ctx context.Context, rows []audit.Row) error {
	var stored []*doubt
	var open *doubt
	err := s.inLog(ctx, s.synced.Load(), func(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree) error {
		rest, already, err := s.settle(ctx, tx, rows)
		if err != nil {
			return err
		}
		first := tree.Size() + 1
		if err := s.appendRows(ctx, tx, tree, rest); err != nil {
			return err
		}
		stored, open = already, newDoubt(first, rest)
		return nil
	})
	switch {
	case err == nil:
		s.doubts.drop(stored...)
	case open != nil: // everything was done but the commit
		s.doubts.add(open)
	}
	return err
}

// appendRows appends rows to the tree and writes them.
func (s *Store) appendRows(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree, rows []audit.Row) error {
	last, leaves := tree.Size(), hashes(rows)
	if err := appendLeaves(ctx, tx, tree, leaves); err != nil {
		return err
	}
	return s.insertRecords(ctx, tx, last, rows, leaves)
}

// insertRecords writes the rows with the numbers after last.
func (s *Store) insertRecords(ctx context.Context, tx *sql.Tx, last int64, rows []audit.Row, leaves []tlog.Hash) error {
	for _, in := range s.inserts {
		n := len(rows) - len(rows)%in.rows
		if err := in.write(ctx, tx, last, rows[:n], leaves[:n]); err != nil {
			return err
		}
		last, rows, leaves = last+int64(n), rows[n:], leaves[n:]
	}
	return nil
}

// write writes the rows, which are a multiple of those that it writes at once,
// with the numbers after last.
func (in insert) write(ctx context.Context, tx *sql.Tx, last int64, rows []audit.Row, leaves []tlog.Hash) error {
	if len(rows) == 0 {
		return nil
	}
	stmt := tx.StmtContext(ctx, in.stmt)
	defer func() { _ = stmt.Close() }() // the transaction's share in it; the statement stays
	args := make([]any, 0, columns*in.rows)
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
		for r, err := range s.SealedRecords(ctx, seq) {
			if !yield(audit.Row{Seq: r.Seq, Body: r.Body, Salt: r.Salt, Arguments: r.Arguments, Result: r.Result}, err) {
				return
			}
		}
	}
}
