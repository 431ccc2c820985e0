package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
	"modernc.org/sqlite"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

// SyncRecords makes AppendRecords return only once a power failure cannot take what
// was stored, or no longer.
func (s *Store) SyncRecords(yes bool) { s.synced.Store(yes) }

// inLog does something in one transaction that holds the database for writing, with
// the tree over the audit records as they are then. Where it is synced, its end waits
// for the disk.
func (s *Store) inLog(ctx context.Context, synced bool, do func(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree) error) error {
	var tree *auditlog.Tree
	err := s.inSyncedTx(ctx, synced, func(tx *sql.Tx) (err error) {
		// Beginning is what waits for others. What follows is watched as the engine needs it.
		ctx := s.db.Statements(ctx)
		// What was made of the tree is thrown away unless the transaction is committed.
		if tree, err = treeOf(ctx, tx, s.tree.Swap(nil)); err != nil {
			return err
		}
		return do(ctx, tx, tree)
	})
	if err == nil {
		s.tree.Store(tree)
	}
	return err
}

// inSyncedTx is InTx where it is not synced; else it waits for the disk at the end.
func (s *Store) inSyncedTx(ctx context.Context, synced bool, do func(tx *sql.Tx) error) (err error) {
	if !synced || s.db.Durable {
		return s.db.Alone(ctx, engine.AuditWriter, do)
	}
	ctx, done, err := s.db.Turn(ctx, engine.AuditWriter)
	if err != nil {
		return err
	}
	defer done()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, `PRAGMA synchronous=FULL`); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	err = s.db.InTurn(ctx, engine.AuditWriter, conn, do)
	_, back := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous=NORMAL`)
	return errors.Join(err, back)
}

// treeOf returns the tree over the audit records: the one that is known, unless
// another instance has appended to it.
func treeOf(ctx context.Context, tx *sql.Tx, known *auditlog.Tree) (*auditlog.Tree, error) {
	last, err := logReader{tx}.LastRecord(ctx)
	if err != nil {
		return nil, err
	}
	if known != nil && known.Size() == last {
		return known, nil
	}
	tree, err := auditlog.Load(ctx, logReader{tx}, last)
	if err != nil {
		return nil, fmt.Errorf("reading the tree over the audit records: %w", err)
	}
	return tree, nil
}

// hashes returns the leaves of rows.
func hashes(rows []audit.Row) []tlog.Hash {
	leaves := make([]tlog.Hash, len(rows))
	for i := range rows {
		leaves[i] = tlog.RecordHash(rows[i].Body)
	}
	return leaves
}

// appendLeaves appends to the tree and stores what that completes of it.
func appendLeaves(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree, leaves []tlog.Hash) error {
	for _, leaf := range leaves {
		for _, b := range tree.Append(leaf) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO audit_block (level, number, hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
				b.Level, b.Number, b.Hash[:]); err != nil {
				return fmt.Errorf("writing the tree over the audit records: %w", err)
			}
		}
	}
	return nil
}

// growTree builds the tree over records that were stored before there was one.
func (s *Store) growTree(ctx context.Context) error {
	for {
		last, err := s.LastRecord(ctx)
		if err != nil {
			return err
		}
		blocks, err := logReader{s.db}.countBlocks(ctx)
		if err != nil {
			return err
		}
		if blocks >= last>>8 {
			return nil
		}
		grown, err := s.growSome(ctx)
		if err != nil {
			return fmt.Errorf("building the tree over the audit records: %w", err)
		}
		if !grown {
			return nil // records are missing, as whoever verifies the log will see
		}
	}
}

// growSome builds the tree over some more records, and reports whether it did.
func (s *Store) growSome(ctx context.Context) (grown bool, err error) {
	const portion = 64 << 8
	err = s.db.Alone(ctx, engine.AuditWriter, func(tx *sql.Tx) error {
		blocks, err := logReader{tx}.countBlocks(ctx)
		if err != nil {
			return err
		}
		tree, err := auditlog.Load(ctx, logReader{tx}, blocks<<8)
		if err != nil {
			return err
		}
		leaves, err := logReader{tx}.Leaves(ctx, tree.Size(), portion)
		if err != nil {
			return err
		}
		grown = len(leaves) >= 1<<8
		return appendLeaves(ctx, tx, tree, leaves)
	})
	return grown, err
}

// Seal stores a checkpoint of the audit log as it is, after a record where one is given.
// It implements auditlog.Store.
func (s *Store) Seal(ctx context.Context, record []byte, checkpoint auditlog.Make) ([]byte, error) {
	var sealed []byte
	err := s.inLog(ctx, true, func(ctx context.Context, tx *sql.Tx, tree *auditlog.Tree) error {
		if record != nil {
			if err := s.appendRows(ctx, tx, tree, []audit.Row{{Body: record}}); err != nil {
				return err
			}
		}
		newest, err := logReader{tx}.NewestCheckpoint(ctx)
		if err != nil {
			return err
		}
		if sealed, err = checkpoint(tree.Size(), tree.Root(), newest); err != nil || bytes.Equal(sealed, newest) {
			return err
		}
		return insertCheckpoint(ctx, tx, sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("storing a checkpoint: %w", err)
	}
	return sealed, nil
}

func insertCheckpoint(ctx context.Context, tx *sql.Tx, sealed []byte) error {
	c, err := auditlog.Open(sealed)
	if err != nil {
		return err
	}
	exchange := 0
	if c.From != "" {
		exchange = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO audit_checkpoint (size, note, exchange) VALUES ($1, $2, $3)`, c.Size, string(sealed), exchange)
	return err
}

