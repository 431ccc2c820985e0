package database

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/pgtest"
)

// orders are what both engines hold in tests.
const orders = `CREATE TABLE orders (id INTEGER PRIMARY KEY, region TEXT, total DOUBLE PRECISION, note TEXT);
INSERT INTO orders VALUES (1, 'EU', 10.5, 'it''s'), (2, 'EU', 20, NULL), (3, '한국', 9007199254740993, '; DROP TABLE orders; --');`

// sqliteFile makes a database with orders, and more.
func sqliteFile(t *testing.T, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sales.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), orders+more); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a database with small bounds.
func open(t *testing.T, o Options) *Database {
	t.Helper()
	if o.MaxRows == 0 {
		o.MaxRows, o.MaxBytes, o.Timeout = 10, 10_000, 2*time.Second
	}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// engines runs a test with each engine that can be had.
func engines(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+sqliteFile(t, "")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t, orders)) })
}

// ask runs a query that a caller wrote and returns its rows as text.
func ask(t *testing.T, d *Database, text string) (string, error) {
	t.Helper()
	s, err := d.Parse(text)
	if err != nil {
		return "", err
	}
	out, err := d.Run(t.Context(), s, nil)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s", out.Columns, out.Rows), nil
}

func TestQueries(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		t.Helper()
		d := open(t, Options{DSN: dsn, Queries: map[string]string{
			"region":  "SELECT id, note FROM orders WHERE region = :region ORDER BY id",
			"by_id":   "SELECT region FROM orders WHERE id = :id AND region = :region",
			"all":     "SELECT id, region, id FROM orders ORDER BY id;",
			"least":   "SELECT id FROM orders WHERE total >= :total ORDER BY id LIMIT 2",
			"null":    "SELECT count(*) AS n FROM orders WHERE note = :note",
			"numbers": "SELECT total FROM orders ORDER BY id",
		}})
		for _, tt := range []struct {
			query  string
			values map[string]any
			want   string
		}{
			{"region", map[string]any{"region": "EU"}, `[id note] [{"id":1,"note":"it's"} {"id":2,"note":null}]`},
			{"region", map[string]any{"region": "한국"}, `[id note] [{"id":3,"note":"; DROP TABLE orders; --"}]`},
			{"region", map[string]any{"region": "' OR ''='"}, `[id note] []`},
			{"by_id", map[string]any{"region": "EU", "id": int64(1)}, `[region] [{"region":"EU"}]`},
			{"by_id", map[string]any{"region": "EU", "id": "1"}, `[region] [{"region":"EU"}]`},
			{"all", nil, `[id region id_2] [{"id":1,"region":"EU","id_2":1} {"id":2,"region":"EU","id_2":2} {"id":3,"region":"한국","id_2":3}]`},
			{"least", map[string]any{"total": 19.5}, `[id] [{"id":2} {"id":3}]`},
			{"null", map[string]any{"note": nil}, `[n] [{"n":0}]`},
			{"numbers", nil, `[total] [{"total":10.5} {"total":20} {"total":9007199254740992}]`},
		} {
			out, err := d.Run(t.Context(), d.Query(tt.query), tt.values)
			if err != nil {
				t.Errorf("%s %v: %v", tt.query, tt.values, err)
				continue
			}
			if got := fmt.Sprintf("%s %s", out.Columns, out.Rows); got != tt.want {
				t.Errorf("%s %v = %s, want %s", tt.query, tt.values, got, tt.want)
			}
		}
	})
}

// hostile are queries that must do nothing but fail or read, whatever the engine.
var hostile = []string{
	"SELECT 1; DROP TABLE orders", "DROP TABLE orders", "DELETE FROM orders", "UPDATE orders SET region = 'x'", "INSERT INTO orders VALUES (9, 'x', 1, 'x')",
	"WITH x AS (SELECT 1) DELETE FROM orders", "WITH x AS (DELETE FROM orders RETURNING id) SELECT * FROM x", "SELECT 1 /* ; */ ; DELETE FROM orders -- ",
	"SELECT '\\'; DELETE FROM orders; --'", "SELECT 1 -- \n; DELETE FROM orders", "/* SELECT */ DELETE FROM orders", "SELECT 1 INTO hacked", "SELECT * INTO TEMP hacked FROM orders",
	"CREATE TABLE hacked (id INTEGER)", "CREATE TEMP TABLE hacked AS SELECT 1", "ALTER TABLE orders RENAME TO hacked", "REINDEX", "ANALYZE", "BEGIN", "COMMIT; DELETE FROM orders", "ROLLBACK",
	"EXPLAIN DELETE FROM orders", "TRUNCATE orders", "GRANT ALL ON orders TO public", "SELECT $$; DELETE FROM orders; $$; DELETE FROM orders",
	"SELECT 1\x00; DELETE FROM orders", "SELECT 1；DELETE FROM orders", "replace INTO orders VALUES (1,'x',1,'x')", "SELECT `;` ; DELETE FROM orders", "SELECT [;] ; DELETE FROM orders",
}

