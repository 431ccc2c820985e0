// Package pgtest gives tests PostgreSQL databases: those of a server that it starts from the programs of the machine, or of one that runs
// already. Without either, tests that need one are skipped, which they say.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

// Variable switches the tests with PostgreSQL on: start starts a server of the machine's own for the run of the tests, anything else is the
// DSN of one whose user may make databases.
const Variable = "SUMUN_TEST_POSTGRES"

// started is the server that all tests of a package share.
var started struct {
	sync.Mutex

	server *Server
	why    error
}

// Run runs the tests of a package, as TestMain does, and ends the server that they have used.
func Run(m *testing.M) int {
	code := m.Run()
	if started.server != nil {
		started.server.Close()
	}
	return code
}

// told returns what the variable says, or skips the test.
func told(tb testing.TB) string {
	tb.Helper()
	told := os.Getenv(Variable) //nolint:forbidigo // a switch of tests alone
	if told == "" {
		tb.Skipf("needs PostgreSQL; set %s=start, or to a DSN", Variable)
	}
	return told
}

// shared returns the DSN of the server that tests share.
func shared(tb testing.TB) string {
	tb.Helper()
	told := told(tb)
	if told != "start" {
		return told
	}
	started.Lock()
	defer started.Unlock()
	if started.server == nil && started.why == nil {
		started.server, started.why = Start(Options{})
	}
	if started.why != nil {
		tb.Fatalf("%s=start: %v", Variable, started.why)
	}
	return started.server.DSN
}

// Own returns a server that belongs to the test alone, or skips it. It ends with the test.
func Own(tb testing.TB, o Options) *Server {
	tb.Helper()
	if told(tb) != "start" {
		tb.Skipf("needs a server of its own; set %s=start", Variable)
	}
	s, err := Start(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Database returns the DSN of a new database in which that SQL was run, or skips the test. It goes with the test.
func Database(tb testing.TB, schema string) string {
	tb.Helper()
	server := shared(tb)
	name := "test_" + strings.ToLower(rand.Text())
	Exec(tb, server, "CREATE DATABASE "+name)
	tb.Cleanup(func() { Exec(tb, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	before, after, _ := strings.Cut(server, "?")
	dsn := before[:strings.LastIndex(before, "/")+1] + name + "?" + after
	if schema != "" {
		Exec(tb, dsn, schema)
	}
	return dsn
}

// Exec runs SQL in a database.
func Exec(tb testing.TB, dsn, text string) {
	tb.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the statement has its own error
	if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), text); err != nil {
		tb.Fatal(err)
	}
}
