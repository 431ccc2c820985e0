package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"github.com/sumun-mcp/sumun/internal/roots"
)

// ChangeRoots does what the changes say, in their order, all or nothing. It implements roots.Store. A node or an entry
// of a root that is not there is passed over: the root was closed after it was written.
func (s *Store) ChangeRoots(ctx context.Context, changes []roots.Change) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		for i := range changes {
			if err := changeRoot(ctx, tx, &changes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing roots: %w", err)
	}
	return nil
}

// Tables of what belongs to a root.
const (
	dropNodes  = `DELETE FROM root_node WHERE caller = $1 AND root = $2`
	dropMemory = `DELETE FROM root_memory WHERE caller = $1 AND root = $2`
	dropRoot   = `DELETE FROM root WHERE caller = $1 AND id = $2`
)

func changeRoot(ctx context.Context, tx *sql.Tx, c *roots.Change) error {
	var drop []string
	if c.Forget || c.Empty {
		drop = append(drop, dropNodes, dropMemory)
	}
	if c.Forget {
		drop = append(drop, dropRoot)
	}
	for _, query := range drop {
		if _, err := tx.ExecContext(ctx, query, c.Caller, c.Root); err != nil {
			return err
		}
	}
	if c.Record != nil {
		if err := putRoot(ctx, tx, c); err != nil {
			return err
		}
	}
	if c.Node != nil {
		if err := putNode(ctx, tx, c); err != nil {
			return err
		}
	}
	if c.Entry != nil {
		_, err := tx.ExecContext(ctx, `INSERT INTO root_memory (caller, root, seq, data)
			SELECT caller, id, CAST($3 AS BIGINT), CAST($4 AS TEXT) FROM root WHERE caller = $1 AND id = $2 AND closed = 0 ON CONFLICT DO NOTHING`,
			c.Caller, c.Root, c.Entry.Seq, string(c.Entry.Data))
		if err != nil {
			return err
		}
	}
	if c.Trim == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, dropMemory+` AND seq <= $3`, c.Caller, c.Root, c.Trim)
	return err
}

// putRoot stores a root's own data. What it has forgotten stays so: of two records that were made at once the older may
// come last.
func putRoot(ctx context.Context, tx *sql.Tx, c *roots.Change) error {
	r := c.Record
	_, err := tx.ExecContext(ctx, `INSERT INTO root
		(caller, id, name, uri, lazy, created, used, ttl, entries, bytes, cleared, closed, expired)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (caller, id) DO UPDATE SET used = $7, closed = $12, expired = $13,
			cleared = CASE WHEN root.cleared > excluded.cleared THEN root.cleared ELSE excluded.cleared END`,
		c.Caller, c.Root, r.Name, r.URI, r.Lazy, millis(r.Created), millis(r.Used), r.TTL.Milliseconds(), r.Entries, r.Bytes,
		r.Cleared, millis(r.Closed), r.Expired)
	return err
}

func putNode(ctx context.Context, tx *sql.Tx, c *roots.Change) error {
	n := c.Node
	if len(n.Sampling) == 0 && len(n.Variables) == 0 {
		_, err := tx.ExecContext(ctx, dropNodes+` AND path = $3`, c.Caller, c.Root, n.Path)
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO root_node (caller, root, path, sampling, variables)
		SELECT caller, id, CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT) FROM root WHERE caller = $1 AND id = $2 AND closed = 0
		ON CONFLICT (caller, root, path) DO UPDATE SET sampling = $4, variables = $5`,
		c.Caller, c.Root, n.Path, string(n.Sampling), string(n.Variables))
	return err
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Roots yields all roots, those that were closed first among them, and then what belongs to them. It implements
// roots.Store.
func (s *Store) Roots(ctx context.Context) iter.Seq2[roots.Change, error] {
	return func(yield func(roots.Change, error) bool) {
		for _, read := range [...]struct {
			query string
			scan  func(*sql.Rows) (roots.Change, error)
		}{
			{`SELECT caller, id, name, uri, lazy, created, used, ttl, entries, bytes, cleared, closed, expired
				FROM root ORDER BY closed, caller, id`, scanRoot},
			{`SELECT caller, root, path, sampling, variables FROM root_node`, scanNode},
			{`SELECT caller, root, seq, data FROM root_memory ORDER BY caller, root, seq`, scanEntry},
		} {
			if !s.each(ctx, read.query, read.scan, yield) {
				return
			}
		}
	}
}

// each yields what a query finds; it reports false when that is to end.
func (s *Store) each(ctx context.Context, query string, scan func(*sql.Rows) (roots.Change, error), yield func(roots.Change, error) bool) bool {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		yield(roots.Change{}, fmt.Errorf("reading roots: %w", err))
		return false
	}
	defer func() { _ = rows.Close() }() // what went wrong stands in rows.Err
	for rows.Next() {
		c, err := scan(rows)
		if !yield(c, err) || err != nil {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(roots.Change{}, fmt.Errorf("reading roots: %w", err))
		return false
	}
	return true
}

func scanRoot(rows *sql.Rows) (roots.Change, error) {
	r := &roots.Record{}
	c := roots.Change{Record: r}
	var created, used, ttl, closed int64
	err := rows.Scan(&c.Caller, &c.Root, &r.Name, &r.URI, &r.Lazy, &created, &used, &ttl, &r.Entries, &r.Bytes, &r.Cleared, &closed, &r.Expired)
	r.Created, r.Used, r.TTL, r.Closed = fromMillis(created), fromMillis(used), time.Duration(ttl)*time.Millisecond, fromMillis(closed)
	return c, err
}

func scanNode(rows *sql.Rows) (roots.Change, error) {
	n := &roots.Node{}
	c := roots.Change{Node: n}
	return c, rows.Scan(&c.Caller, &c.Root, &n.Path, &n.Sampling, &n.Variables)
}

func scanEntry(rows *sql.Rows) (roots.Change, error) {
	e := &roots.Entry{}
	c := roots.Change{Entry: e}
	return c, rows.Scan(&c.Caller, &c.Root, &e.Seq, &e.Data)
}
