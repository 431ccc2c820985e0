package engine

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// migrations are written with the types of PostgreSQL.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrating is how long bringing the tables up to date is tried again, and again how
// often in that time.
const (
	migrating = 3 * time.Second
	again     = 100
)

// migrate brings the tables up to date.
func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// The numbers of steps are given out before the steps are made, so that a lower one may come later.
	options := slices.Concat(d.options, []goose.ProviderOption{goose.WithAllowOutofOrder(true)})
	steps, err := goose.NewProvider(d.dialect, d.DB, inWords{files, d.words}, options...)
	if err != nil {
		return err
	}
	next := time.NewTicker(migrating / again)
	defer next.Stop()
	over := time.Now().Add(migrating)
	for {
		if err = upTo(ctx, steps); err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(over) || errors.Is(err, errNewer) || !d.passing(err) {
			return fmt.Errorf("bringing its tables up to date: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
}

// errNewer is the error about tables that a newer version has changed.
var errNewer = errors.New("a newer version of sumun has written them; run that version, or name another store")

// upTo makes the steps that are not made yet. What a newer version has made stays as it is, and is refused.
func upTo(ctx context.Context, steps *goose.Provider) error {
	_, err := steps.Up(ctx)
	if err != nil {
		return err
	}
	made, known, err := steps.GetVersions(ctx)
	if err != nil {
		return err
	}
	if made > known {
		return fmt.Errorf("they are of version %d, this sumun knows %d: %w", made, known, errNewer)
	}
	return nil
}

// inWords is a file system whose files are in other words.
type inWords struct {
	fs.FS

	words []string
}

// Open opens a file, or a directory as it is.
func (w inWords) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") || len(w.words) == 0 {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &inOtherWords{f, strings.NewReader(strings.NewReplacer(w.words...).Replace(string(text)))}, nil
}

// inOtherWords is a file of such a file system.
type inOtherWords struct {
	fs.File

	text *strings.Reader
}

// Read reads the other words.
func (f *inOtherWords) Read(p []byte) (int, error) { return f.text.Read(p) }
