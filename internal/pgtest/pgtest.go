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
func told(t testing.TB) string {
	t.Helper()
	told := os.Getenv(Variable) //nolint:forbidigo // a switch of tests alone
	if told == "" {
		t.Skipf("needs PostgreSQL; set %s=start, or to a DSN", Variable)
	}
	return told
}

// shared returns the DSN of the server that tests share.
func shared(t testing.TB) string {
	t.Helper()
	told := told(t)
	if told != "start" {
		return told
	}
	started.Lock()
	defer started.Unlock()
	if started.server == nil && started.why == nil {
		started.server, started.why = Start(Options{})
	}
	if started.why != nil {
		t.Fatalf("%s=start: %v", Variable, started.why)
	}
	return started.server.DSN
}

// Own returns a server that belongs to the test alone, or skips it. It ends with the test.
func Own(t testing.TB, o Options) *Server {
	t.Helper()
	if told(t) != "start" {
		t.Skipf("needs a server of its own; set %s=start", Variable)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Database returns the DSN of a new database in which that SQL was run, or skips the test. It goes with the test.
func Database(t testing.TB, schema string) string {
	t.Helper()
	server := shared(t)
	name := "test_" + strings.ToLower(rand.Text())
	Exec(t, server, "CREATE DATABASE "+name)
	t.Cleanup(func() { Exec(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	before, after, _ := strings.Cut(server, "?")
	dsn := before[:strings.LastIndex(before, "/")+1] + name + "?" + after
	if schema != "" {
		Exec(t, dsn, schema)
	}
	return dsn
}

// Exec runs SQL in a database.
func Exec(t testing.TB, dsn, text string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the statement has its own error
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), text); err != nil {
		t.Fatal(err)
	}
}
