package steward

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/store/engine"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// engines runs a test with each engine that can be had, at the address of a store that is still to be made.
func engines(t *testing.T, test func(t *testing.T, at string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, file(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t, "")) })
}

func file(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "state dir?#%", "sumun.db")
}

// made makes a store, and fills each of its tables with so many rows, whatever tables this version has.
func made(t *testing.T, at string, rows int) []table {
	t.Helper()
	s, err := store.Open(t.Context(), at)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = within(t.Context(), at, func(d *engine.Direct, tx *sql.Tx) error {
		for _, tab := range all {
			insert, err := tx.PrepareContext(t.Context(), tab.insert(1, d.Postgres))
			if err != nil {
				return err
			}
			defer insert.Close()
			for i := range rows {
				values := make([]any, len(tab.columns))
				for j, c := range tab.columns {
					values[j] = value(c, i, d.Postgres)
				}
				if _, err := insert.ExecContext(t.Context(), values...); err != nil {
					return fmt.Errorf("%s: %w", tab.name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// value is a value that depends on the type of its column alone, and on its row: so rows refer to rows that there are.
func value(c column, i int, postgres bool) any {
	switch strings.ToUpper(c.kind) {
	case "INTEGER", "BIGINT":
		return int64(i+1000) << (i % 50)
	case "BOOLEAN":
		return i%2 == 0
	case "TEXT":
		text := fmt.Sprintf("%d: ' \" \\ 수문 \U0001f6aa\n\t%s", i, strings.Repeat("x", i%7))
		if !postgres && c.name == "body" {
			return []byte(text) // as the audit record hands it over
		}
		return text
	case "BLOB", "BYTEA":
		return []byte(strings.Repeat("\x00\xff", i%3)) // the first is empty
	}
	return float64(i) / 3
}

// dump returns all rows of a store as text, table by table, read past the code that copies.
func dump(t *testing.T, at string, all []table) map[string][]string {
	t.Helper()
	d, err := engine.Connect(at, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.DB.Close()
	found := map[string][]string{}
	for _, tab := range all {
		rows, err := d.DB.QueryContext(t.Context(), "SELECT "+tab.list()+` FROM "`+tab.name+`"`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row, into := make([]sql.NullString, len(tab.columns)), make([]any, len(tab.columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, c := range tab.columns { // what is true has two names
				if c.kind == "BOOLEAN" {
					row[i].String = strings.NewReplacer("1", "true", "0", "false").Replace(row[i].String)
				}
			}
			found[tab.name] = append(found[tab.name], fmt.Sprintf("%+v", row))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close() //nolint:sqlclosecheck // before the next one
		slices.Sort(found[tab.name])
	}
	return found
}

// many are more rows than one statement writes.
const many = mostRows + 6

// TestCopy copies every table from each engine to each, and compares them.
func TestCopy(t *testing.T) {
	engines(t, func(t *testing.T, from string) {
		t.Helper()
		all := made(t, from, many)
		want := dump(t, from, all)
		engines(t, func(t *testing.T, to string) {
			t.Helper()
			told := 0
			done, err := (&Move{all: all, From: from, To: to, Progress: func(string, int64) { told++ }}).Copy(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := dump(t, to, all)
			for _, tab := range all {
				if !slices.Equal(got[tab.name], want[tab.name]) || len(want[tab.name]) < many {
					t.Errorf("%s: %d rows of %d are there, or they differ: %.200q, want %.200q", tab.name, len(got[tab.name]), len(want[tab.name]), got[tab.name], want[tab.name])
				}
			}
			if len(done.Tables) != len(all) || strings.Contains(done.To, "@") {
				t.Errorf("copied %+v", done)
			}
			if _, err := (&Move{all: all, From: from, To: to}).Copy(t.Context()); !errors.Is(err, ErrFilled) {
				t.Errorf("over what is there: %v", err)
			}
			if _, err := (&Move{all: all, From: from, To: to, Replace: true}).Copy(t.Context()); err != nil || len(dump(t, to, all)["audit_record"]) != many {
				t.Errorf("in the place of what is there: %v", err)
			}
			s, err := store.Open(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for move, name := range map[*Move]string{{all: all, From: from, To: to, Replace: true}: "to", {all: all, From: to, To: file(t)}: "from"} {
				if _, err := s.LastRecord(t.Context()); err != nil { // it has a connection
					t.Fatal(err)
				}
				if _, err := move.Copy(t.Context()); !errors.Is(err, ErrUsed) {
					t.Errorf("%s a store that is open: %v", name, err)
				}
			}
		})
	})
}

// TestCopyNothing leaves a store as it was where something cannot be copied.
func TestCopyNothing(t *testing.T) {
	engines(t, func(t *testing.T, to string) {
		t.Helper()
		from := file(t)
		all := made(t, from, 3)
		d, err := engine.Connect(from, false)
		if err == nil {
			_, err = d.DB.ExecContext(t.Context(), `UPDATE pin SET checksum = 'a' || char(0)`)
		}
		if err != nil {
			t.Fatal(err)
		}
		d.DB.Close()
		if _, err := (&Move{all: all, From: from, To: to}).Copy(t.Context()); err == nil || !strings.Contains(err.Error(), "zero in it") {
			t.Errorf("a text that is none: %v", err)
		}
		for name, rows := range dump(t, to, all) {
			if len(rows) > 1 {
				t.Errorf("%d rows of %s are left", len(rows), name)
			}
		}
		if _, err := (&Move{all: all, From: file(t), To: to}).Copy(t.Context()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("from nothing: %v", err)
		}
	})
}

// TestDiffers finds each change of one value.
func TestDiffers(t *testing.T) {
	row := func(values ...any) content {
		var c content
		c.add(values)
		return c
	}
	seen := map[content][]any{}
	for _, values := range [][]any{
		{int64(1), "a"},
		{int64(1), "b"},
		{int64(1), []byte("a")},
		{int64(1), nil},
		{nil, int64(1)},
		{true, "a"},
		{false, "a"},
		{int64(1), ""},
		{"1a", ""},
		{"1", "a"},
		{1.5, "a"},
		{int64(-1), "a"},
		{"", "1a"},
	} {
		c := row(values...)
		if other, ok := seen[c]; ok {
			t.Errorf("%v and %v are the same", values, other)
		}
		seen[c] = values
	}
	var twice, once content
	twice.add([]any{"a"})
	twice.add([]any{"b"})
	once.add([]any{"b"})
	once.add([]any{"a"})
	if twice != once {
		t.Error("the order of rows counts")
	}
	if once.add([]any{"a"}); twice == once {
		t.Error("a row more does not count")
	}
}

func TestStatus(t *testing.T) {
	all, err := tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		ctx := t.Context()
		pending, err := Migrate(ctx, at, true)
		known, _ := engine.Steps()
		if err != nil || len(pending) != len(known) || len(known) < 10 {
			t.Fatalf("of nothing %d steps of %d are pending, %v", len(pending), len(known), err)
		}
		if s, err := inspect(ctx, at, all); err == nil && len(s.Tables) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("looking makes %+v, %v", s, err)
		}
		if done, err := Migrate(ctx, at, false); err != nil || len(done) != len(known) {
			t.Errorf("made %v, %v", done, err)
		}
		if done, err := Migrate(ctx, at, false); err != nil || len(done) != 0 {
			t.Errorf("made again %v, %v", done, err)
		}
		s, err := inspect(ctx, at, all)
		if err != nil || len(s.Applied) != len(known) || len(s.Pending)+len(s.Newer) > 0 || s.Bytes == 0 || s.Version == "" || s.Checkpoint != nil ||
			!slices.Contains(s.Tables, Rows{"key_clock", 1}) || s.Applied[0].At == nil || s.Applied[0].At.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
		exec(t, at, `DELETE FROM `+engine.StepsTable+` WHERE version_id = 13`, `INSERT INTO `+engine.StepsTable+` (version_id, is_applied) VALUES (99999, true)`)
		s, err = inspect(ctx, at, all)
		if err != nil || len(s.Pending) != 1 || s.Pending[0].Number != 13 || !slices.Equal(s.Newer, []int64{99999}) {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := Migrate(ctx, at, true); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("of a newer version: %v", err)
		}
		if _, err := (&Move{all: all, From: at, To: file(t)}).Copy(ctx); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("copied from a newer version: %v", err)
		}
		exec(t, at, `DELETE FROM `+engine.StepsTable+` WHERE version_id = 99999`)
		if _, err := (&Move{all: all, From: at, To: file(t)}).Copy(ctx); !errors.Is(err, ErrPending) {
			t.Errorf("copied from an older version: %v", err)
		}
	})
}

// exec runs statements in a store.
func exec(t *testing.T, at string, statements ...string) {
	t.Helper()
	d, err := engine.Connect(at, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.DB.Close()
	for _, text := range statements {
		if _, err := d.DB.ExecContext(context.WithoutCancel(t.Context()), text); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSequences wants no table whose numbers the database gives: a copy would give them again.
func TestSequences(t *testing.T) {
	at := pgtest.Database(t, "")
	made(t, at, 1)
	d, err := engine.Connect(at, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.DB.Close()
	names, err := list(t.Context(), d.DB, `SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()`)
	if err != nil || len(names) != 1 || !strings.HasPrefix(names[0], engine.StepsTable) {
		t.Errorf("sequences %q, %v", names, err)
	}
}
