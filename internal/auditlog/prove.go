package auditlog

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Prover proves of single records that they are in the log of a checkpoint
// (RFC 6962, section 2.1.1). It is not safe for concurrent use.
type Prover struct {
	// Checkpoint is the one that proofs lead to.
	Checkpoint Checkpoint
	// Signed is that checkpoint as it is stored, Exchanges are those by which the key of
	// the log became the one that has signed it.
	Signed    []byte
	Exchanges [][]byte
	hashes    *proofReader
}

// NewProver returns a prover to the newest checkpoint of a log, which one of its keys has
// signed.
func NewProver(ctx context.Context, from Reader, keys *Keys) (*Prover, error) {
	newest, err := from.NewestCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	if newest == nil {
		return nil, errors.New("the audit log has no checkpoint yet")
	}
	c, err := keys.Open(newest)
	if err != nil {
		return nil, fmt.Errorf("%w: the newest checkpoint: %w", ErrAltered, err)
	}
	exchanges, err := from.Exchanges(ctx)
	if err != nil {
		return nil, err
	}
	return &Prover{c, newest, exchanges, &proofReader{ctx, from, map[group][]tlog.Hash{}}}, nil
}

// Prove returns the hashes that lead from a record, which the checkpoint covers, to the
// root. It is ErrAltered where they do not.
func (p *Prover) Prove(r Record) ([]tlog.Hash, error) {
	proof, err := tlog.ProveRecord(p.Checkpoint.Size, r.Seq-1, p.hashes)
	if errors.Is(err, errMissing) {
		return nil, fmt.Errorf("%w: proving record %d: %w", ErrAltered, r.Seq, err)
	}
	if err != nil {
		return nil, fmt.Errorf("proving record %d: %w", r.Seq, err)
	}
	return proof, p.Checkpoint.Check(r.Seq, r.Body, proof)
}

// Check reports whether a body is that of a record in the checkpoint's log; it is
// ErrAltered if that is not proved.
func (c Checkpoint) Check(seq int64, body []byte, proof []tlog.Hash) error {
	if seq < 1 || seq > c.Size {
		return fmt.Errorf("%w: record %d is not among the %d that the checkpoint covers", ErrAltered, seq, c.Size)
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Root, seq-1, tlog.RecordHash(body)); err != nil {
		return fmt.Errorf("%w: record %d: %w", ErrAltered, seq, err)
	}
	return nil
}
