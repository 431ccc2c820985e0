package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrAltered says that the stored log is not the one that a checkpoint was made of.
var ErrAltered = errors.New("the audit log was altered")

// unsigned is the origin of checkpoints that nobody signs.
const unsigned = "sumun-audit/unsigned"

// A Store keeps a log.
type Store interface {
	Reader
	// Seal stores a checkpoint of the log as it is, and returns once a power failure
	// cannot take it, nor any record that it covers. Where there is one of that size
	// already, it returns that. Of instances that share a store, one seals at a time.
	Seal(ctx context.Context, checkpoint func(size int64, root tlog.Hash) ([]byte, error)) ([]byte, error)
}

// A Sealer makes checkpoints of a log. Its methods may be called concurrently.
type Sealer struct {
	// Store keeps the log.
	Store Store
	// Key signs; nil for checkpoints without a signature.
	Key *Key
	// File is where the newest checkpoint is kept besides, so that it shows when the
	// store alone is set back.
	File string
}

// Seal makes a checkpoint of what is stored, unless there is one.
func (s *Sealer) Seal(ctx context.Context) error {
	sealed, err := s.Store.Seal(ctx, s.checkpoint)
	if err == nil {
		err = replace(s.File, sealed)
	}
	if err != nil {
		return fmt.Errorf("sealing the audit log: %w", err)
	}
	return nil
}

// checkpoint returns a checkpoint, signed where there is a key.
func (s *Sealer) checkpoint(size int64, root tlog.Hash) ([]byte, error) {
	c := Checkpoint{Origin: unsigned, Size: size, Root: root, Time: time.Now()}
	if s.Key == nil {
		return []byte(c.String()), nil
	}
	c.Origin = s.Key.Name()
	return note.Sign(&note.Note{Text: c.String()}, s.Key.Signer)
}

// Resume compares the log with the newest checkpoints of it, which takes milliseconds
// whatever its size, and seals what was not sealed when a gateway ended. It returns how
// many records these were. ErrAltered says that the log must not be continued: what is
// sealed of it would contradict what has been sealed.
func (s *Sealer) Resume(ctx context.Context) (unsealed int64, err error) {
	sealed := int64(0)
	all, err := s.Store.Checkpoints(ctx)
	if err != nil {
		return 0, err
	}
	if len(all) > 0 {
		if sealed, err = s.compare(ctx, all[len(all)-1]); err != nil {
			return 0, err
		}
	}
	beside, err := os.ReadFile(s.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		if _, err = s.compare(ctx, beside); err != nil {
			return 0, fmt.Errorf("%s: %w", s.File, err)
		}
	}
	if err := s.compareBodies(ctx, sealed&^(blockSize-1)); err != nil {
		return 0, err
	}
	last, err := s.Store.LastRecord(ctx)
	if err != nil {
		return 0, err
	}
	return last - sealed, s.Seal(ctx)
}

// compareBodies compares the newest records with their hashes.
func (s *Sealer) compareBodies(ctx context.Context, after int64) error {
	for r, err := range s.Store.SealedRecords(ctx, after) {
		if err != nil {
			return err
		}
		if leaf := tlog.RecordHash(r.Body); len(r.Leaf) > 0 && !bytes.Equal(leaf[:], r.Leaf) {
			return fmt.Errorf("%w: the body of record %d is not the one that was written", ErrAltered, r.Seq)
		}
	}
	return nil
}

// compare compares the log with a checkpoint and returns the size of that.
func (s *Sealer) compare(ctx context.Context, data []byte) (int64, error) {
	var v note.Verifier
	if s.Key != nil && isSigned(data) { // what was sealed before signing was switched on is not
		v = s.Key.Verifier
	}
	c, err := Open(data, v)
	if err != nil {
		return 0, fmt.Errorf("%w: a checkpoint is not its own: %w", ErrAltered, err)
	}
	tree, err := Load(ctx, s.Store, c.Size)
	if errors.Is(err, errMissing) {
		return 0, fmt.Errorf("%w: at %s it had %d records: %w", ErrAltered, c.Time.Format(time.RFC3339), c.Size, err)
	}
	if err != nil {
		return 0, err
	}
	if tree.Root() != c.Root {
		return 0, fmt.Errorf("%w: the first %d records are not those of %s", ErrAltered, c.Size, c.Time.Format(time.RFC3339))
	}
	return c.Size, nil
}
