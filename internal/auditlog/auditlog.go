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

// A Sealed is a stored checkpoint.
type Sealed struct {
	// Size is how many records it is said to cover.
	Size int64
	// Note is the checkpoint with its signatures.
	Note []byte
}

// Checkpoints reads the stored checkpoints of a log.
type Checkpoints interface {
	// Checkpoints yields those of more than after records, the smallest log first.
	Checkpoints(ctx context.Context, after int64) iter.Seq2[Sealed, error]
	// NewestCheckpoint returns that of the largest log, nil if there is none.
	NewestCheckpoint(ctx context.Context) ([]byte, error)
	// Exchanges returns those that exchange the key of the log for another.
	Exchanges(ctx context.Context) ([][]byte, error)
}

// A Reader has what is stored of a log. Its methods may be called concurrently.
type Reader interface {
	Source
	Checkpoints
	// SealedRecords yields the records whose numbers are above seq, in their order, and
	// stops at the first error. Whoever writes need not wait for the loop to end.
	SealedRecords(ctx context.Context, seq int64) iter.Seq2[Record, error]
	// LastRecord returns the highest number of a record, 0 if there is none.
	LastRecord(ctx context.Context) (int64, error)
}
