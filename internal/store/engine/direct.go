package engine

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// A Direct is the database of a store, past the store: nothing is made or brought up to date. Who uses it closes DB.
type Direct struct {
	DB *sql.DB
	// Name is how to call the database: without a password.
	Name string
	// Postgres says that it is one of PostgreSQL, else it is one of SQLite.
	Postgres bool
	// Explain adds what to do to an error of the database.
	Explain func(error) error
}

// Connect connects to the database at an address as Open takes it, which must be there: the error is fs.ErrNotExist where a file is not.
// Alone has a SQLite database to ourselves; using it fails (see Busy) while others have it open.
func Connect(address string, alone bool) (*Direct, error) {
	if isPostgres(address) {
		e, err := openPostgres(address)
		if err != nil {
			return nil, fmt.Errorf("opening the store: %w", err)
		}
		return &Direct{DB: e.DB, Name: e.Name, Postgres: true, Explain: e.explain}, nil
	}
	file := strings.TrimPrefix(address, "sqlite:")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	query := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(1500)", "foreign_keys(1)"}, "_txlock": {"deferred"}}
	if alone {
		query["_pragma"][0] = "busy_timeout(200)" // a gateway does not end by itself
		// Whoever has it open holds a lock of it, with a write-ahead log even while nothing is done.
		query["_pragma"] = append(query["_pragma"], "locking_mode(EXCLUSIVE)")
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	return &Direct{DB: db, Name: file, Explain: func(err error) error { return err }}, nil
}

// Busy reports whether an error of SQLite says that others have the database open.
func Busy(err error) bool {
	const busy = 5 // https://sqlite.org/rescode.html
	told, ok := errors.AsType[*sqlite.Error](err)
	return ok && told.Code()&0xff == busy
}

// Newer reports whether an error of Open says that a newer version has written the tables.
func Newer(err error) bool { return errors.Is(err, errNewer) }

// StepsTable is the table of the steps that were made of the tables.
const StepsTable = "goose_db_version"

// A Step is one that brings the tables up to date.
type Step struct {
	Number int64
	Name   string
}

// Steps are all that this version knows, in their order.
func Steps() ([]Step, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]Step, len(files))
	for i, file := range files {
		digits, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		if steps[i].Number, err = strconv.ParseInt(digits, 10, 64); err != nil {
			return nil, fmt.Errorf("the name of the step %s: %w", file, err)
		}
		steps[i].Name = name
	}
	return steps, nil
}