// Checkpoints yields the checkpoints of more than after records, the smallest log first,
// read in pages.
func (s *Store) Checkpoints(ctx context.Context, after int64) iter.Seq2[auditlog.Sealed, error] {
	return func(yield func(auditlog.Sealed, error) bool) {
		for {
			page, err := s.checkpointPage(ctx, after)
			for _, c := range page {
				after = c.Size
				if !yield(c, nil) {
					return
				}
			}
			if err != nil {
				yield(auditlog.Sealed{}, err)
			}
			if err != nil || len(page) == 0 {
				return
			}
		}
	}
}

// checkpointPage returns some checkpoints of more than after records.
func (s *Store) checkpointPage(ctx context.Context, after int64) ([]auditlog.Sealed, error) {
	return s.checkpoints(ctx, `WHERE size > $1 ORDER BY size LIMIT 1024`, after)
}

// checkpoints returns those of a choice.
func (s *Store) checkpoints(ctx context.Context, choice string, args ...any) ([]auditlog.Sealed, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT size, note FROM audit_checkpoint `+choice, args...)
	return scanAll(rows, err, "the checkpoints", func(c *auditlog.Sealed) error { return rows.Scan(&c.Size, &c.Note) })
}

// scanAll reads the rows of an answer, and ends it.
func scanAll[T any](rows *sql.Rows, err error, what string, scan func(v *T) error) (all []T, _ error) {
	if err == nil {
		defer func() { _ = rows.Close() }() // reading only
		for err == nil && rows.Next() {
			var v T
			if err = scan(&v); err == nil {
				all = append(all, v)
			}
		}
		err = cmp.Or(err, rows.Err())
	}
	if err != nil {
		return all, fmt.Errorf("reading %s: %w", what, err)
	}
	return all, nil
}

// NewestCheckpoint returns the checkpoint of the largest log, nil if there is none.
func (s *Store) NewestCheckpoint(ctx context.Context) ([]byte, error) {
	return logReader{s.db}.NewestCheckpoint(ctx)
}

// Exchanges returns the checkpoints that exchange the key of the log.
func (s *Store) Exchanges(ctx context.Context) ([][]byte, error) {
	sealed, err := s.checkpoints(ctx, `WHERE exchange <> 0 ORDER BY size`)
	all := make([][]byte, 0, len(sealed))
	for _, c := range sealed {
		all = append(all, c.Note)
	}
	return all, err
}

// LastRecord returns the highest number of an audit record, 0 if there is none.
func (s *Store) LastRecord(ctx context.Context) (int64, error) {
	return logReader{s.db}.LastRecord(ctx)
}

// Leaves returns the hashes of the records first+1 to first+n.
func (s *Store) Leaves(ctx context.Context, first int64, n int) ([]tlog.Hash, error) {
	return logReader{s.db}.Leaves(ctx, first, n)
}

// Blocks returns stored blocks of the tree.
func (s *Store) Blocks(ctx context.Context, level int, first int64, n int) ([]auditlog.Block, error) {
	return logReader{s.db}.Blocks(ctx, level, first, n)
}

// SealedRecords yields the audit records above seq in their order, read in pages so
// that neither this nor another instance waits to write meanwhile.
func (s *Store) SealedRecords(ctx context.Context, seq int64) iter.Seq2[auditlog.Record, error] {
	return func(yield func(auditlog.Record, error) bool) {
		for more := true; more; {
			var page []auditlog.Record
			var err error
			page, more, err = s.recordPage(ctx, seq)
			for _, r := range page {
				seq = r.Seq
				if !yield(r, nil) {
					return
				}
			}
			if err != nil {
				yield(auditlog.Record{}, err)
				return
			}
		}
	}
}

// recordPage returns some records above seq, and whether there may be more.
func (s *Store) recordPage(ctx context.Context, seq int64) (page []auditlog.Record, more bool, err error) {
	const records, size = 2048, 8 << 20
	rows, err := s.db.QueryContext(ctx, `SELECT seq, body, leaf, salt, arguments, result FROM audit_record WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, records)
	if err != nil {
		return nil, false, fmt.Errorf("reading audit records: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	for kept := 0; kept < size && rows.Next(); {
		var r auditlog.Record
		if err := rows.Scan(&r.Seq, &r.Body, &r.Leaf, &r.Salt, &r.Arguments, &r.Result); err != nil {
			return page, false, fmt.Errorf("reading the audit record after %d: %w", seq, err)
		}
		kept += len(r.Body) + len(r.Arguments) + len(r.Result)
		page, seq = append(page, r), r.Seq
	}
	if err := rows.Err(); err != nil {
		return page, false, fmt.Errorf("reading audit records after %d: %w", seq, err)
	}
	return page, len(page) > 0, nil
}

