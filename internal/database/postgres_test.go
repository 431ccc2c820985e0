package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// postgresVariable switches the tests with PostgreSQL on: start starts a server of the machine's own for the run of the tests, anything else
// is the DSN of one whose user may make databases.
const postgresVariable = "SUMUN_TEST_POSTGRES"

// A postgresServer is the one that all tests share.
type postgresServer struct {
	once sync.Once
	dsn  string
	why  error
	stop func()
}

var testPostgres postgresServer

func TestMain(m *testing.M) {
	code := m.Run()
	if testPostgres.stop != nil {
		testPostgres.stop()
	}
	os.Exit(code)
}

// postgres returns a new database with a schema, or skips the test.
func postgres(t *testing.T, schema string) string {
	t.Helper()
	told := os.Getenv(postgresVariable)
	if told == "" {
		t.Skipf("needs PostgreSQL; set %s=start, or to a DSN", postgresVariable)
	}
	testPostgres.once.Do(func() {
		if testPostgres.dsn = told; told == "start" {
			testPostgres.dsn, testPostgres.stop, testPostgres.why = startPostgres()
		}
	})
	if testPostgres.why != nil {
		t.Fatalf("%s=%s: %v", postgresVariable, told, testPostgres.why)
	}
	name := "test_" + strings.ToLower(rand.Text())
	execute := func(dsn, text string) {
		t.Helper()
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), text); err != nil {
			t.Fatal(err)
		}
	}
	execute(testPostgres.dsn, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(testPostgres.dsn, "DROP DATABASE "+name+" WITH (FORCE)") })
	before, after, _ := strings.Cut(testPostgres.dsn, "?")
	dsn := before[:strings.LastIndex(before, "/")+1] + name + "?" + after
	execute(dsn, schema)
	return dsn
}

// startPostgres starts a server on a free port of this machine, with its data in a directory that goes with it.
func startPostgres() (dsn string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "sumun-postgres")
	if err != nil {
		return "", nil, err
	}
	clean := func() { os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			clean()
		}
	}()
	as, err := unprivileged(dir)
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "data")
	run := exec.Command(program("initdb"), "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
	run.SysProcAttr, run.Dir = as, dir
	if out, err := run.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	server := exec.Command(program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", dir, "-F")
	server.SysProcAttr, server.Dir = as, dir
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		server.Process.Signal(os.Interrupt)
		server.Wait()
		clean()
	}
	dsn = "postgres://test@127.0.0.1:" + port + "/postgres?sslmode=disable"
	if err := reachable(dsn); err != nil {
		stop()
		return "", nil, err
	}
	return dsn, stop, nil
}

// reachable waits until a server answers.
func reachable(dsn string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	for range 100 {
		if err = db.Ping(); err == nil {
			return nil
		}
		<-time.After(100 * time.Millisecond)
	}
	return err
}

// program finds a program of PostgreSQL, which Debian does not put on the path.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.Sort(found)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return name
}

// TestPostgresJSON hands json and jsonb out as what they hold, and bytes that look like it as bytes.
func TestPostgresJSON(t *testing.T) {
	d := open(t, Options{DSN: postgres(t, orders)})
	got, err := ask(t, d, `SELECT '{"n": 1.50}'::json AS a, '[1, "<x>"]'::jsonb AS b, NULL::jsonb AS c, 'null'::json AS d, '{}'::bytea AS e`)
	if want := `[a b c d e] [{"a":{"n":1.50},"b":[1,"\u003cx\u003e"],"c":null,"d":null,"e":"e30="}]`; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
