package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrAltered says that the stored log is not the one that a checkpoint was made of.
var ErrAltered = errors.New("the audit log was altered")

// unsigned is the origin of checkpoints that nobody signs.
const unsigned = "sumun-audit/unsigned"

// A Make makes a checkpoint of a log that has so many records and that root. Newest is
// the newest one of the log, nil if there is none; it is returned where there is nothing
// to seal.
type Make func(size int64, root tlog.Hash, newest []byte) ([]byte, error)

// A Store keeps a log.
type Store interface {
	Reader
	// Seal stores a checkpoint of the log as it is, and returns it once a power failure
	// cannot take it, nor any record that it covers. Where a record is given, that is
	// appended first; both are stored, or neither. Of instances that share a store, one
	// seals at a time.
	Seal(ctx context.Context, record []byte, checkpoint Make) ([]byte, error)
}

// A Sealer makes checkpoints of a log. Its methods may be called concurrently.
type Sealer struct {
	// Store keeps the log.
	Store Store
	// Key signs; nil for checkpoints without a signature.
	Key *Key
	// KeyFile is where the key is looked for again once the log has another.
	KeyFile string
	// File is where the newest checkpoint is kept besides, so that it shows when the
	// store alone is set back.
	File string
	// Made is told of each checkpoint that was made or found to be the newest; nil for
	// nobody. It must not keep it waiting.
	Made func(checkpoint []byte)

	key sync.Mutex // of Key
	// last is the newest checkpoint that this sealer has seen.
	last atomic.Pointer[Checkpoint]
}

// Seal makes a checkpoint of what is stored, unless there is one. ErrAltered says that
// the log was set back, or replaced, since the last one: it is not vouched for any more.
func (s *Sealer) Seal(ctx context.Context) error {
	err := s.unchanged(ctx)
	var sealed []byte
	if err == nil {
		sealed, err = s.Store.Seal(ctx, nil, s.checkpoint)
	}
	if err == nil {
		err = s.keep(sealed)
	}
	if err != nil {
		return fmt.Errorf("sealing the audit log: %w", err)
	}
	return nil
}

// unchanged makes sure that the log still begins with what was sealed last.
func (s *Sealer) unchanged(ctx context.Context) error {
	last := s.last.Load()
	if last == nil {
		return nil
	}
	return s.begins(ctx, *last)
}

// keep puts a checkpoint that is stored where else it belongs.
func (s *Sealer) keep(sealed []byte) error {
	if s.Made != nil {
		s.Made(sealed)
	}
	c, err := Open(sealed)
	if err != nil {
		return err
	}
	s.last.Store(&c)
	there, err := os.ReadFile(s.File)
	if err == nil {
		if beside, err := Open(there); err == nil && beside.Size > c.Size { // another process was faster
			return nil
		}
	}
	return replace(s.File, sealed)
}

// checkpoint returns a checkpoint, signed where there is a key.
func (s *Sealer) checkpoint(size int64, root tlog.Hash, newest []byte) ([]byte, error) {
	s.key.Lock()
	defer s.key.Unlock()
	there, err := s.goOn(size, newest)
	if err != nil || there {
		return newest, err
	}
	c := Checkpoint{Origin: unsigned, Size: size, Root: root, Time: time.Now()}
	if s.Key == nil {
		return []byte(c.String()), nil
	}
	c.Origin = s.Key.Name()
	return note.Sign(&note.Note{Text: c.String()}, s.Key.Signer)
}

// goOn makes sure that a checkpoint of so many records may follow the newest one, and
// reports whether that is it already.
func (s *Sealer) goOn(size int64, newest []byte) (there bool, err error) {
	if newest == nil {
		return false, nil
	}
	if err := s.follow(newest); err != nil {
		return false, err
	}
	c, err := Open(newest)
	if err != nil {
		return false, fmt.Errorf("%w: the newest checkpoint: %w", ErrAltered, err)
	}
	if c.Size > size {
		return false, fmt.Errorf("%w: there are %d records, and were %d at %s", ErrAltered, size, c.Size, c.Time.Format(time.RFC3339))
	}
	return c.Size == size, nil
}

// Resume compares the log with the newest checkpoints of it, which takes milliseconds
// whatever its size, and seals what was not sealed when a gateway ended. It returns how
// many records these were. ErrAltered says that the log must not be continued: what is
// sealed of it would contradict what has been sealed.
func (s *Sealer) Resume(ctx context.Context) (unsealed int64, err error) {
	sealed := int64(0)
	newest, err := s.Store.NewestCheckpoint(ctx)
	if err != nil {
		return 0, err
	}
	keys, err := s.keys(ctx, newest)
	if err != nil {
		return 0, err
	}
	if newest != nil {
		if sealed, err = s.compare(ctx, keys, newest); err != nil {
			return 0, err
		}
	}
	beside, err := os.ReadFile(s.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		if _, err = s.compare(ctx, keys, beside); err != nil {
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

// keys returns the keys of the log, of which the newest one signs from now on.
func (s *Sealer) keys(ctx context.Context, newest []byte) (*Keys, error) {
	s.key.Lock()
	defer s.key.Unlock()
	if err := s.follow(newest); err != nil || s.Key == nil {
		return nil, err
	}
	exchanges, err := s.Store.Exchanges(ctx)
	if err != nil {
		return nil, err
	}
	return NewKeys(s.Key.Public, exchanges)
}

// compare compares the log with a checkpoint and returns the size of that.
func (s *Sealer) compare(ctx context.Context, keys *Keys, data []byte) (int64, error) {
	if !isSigned(data) { // what was sealed before signing was switched on is not
		keys = nil
	}
	c, err := keys.Open(data)
	if err != nil {
		return 0, fmt.Errorf("%w: a checkpoint is not its own: %w", ErrAltered, err)
	}
	return c.Size, s.begins(ctx, c)
}

// begins makes sure that the log begins with that of a checkpoint.
func (s *Sealer) begins(ctx context.Context, c Checkpoint) error {
	tree, err := Load(ctx, s.Store, c.Size)
	switch {
	case errors.Is(err, errMissing):
		return fmt.Errorf("%w: at %s it had %d records: %w", ErrAltered, c.Time.Format(time.RFC3339), c.Size, err)
	case err == nil && tree.Root() != c.Root:
		return fmt.Errorf("%w: the first %d records are not those of %s", ErrAltered, c.Size, c.Time.Format(time.RFC3339))
	}
	return err
}