// ErasePayloads erases what stands beside the bodies of the records above after, up to
// seq, and returns of how many. The tree stays as it was.
func (s *Store) ErasePayloads(ctx context.Context, after, seq int64) (int64, error) {
	erased, err := s.db.ExecContext(ctx, `UPDATE audit_record SET salt = NULL, arguments = NULL, result = NULL
		WHERE seq > $1 AND seq <= $2 AND (salt IS NOT NULL OR arguments IS NOT NULL OR result IS NOT NULL)`, after, seq)
	if err != nil {
		return 0, fmt.Errorf("erasing payloads of audit records: %w", err)
	}
	return erased.RowsAffected()
}

// A querier asks the database, inside a transaction or outside.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A logReader reads the audit log.
type logReader struct{ querier }

// LastRecord returns the highest number of a record.
func (q logReader) LastRecord(ctx context.Context) (last int64, err error) {
	if err = q.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM audit_record`).Scan(&last); err != nil {
		return 0, fmt.Errorf("reading the newest audit record: %w", err)
	}
	return last, nil
}

// NewestCheckpoint returns the checkpoint of the largest log, nil if there is none.
func (q logReader) NewestCheckpoint(ctx context.Context) (newest []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&newest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("reading the newest checkpoint: %w", err)
	}
	return newest, nil
}

// countBlocks returns how many blocks of leaves there are.
func (q logReader) countBlocks(ctx context.Context) (n int64, err error) {
	if err = q.QueryRowContext(ctx, `SELECT COALESCE(MAX(number) + 1, 0) FROM audit_block WHERE level = 1`).Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the tree over the audit records: %w", err)
	}
	return n, nil
}

// Leaves implements auditlog.Source. It ends where a record is missing. Only records
// without a hash, which are older than the tree, are hashed again.
func (q logReader) Leaves(ctx context.Context, first int64, n int) ([]tlog.Hash, error) {
	rows, err := q.QueryContext(ctx, `SELECT seq, leaf, CASE WHEN leaf IS NULL THEN body END FROM audit_record
		WHERE seq > $1 AND seq <= $2 ORDER BY seq`, first, first+int64(n))
	if err != nil {
		return nil, fmt.Errorf("reading audit records: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	leaves := make([]tlog.Hash, 0, min(n, 1<<8))
	for rows.Next() {
		var seq int64
		var hash, body sql.RawBytes
		if err := rows.Scan(&seq, &hash, &body); err != nil {
			return nil, fmt.Errorf("reading an audit record: %w", err)
		}
		leaf := tlog.RecordHash(body)
		if hash != nil && copy(leaf[:], hash) != len(hash) || seq != first+int64(len(leaves))+1 {
			break
		}
		leaves = append(leaves, leaf)
	}
	return leaves, rows.Err()
}

// Blocks implements auditlog.Source.
func (q logReader) Blocks(ctx context.Context, level int, first int64, n int) ([]auditlog.Block, error) {
	rows, err := q.QueryContext(ctx, `SELECT number, hash FROM audit_block WHERE level = $1 AND number >= $2 ORDER BY number LIMIT $3`, level, first, n)
	return scanAll(rows, err, "the tree over the audit records", func(b *auditlog.Block) error {
		var hash []byte
		b.Level = level
		err := rows.Scan(&b.Number, &hash)
		copy(b.Hash[:], hash)
		return err
	})
}

// Corrupt reports whether an error of the store is that its file is no database, or
// not a whole one.
func Corrupt(err error) bool {
	const corrupt, noDatabase = 11, 26 // https://sqlite.org/rescode.html
	told, ok := errors.AsType[*sqlite.Error](err)
	return ok && (told.Code()&0xff == corrupt || told.Code()&0xff == noDatabase)
}
