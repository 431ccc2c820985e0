// Package auditlog seals the audit record: an RFC 6962 tree over the bodies of the
// records, signed checkpoints of it, and what proves that neither a record nor the
// order of them was changed since.
//
// It knows bytes and numbers only. internal/audit makes the records, internal/store
// keeps them, the hashes of the tree and the checkpoints.
package auditlog

import (
	"context"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// A Record is one record of the log as it is stored.
type Record struct {
	// Seq numbers the records from 1 on, without a gap.
	Seq int64
	// Body is what the tree covers.
	Body []byte
	// Leaf is the hash of Body as it was when the record was written; empty for records
	// that are older than the tree. It proves nothing, but tells which record was changed.
	Leaf []byte
	// Salt, Arguments and Result stand beside the body and may have been erased.
	Salt, Arguments, Result []byte
}

// A Block is the root of 256 hashes of the level below: of 256 leaves on level 1, of
// 256 blocks of level 1 on level 2, and so on. Blocks of a level are numbered from 0.
type Block struct {
	Level  int
	Number int64
	Hash   tlog.Hash
}

// A Reader has what is stored of a log. Its methods may be called concurrently.
type Reader interface {
	// SealedRecords yields the records whose numbers are above seq, in their order, and
	// stops at the first error. Whoever writes need not wait for the loop to end.
	SealedRecords(ctx context.Context, seq int64) iter.Seq2[Record, error]
	// LastRecord returns the highest number of a record, 0 if there is none.
	LastRecord(ctx context.Context) (int64, error)
	// Leaves returns the hashes of the records first+1 to first+n; fewer where the log ends.
	Leaves(ctx context.Context, first int64, n int) ([]tlog.Hash, error)
	// Blocks returns the blocks of a level from a number on, n at most, in their order.
	Blocks(ctx context.Context, level int, first int64, n int) ([]Block, error)
	// Checkpoints returns all checkpoints, the smallest log first.
	Checkpoints(ctx context.Context) ([][]byte, error)
}
