package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/audit"
)

// A doubt is about audit records whose commit failed: the connection may have broken
// before it was done or after. The numbers were given under the lock, so the records
// are stored if the first of them is, under its number.
type doubt struct {
	seq        int64
	rows       int
	body, salt []byte
}

// newDoubt returns the doubt about rows with the numbers from seq on, nil without any.
func newDoubt(seq int64, rows []audit.Row) *doubt {
	if len(rows) == 0 {
		return nil
	}
	return &doubt{seq, len(rows), rows[0].Body, rows[0].Salt}
}

// of reports whether rows begin with those that the doubt is about.
func (d *doubt) of(rows []audit.Row) bool { return len(rows) >= d.rows && d.first(&rows[0]) }

// first reports whether a row is the first of those that the doubt is about.
func (d *doubt) first(row *audit.Row) bool {
	return bytes.Equal(d.body, row.Body) && bytes.Equal(d.salt, row.Salt)
}

// manyDoubts is how many doubts are kept, of rows that are not given again.
const manyDoubts = 16

// doubts are those that are open, the oldest first.
type doubts struct {
	mu  sync.Mutex
	all []*doubt
}

// list returns the doubts that are open.
func (ds *doubts) list() []*doubt {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return slices.Clone(ds.all)
}

// drop forgets doubts.
func (ds *doubts) drop(over ...*doubt) {
	if len(over) == 0 {
		return
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.all = slices.DeleteFunc(ds.all, func(d *doubt) bool { return slices.Contains(over, d) })
}

// add opens a doubt.
func (ds *doubts) add(d *doubt) {
	d.body, d.salt = bytes.Clone(d.body), bytes.Clone(d.salt) // the rows are the caller's
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.all = append(ds.all[max(0, len(ds.all)+1-manyDoubts):], d)
}

// settle returns the rows without those that are stored already, and the doubts that say
// so: they are over once the others are stored too. The transaction is the only one of audit.
func (s *Store) settle(ctx context.Context, tx *sql.Tx, rows []audit.Row) (rest []audit.Row, stored []*doubt, err error) {
	for _, d := range s.doubts.list() {
		if !d.of(rows) {
			continue
		}
		var there audit.Row
		err := tx.QueryRowContext(ctx, `SELECT body, salt FROM audit_record WHERE seq = $1`, d.seq).Scan(&there.Body, &there.Salt)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return nil, nil, fmt.Errorf("looking for audit record %d, whose commit was not answered: %w", d.seq, err)
		case err == nil && d.first(&there):
			rows, stored = rows[d.rows:], append(stored, d)
		default:
			s.doubts.drop(d)
		}
	}
	return rows, stored, nil
}
