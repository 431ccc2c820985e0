package steward

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// A content says what a table has: how many rows, and the sum of their hashes. Tables with the same rows have the same, in whatever order
// they are read.
type content struct {
	rows int64
	sum  [sha256.Size / 8]uint64
}

// add adds a row.
func (c *content) add(values []any) {
	h := sha256.New()
	length := func(kind byte, n uint64) {
		var head [9]byte
		head[0] = kind
		binary.BigEndian.PutUint64(head[1:], n)
		h.Write(head[:])
	}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			length('0', 0)
		case int64:
			length('i', uint64(v)) //nolint:gosec // the same bits
		case bool:
			n := uint64(0)
			if v {
				n = 1
			}
			length('b', n)
		case float64:
			length('f', math.Float64bits(v))
		case string:
			length('t', uint64(len(v)))
			h.Write([]byte(v))
		case []byte:
			length('y', uint64(len(v)))
			h.Write(v)
		}
	}
	hash := h.Sum(nil)
	for i := range c.sum {
		c.sum[i] += binary.BigEndian.Uint64(hash[i*8:])
	}
	c.rows++
}

// each reads the rows of a table, each value in the type of its column whatever the engine has made of it. What it hands on is valid
// until the next row.
func (t *table) each(ctx context.Context, q querier, do func(values []any) error) error {
	rows, err := q.QueryContext(ctx, `SELECT `+t.list()+` FROM "`+t.name+`"`)
	if err != nil {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	defer func() { _ = rows.Close() }() // reading only
	values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a row of %s: %w", t.name, err)
		}
		for i, c := range t.columns {
			if values[i], err = c.value(values[i]); err != nil {
				return fmt.Errorf("reading a row of %s: %w", t.name, err)
			}
		}
		if err := do(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", t.name, err)
	}
	return nil
}

// list are the columns as a statement names them.
func (t *table) list() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = `"` + c.name + `"`
	}
	return strings.Join(names, ", ")
}

// value returns a value in the type of the column: SQLite has no booleans, and keeps bytes as text where they were handed to it as such.
func (c column) value(v any) (any, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // NULL is NULL
	}
	switch strings.ToUpper(c.kind) {
	case "INTEGER", "BIGINT":
		if n, ok := v.(int64); ok {
			return n, nil
		}
	case "BOOLEAN":
		switch v := v.(type) {
		case bool:
			return v, nil
		case int64:
			return v != 0, nil
		}
	case "TEXT":
		text, ok := v.(string)
		if b, isBytes := v.([]byte); isBytes {
			text, ok = string(b), true
		}
		if ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			return nil, fmt.Errorf("the text in %s is not UTF-8, or has a zero in it, which PostgreSQL does not take", c.name)
		}
		if ok {
			return text, nil
		}
	case "BLOB", "BYTEA":
		switch v := v.(type) {
		case []byte:
			return append([]byte{}, v...), nil
		case string:
			return []byte(v), nil
		}
	case "DOUBLE PRECISION", "REAL":
		switch v := v.(type) {
		case float64:
			return v, nil
		case int64:
			return float64(v), nil
		}
	}
	return nil, fmt.Errorf("%s is a %T where its type is %s", c.name, v, c.kind)
}

// A filler writes the rows of a table.
type filler struct {
	table *table
	// many and one write so many rows at once as fit, and one.
	many, one *sql.Stmt
	most      int
	// kept are the values of rows that are still to be written, bytes how long they are.
	kept  []any
	bytes int
}

// How much one statement writes at most: SQLite takes 32,766 values.
const (
	mostRows  = 64
	mostBytes = 4 << 20
)

func newFiller(ctx context.Context, to side, t *table) (*filler, error) {
	f := &filler{table: t, most: min(mostRows, 30_000/len(t.columns))}
	var err error
	if f.many, err = to.tx.PrepareContext(ctx, t.insert(f.most, to.Postgres)); err == nil {
		f.one, err = to.tx.PrepareContext(ctx, t.insert(1, to.Postgres))
	}
	if err != nil {
		return nil, fmt.Errorf("writing to %s: %w", t.name, err)
	}
	return f, nil
}

// insert is the statement that writes so many rows. PostgreSQL wants its parameters numbered; SQLite takes the longer for names of
// parameters the more there are.
func (t *table) insert(rows int, numbered bool) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO "` + t.name + `" (` + t.list() + `) VALUES `)
	for i := range rows {
		for j := range t.columns {
			mark := ", "
			switch {
			case j > 0:
			case i == 0:
				mark = "("
			default:
				mark = "), ("
			}
			if b.WriteString(mark); numbered {
				fmt.Fprintf(&b, "$%d", i*len(t.columns)+j+1)
			} else {
				b.WriteByte('?')
			}
		}
	}
	return b.String() + ")"
}

// add writes a row, now or with later ones.
func (f *filler) add(ctx context.Context, values []any) error {
	f.kept = append(f.kept, values...)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			f.bytes += len(v)
		case []byte:
			f.bytes += len(v)
		}
	}
	if len(f.kept) < f.most*len(f.table.columns) && f.bytes < mostBytes {
		return nil
	}
	return f.flush(ctx)
}

// flush writes what is kept.
func (f *filler) flush(ctx context.Context) error {
	width := len(f.table.columns)
	by, step := f.one, width
	if len(f.kept) == f.most*width {
		by, step = f.many, len(f.kept)
	}
	for at := 0; at < len(f.kept); at += step {
		if _, err := by.ExecContext(ctx, f.kept[at:at+step]...); err != nil {
			return fmt.Errorf("writing to %s: %w", f.table.name, err)
		}
	}
	f.kept, f.bytes = f.kept[:0], 0
	return nil
}

// close ends the statements.
func (f *filler) close() {
	_ = f.many.Close() // the end of the transaction tells what went wrong
	_ = f.one.Close()
}
