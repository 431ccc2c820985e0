package engine

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite
)

// pragmas set up a connection: a write-ahead log, so that a crash of the process
// leaves what was committed, and readers do not wait. Another's lock is waited for
// 1.5 seconds, within the time that the audit gives a try.
var pragmas = []string{"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(1500)", "foreign_keys(1)"}

// openSQLite prepares the SQLite database at path. It has one connection: SQLite has
// one writer at a time, and a second one would only wait in another place.
func openSQLite(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making its directory: %w", err)
	}
	if err := claim(path); err != nil {
		return nil, err
	}
	opened, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return &DB{
		DB: db, Name: path, dialect: goose.DialectSQLite3,
		// An INTEGER PRIMARY KEY is the row's own number; any other key would be an index beside it.
		words: []string{"BYTEA", "BLOB", "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY"},
		// A transaction holds the database for writing from its start.
		lock:     func(context.Context, *sql.Tx, Writer) error { return stillThere(path, opened) },
		patience: time.Minute,
		// The end of the context ends the transaction. A watch for each statement would cost a goroutine.
		statements: context.WithoutCancel,
		// Of instances that start at once, one makes a table, and the others fail at it
		// and find it at a later try.
		passing: func(error) bool { return true },
		explain: func(err error) error { return err },
		Batches: []int{32, 8, 1},
	}, nil
}

// stillThere reports an error unless the file at path is the one that was opened. One that was removed or replaced can be written to as
// long as it is open, and is gone with all of that when it is closed.
func stillThere(path string, opened os.FileInfo) error {
	there, err := os.Stat(path)
	if err == nil && os.SameFile(there, opened) {
		return nil
	}
	what := "was replaced"
	if err != nil {
		what = "was removed"
	}
	return fmt.Errorf("%s %s while it was open, and what is written would be lost: put it back, or end the gateway and start it again", path, what)
}

// claim makes the file, where there is none, one that only its owner can read.
// SQLite gives its other files the same mode.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the file that the configuration names
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("opening its file for writing: %w", err)
	}
	return nil
}
