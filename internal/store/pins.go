package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
)

// PostgreSQL has no text with a zero byte, which a server can put into the name of a tool with \u0000: so that one tool
// does not keep the pins of others from being stored, it is written in another way.
var (
	written = strings.NewReplacer("\x00", "\x1a0", "\x1a", "\x1a1")
	meant   = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1a")
)

// Pins returns the servers of which something was changed after that count. It implements pins.Store.
func (s *Store) Pins(ctx context.Context, since int64) (*pins.Snapshot, error) {
	all := &pins.Snapshot{Servers: map[string]map[mcp.Audience]time.Time{}}
	if err := s.db.QueryRowContext(ctx, `SELECT now FROM pin_clock WHERE id = 1`).Scan(&all.Now); err != nil {
		return nil, fmt.Errorf("reading the pins of servers: %w", err)
	}
	if all.Now == since {
		return all, nil
	}
	err := s.db.InTx(ctx, func(tx *sql.Tx) error { return readPins(ctx, tx, since, all) })
	if err != nil {
		return nil, fmt.Errorf("reading the pins of servers: %w", err)
	}
	return all, nil
}

// readPins reads all in one transaction, whose first statement keeps others from changing what is read.
func readPins(ctx context.Context, tx *sql.Tx, since int64, all *pins.Snapshot) error {
	if err := tx.QueryRowContext(ctx, `UPDATE pin_clock SET now = now WHERE id = 1 RETURNING now`).Scan(&all.Now); err != nil {
		return err
	}
	const of = ` WHERE $1 < 0 OR server IN (SELECT server FROM pin_change WHERE changed > $1)`
	if err := each(ctx, tx, `SELECT server, changed FROM pin_change WHERE changed > $1`, since, func(row scanner) error {
		var server string
		var changed int64
		err := row.Scan(&server, &changed)
		all.Servers[server] = map[mcp.Audience]time.Time{}
		return err
	}); err != nil {
		return err
	}
	if err := each(ctx, tx, `SELECT server, audience, since FROM pin_server`+of, since, func(row scanner) error {
		var server string
		var audience mcp.Audience
		var first int64
		err := row.Scan(&server, &audience, &first)
		if all.Servers[server] == nil {
			all.Servers[server] = map[mcp.Audience]time.Time{}
		}
		all.Servers[server][audience] = time.Unix(first, 0)
		return err
	}); err != nil {
		return err
	}
	return each(ctx, tx, `SELECT server, kind, name, digest, checksum, approver, audience, since FROM pin`+of, since, func(row scanner) error {
		var p pins.Pin
		var at int64
		err := row.Scan(&p.Server, &p.Kind, &p.Name, &p.Digest, &p.Checksum, &p.By, &p.Audience, &at)
		p.Name, p.Since = meant.Replace(p.Name), time.Unix(at, 0)
		all.Pins = append(all.Pins, p)
		return err
	})
}

// A scanner is a row.
type scanner interface{ Scan(into ...any) error }

// each hands on every row of a query with one parameter.
func each(ctx context.Context, tx *sql.Tx, query string, arg any, row func(scanner) error) error {
	rows, err := tx.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // reading only
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// FirstUse notes the first use of a server. It implements pins.Store.
func (s *Store) FirstUse(ctx context.Context, server string, to mcp.Audience, add []pins.Pin) (began bool, err error) {
	err = s.db.InTx(ctx, func(tx *sql.Tx) error {
		began = false
		if err := touch(ctx, tx, server); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO pin_server (server, audience, since) VALUES ($1, $2, $3) ON CONFLICT (server, audience) DO NOTHING`,
			server, to, time.Now().Unix())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		began = true
		return addPins(ctx, tx, add)
	})
	if err != nil {
		return false, fmt.Errorf("storing the first use of a server: %w", err)
	}
	return began, nil
}

// touch counts a change of a server. It is the first statement of a transaction, so that the numbers are in the order of commits.
func touch(ctx context.Context, tx *sql.Tx, server string) error {
	var now int64
	if err := tx.QueryRowContext(ctx, `UPDATE pin_clock SET now = now + 1 WHERE id = 1 RETURNING now`).Scan(&now); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO pin_change (server, changed) VALUES ($1, $2) ON CONFLICT (server) DO UPDATE SET changed = excluded.changed`,
		server, now)
	return err
}

func addPins(ctx context.Context, tx *sql.Tx, add []pins.Pin) error {
	for i := range add {
		p := &add[i]
		_, err := tx.ExecContext(ctx, `INSERT INTO pin (server, kind, name, digest, checksum, definition, approver, audience, since)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (server, kind, name, digest) DO NOTHING`,
			p.Server, p.Kind, written.Replace(p.Name), p.Digest, p.Checksum, string(p.Definition), p.By, p.Audience, p.Since.Unix())
		if err != nil {
			return err
		}
	}
	return nil
}

// ChangePins stores pins and drops others. It implements pins.Store.
func (s *Store) ChangePins(ctx context.Context, server string, add, drop []pins.Pin) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		if err := touch(ctx, tx, server); err != nil {
			return err
		}
		for i := range drop {
			p := &drop[i]
			if _, err := tx.ExecContext(ctx, `DELETE FROM pin WHERE server = $1 AND kind = $2 AND name = $3 AND digest = $4`,
				p.Server, p.Kind, written.Replace(p.Name), p.Digest); err != nil {
				return err
			}
		}
		return addPins(ctx, tx, add)
	})
	if err != nil {
		return fmt.Errorf("storing the pins of a server: %w", err)
	}
	return nil
}

// Definition returns the definition of a pin, nil if there is none. It implements pins.Store.
func (s *Store) Definition(ctx context.Context, p *pins.Pin) ([]byte, error) {
	var text string
	err := s.db.QueryRowContext(ctx, `SELECT definition FROM pin WHERE server = $1 AND kind = $2 AND name = $3 AND digest = $4`,
		p.Server, p.Kind, written.Replace(p.Name), p.Digest).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the definition of a pin: %w", err)
	}
	return []byte(text), nil
}
