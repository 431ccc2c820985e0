package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// engines runs a test with each engine that can be had, at the address of a store that is still to be made.
func engines(t *testing.T, test func(t *testing.T, at string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "state dir?#%", "sumun.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t, "")) })
}

func isPostgres(at string) bool { return strings.HasPrefix(at, "postgres") }

// open opens a store until the test ends.
func open(t *testing.T, at string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// direct opens the database of a store past the store.
func direct(t *testing.T, at string) *sql.DB {
	t.Helper()
	driver, name := "sqlite", strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(strings.TrimPrefix(at, "sqlite:"))
	if name = "file:" + name; isPostgres(at) {
		driver, name = "pgx", at
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// lock has another connection hold the database for writing. It returns what ends that.
func lock(t *testing.T, at string) (unlock func()) {
	t.Helper()
	conn, err := direct(t, at).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin := []string{"BEGIN IMMEDIATE"}
	if isPostgres(at) {
		begin = []string{"BEGIN", "LOCK TABLE audit_record, pin, pin_clock IN EXCLUSIVE MODE"}
	}
	for _, text := range begin {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}