// TestRawSQL runs what callers wrote: it reads, one statement at a time, and changes nothing.
func TestRawSQL(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		t.Helper()
		d := open(t, Options{DSN: dsn})
		for _, text := range hostile {
			if got, err := ask(t, d, text); err == nil && !strings.Contains(text, `'\';`) {
				t.Errorf("%q was taken: %s", text, got)
			}
			if got, err := ask(t, d, "SELECT count(*) AS n FROM orders;"); err != nil || got != `[n] [{"n":3}]` {
				t.Fatalf("after %q: %s, %v", text, got, err)
			}
		}
		if _, err := ask(t, d, "SELECT nonsense FROM orders"); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("a mistake is not told: %v", err)
		}
		start := time.Now()
		_, err := ask(t, d, "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT count(*) FROM x")
		if err == nil || !strings.Contains(err.Error(), "longer than 2s") || time.Since(start) > 10*time.Second {
			t.Errorf("an endless query: %v after %v", err, time.Since(start))
		}
	})
}

// TestConnectionsOnlyRead holds, past our own reading of SQL, that the engines change nothing.
func TestConnectionsOnlyRead(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		t.Helper()
		d := open(t, Options{DSN: dsn})
		for _, text := range hostile {
			_ = d.engine.query(t.Context(), text, nil, func(rows *sql.Rows) error { // most fail
				for rows.Next() { // and some only when they are read
				}
				return rows.Err()
			})
			if got, err := ask(t, d, "SELECT count(*) AS n FROM orders WHERE region <> 'x'"); err != nil || got != `[n] [{"n":3}]` {
				t.Fatalf("after %q: %s, %v", text, got, err)
			}
		}
	})
}

// TestSQLiteStaysInFile holds that no other file is read or made, and no code loaded.
func TestSQLiteStaysInFile(t *testing.T) {
	path, other := sqliteFile(t, ""), sqliteFile(t, "CREATE TABLE secret AS SELECT 'secret' AS word;")
	d := open(t, Options{DSN: "sqlite:" + path})
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "made")
	for _, text := range []string{
		"ATTACH '" + other + "' AS other", "SELECT 1 WHERE 0; ATTACH '" + other + "' AS other", "SELECT load_extension('" + other + "')",
		"SELECT * FROM pragma_query_only(0)", "PRAGMA query_only = 0", "PRAGMA writable_schema = 1", "VACUUM INTO '" + made + "'",
		"SELECT writefile('" + made + "', 'x')", "SELECT readfile('" + other + "')", "SELECT * FROM fsdir('/')", "SELECT edit('x', 'touch " + made + "')",
		"SELECT * FROM pragma_temp_store_directory('" + filepath.Dir(made) + "')", "DETACH main",
	} {
		if got, err := ask(t, d, text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
		rows := 0
		err := d.engine.query(t.Context(), text, nil, func(got *sql.Rows) error {
			for got.Next() {
				rows++
			}
			return got.Err()
		})
		if err == nil && rows > 0 {
			t.Errorf("%s: the engine answered %d rows", text, rows)
		}
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed, %v", err)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("a file was made")
	}
}

// TestAnswersAreBounded asks for more than one answer may have.
func TestAnswersAreBounded(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		t.Helper()
		d := open(t, Options{DSN: dsn})
		run := func(text string) (*Outcome, error) {
			t.Helper()
			s, err := d.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return d.Run(t.Context(), s, nil)
		}
		long := "replace(hex(zeroblob(%d)), '0', 'x')"
		if d.syntax.dollars {
			long = "repeat('x', 2*%d)"
		}
		numbers := "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x WHERE n < 100000) SELECT n, %s AS t FROM x"
		if out, err := run(fmt.Sprintf(numbers, "'a'")); err != nil || len(out.Rows) != 10 || !out.Truncated {
			t.Errorf("many rows: %+v, %v", out, err)
		}
		if out, err := run(fmt.Sprintf(numbers, fmt.Sprintf(long, 1500))); err != nil || len(out.Rows) != 3 || !out.Truncated || out.size > 14_000 {
			t.Errorf("large rows: %+v, %v", out, err)
		}
		if out, err := run(fmt.Sprintf(numbers, fmt.Sprintf(long, 6000))); err != nil || len(out.Rows) != 0 || !out.Truncated {
			t.Errorf("a larger row: %+v, %v", out, err)
		}
		if _, err := run("SELECT " + fmt.Sprintf(long, 100_000_000)); err == nil {
			t.Error("a gigantic value was answered")
		}
		if out, err := run("SELECT 1 AS n"); err != nil || len(out.Rows) != 1 {
			t.Errorf("after that: %+v, %v", out, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dsn := "sqlite:" + sqliteFile(t, "")
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is text\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"no file":     {DSN: "sqlite:" + filepath.Join(t.TempDir(), "absent.db")},
		"no database": {DSN: "sqlite:" + text},
		"a write":     {DSN: dsn, Queries: map[string]string{"q": "DELETE FROM orders"}},
		"two":         {DSN: dsn, Queries: map[string]string{"q": "SELECT 1; SELECT 2"}},
		"no dsn":      {DSN: "postgres://user:hunter2@:port"},
	} {
		if d, err := Open(t.Context(), o); err == nil {
			d.Close()
			t.Errorf("%s was opened", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
