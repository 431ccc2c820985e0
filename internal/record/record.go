// Package record puts the audit record of a gateway together from its parts (the
// records, the tree that seals them, the store) and reads it for people and programs.
package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
)

// A Store keeps records and what seals them; internal/store has one.
type Store interface {
	audit.Sink
	auditlog.Store
	// SyncRecords makes AppendRecords return only once a power failure cannot take what was stored.
	SyncRecords(yes bool)
	// ErasePayloads erases what stands beside the bodies of the records above after, up to seq, and returns of how many.
	ErasePayloads(ctx context.Context, after, seq int64) (int64, error)
}

// KeyFile returns the file of the key that signs checkpoints: SUMUN.audit.key beside
// the store SUMUN.db, unless the configuration names another.
func KeyFile(cfg *config.Config) string { return cmp.Or(cfg.Audit.KeyFile, beside(cfg, ".audit.key")) }

// CheckpointFile returns the file of the newest checkpoint.
func CheckpointFile(cfg *config.Config) string { return beside(cfg, ".audit.checkpoint") }

func beside(cfg *config.Config, suffix string) string {
	store := cmp.Or(cfg.StoreFile(), filepath.Join(cfg.StateDir(), "sumun.db"))
	return strings.TrimSuffix(store, filepath.Ext(store)) + suffix
}

// Lost reports whether an error of reading says that the record was altered: that a
// proof does not hold, or that the store is no database any more.
func Lost(err error) bool {
	return errors.Is(err, auditlog.ErrAltered) || errors.Is(err, auditlog.ErrCheckpoint) || errors.Is(err, auditlog.ErrOtherKey)
}

// A RequestError says what is wrong with a request.
type RequestError struct{ msg string }

// Error returns what is wrong, and how to write it.
func (e *RequestError) Error() string { return e.msg }

func badRequest(format string, args ...any) error { return &RequestError{fmt.Sprintf(format, args...)} }

// A Book is a stored record that is read, whether or not a gateway writes to it.
type Book struct {
	Store
	config *config.Config
	// newest is where the newest checkpoint lies.
	newest string
	// Public is the key that checkpoints are verified with, as text; empty where the log is not signed.
	Public string
	// Own says that the key is the one beside the store, so that the newest checkpoint lies there too.
	Own bool
}

// Read returns the book of a configuration's record. The key is public, or the file of
// that name holds it, or, if public is empty, it is the one beside the store.
func Read(cfg *config.Config, store Store, public string) (*Book, error) {
	b := &Book{Store: store, config: cfg, newest: CheckpointFile(cfg)}
	if public != "" {
		text, err := os.ReadFile(public) //nolint:gosec // the file that the user names
		if err != nil {
			text = []byte(public)
		}
		return b, b.trust(text)
	}
	key, err := auditlog.ReadKey(KeyFile(cfg))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !cfg.Audit.Sign:
		return b, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: the key that signs it is not at %s; with a public key that was kept elsewhere it can be verified: --public-key", auditlog.ErrAltered, KeyFile(cfg))
	case err != nil:
		return nil, fmt.Errorf("%w: %w", auditlog.ErrAltered, err)
	case !cfg.Audit.Sign: // signatures of earlier checkpoints are not asked for any more, their roots are
		return b, nil
	}
	b.Own = true
	return b, b.trust([]byte(key.Public))
}

// Verify verifies the record against the checkpoints in the store, the one beside it,
// and further ones in files.
func (b *Book) Verify(ctx context.Context, files ...string) (*auditlog.Report, error) {
	e := auditlog.Evidence{Public: b.Public}
	for _, name := range files {
		kept, err := readKept(name)
		if err != nil {
			return nil, err
		}
		e.Kept = append(e.Kept, kept...)
	}
	data, err := os.ReadFile(b.newest)
	switch {
	case err == nil:
		e.Kept = append(e.Kept, auditlog.Kept{Name: b.newest, Note: data})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	report, readErr := auditlog.Verify(ctx, b, e)
	if readErr == nil && err != nil && b.Own {
		report.Faults = append(report.Faults, auditlog.Fault{What: "the newest checkpoint is missing at " + b.newest})
	}
	return report, readErr
}
