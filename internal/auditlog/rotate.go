package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrOtherKey says that the log is signed with another key than the one that is here.
var ErrOtherKey = errors.New("the audit log is signed with another key")

// nextFile is where a new key lies until it has taken the place of the one at path.
func nextFile(path string) string { return path + ".next" }

// signs reports whether a checkpoint that follows the newest one may be signed with the
// key. The error is ErrOtherKey where another key is to sign it.
func (k *Key) signs(newest []byte) error {
	c, err := Open(newest, k.Verifier)
	if _, other := errors.AsType[*note.UnverifiedNoteError](err); other {
		return fmt.Errorf("%w than %s", ErrOtherKey, k.Public)
	}
	if err != nil {
		return fmt.Errorf("%w: the newest checkpoint: %w", ErrAltered, err)
	}
	if c.To != "" && c.To != k.Public {
		return fmt.Errorf("%w than %s: since %s it is %s", ErrOtherKey, k.Public, c.Time.Format(time.RFC3339), c.To)
	}
	return nil
}

// OpenKey reads the key. Where there is none it makes one, unless the log is signed already.
func (s *Sealer) OpenKey(ctx context.Context) error {
	newest, err := s.Store.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	open := OpenKey
	if isSigned(newest) {
		open = ReadKey
	}
	s.key.Lock()
	defer s.key.Unlock()
	if s.Key, err = open(s.KeyFile); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is none", ErrOtherKey)
	}
	return err
}

// follow makes the key be the one that signs after the newest checkpoint: what lies in
// the key's file by now, where the log got another key meanwhile. The lock is held.
func (s *Sealer) follow(newest []byte) error {
	if s.Key == nil || !isSigned(newest) {
		return nil
	}
	err := s.Key.signs(newest)
	if !errors.Is(err, ErrOtherKey) || s.KeyFile == "" {
		return err
	}
	for _, path := range []string{s.KeyFile, nextFile(s.KeyFile)} {
		key, unread := ReadKey(path)
		if unread != nil || key.signs(newest) != nil {
			continue
		}
		s.Key = key
		if path != s.KeyFile { // who exchanged the keys did not come to it
			if err := os.Rename(path, s.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("putting the new key of the audit log in its place: %w", err)
			}
		}
		return nil
	}
	return err
}

// Rotate exchanges the key for another one of the same name. Record is the body of a
// record that says so; the checkpoint over it is signed with both keys.
func (s *Sealer) Rotate(ctx context.Context, to *Key, record []byte) error {
	sealed, err := s.Store.Seal(ctx, record, func(size int64, root tlog.Hash, newest []byte) ([]byte, error) {
		s.key.Lock()
		defer s.key.Unlock()
		if _, err := s.goOn(size, newest); err != nil {
			return nil, err
		}
		c := Checkpoint{Origin: s.Key.Name(), Size: size, Root: root, Time: time.Now(), From: s.Key.Public, To: to.Public}
		return note.Sign(&note.Note{Text: c.String()}, s.Key.Signer, to.Signer)
	})
	if err == nil {
		s.key.Lock()
		s.Key = to
		s.key.Unlock()
		err = s.keep(sealed)
	}
	if err != nil {
		return fmt.Errorf("exchanging the key of the audit log: %w", err)
	}
	return nil
}

// RotateFile exchanges the key in the sealer's file for a new one, which takes its place
// there. Gateways that read that file go on with it by themselves.
func (s *Sealer) RotateFile(ctx context.Context, record func(to *Key) []byte) (*Key, error) {
	next := nextFile(s.KeyFile)
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an exchange that was not made
		return nil, err
	}
	to, err := s.RotateTo(ctx, next, record)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(next, s.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) { // a gateway was faster
		return nil, fmt.Errorf("putting the new key of the audit log in its place: %w", err)
	}
	return to, nil
}

// RotateTo exchanges the key for the one in the file at path, which is made where there is
// none. It is for keys that somebody else puts in their place: until then nobody can seal.
func (s *Sealer) RotateTo(ctx context.Context, path string, record func(to *Key) []byte) (*Key, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	name := s.name()
	to, err := openKey(path, name)
	if err != nil {
		return nil, err
	}
	if to.Name() != name {
		return nil, fmt.Errorf("the key in %s is of %s, the log is %s", path, to.Name(), name)
	}
	return to, s.Rotate(ctx, to, record(to))
}

// settle makes the key be the one that signs next.
func (s *Sealer) settle(ctx context.Context) error {
	newest, err := s.Store.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	s.key.Lock()
	defer s.key.Unlock()
	return s.follow(newest)
}

func (s *Sealer) name() string {
	s.key.Lock()
	defer s.key.Unlock()
	return s.Key.Name()
}
