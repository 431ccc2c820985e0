package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/pins"
)

// pinColumns are what is read of a pin: its definition stays in the database.
const pinColumns = `server, tool, checksum, digest, version, first_seen`

// Pins returns all pins of tools. It implements pins.Store.
func (s *Store) Pins(ctx context.Context) ([]pins.Pin, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+pinColumns+` FROM tool_pin`)
	if err != nil {
		return nil, fmt.Errorf("reading the pins of tools: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []pins.Pin
	for rows.Next() {
		pin, err := scanPin(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the pin of a tool: %w", err)
		}
		all = append(all, pin)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the pins of tools: %w", err)
	}
	return all, nil
}

// PostgreSQL has no text with a zero byte, which a server can put into the name of a tool with \u0000: so that one tool
// does not keep the pins of others from being stored, it is written in another way.
var (
	written = strings.NewReplacer("\x00", "\x1a0", "\x1a", "\x1a1")
	meant   = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1a")
)

func scanPin(row interface{ Scan(into ...any) error }) (pins.Pin, error) {
	var pin pins.Pin
	var seen int64
	err := row.Scan(&pin.Server, &pin.Tool, &pin.Checksum, &pin.Digest, &pin.Version, &seen)
	pin.Tool, pin.FirstSeen = meant.Replace(pin.Tool), time.Unix(seen, 0)
	return pin, err
}

// AddPins stores pins of tools, all or none, and returns those that were there and stay. It implements pins.Store.
func (s *Store) AddPins(ctx context.Context, add []*pins.Pin) (stay []pins.Pin, err error) {
	err = s.db.InTx(ctx, func(tx *sql.Tx) error {
		stay = nil
		for _, pin := range add {
			there, err := addPin(ctx, tx, pin)
			if err != nil {
				return err
			}
			if there != nil {
				stay = append(stay, *there)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("storing the pins of tools: %w", err)
	}
	return stay, nil
}

// addPin stores a pin, or returns the one that is there.
func addPin(ctx context.Context, tx *sql.Tx, pin *pins.Pin) (*pins.Pin, error) {
	const insert = `INSERT INTO tool_pin (server, tool, checksum, digest, definition, version, first_seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (server, tool) DO `
	query := insert + `NOTHING`
	if pin.Version != "" {
		query = insert + `UPDATE SET checksum = excluded.checksum, digest = excluded.digest, definition = excluded.definition,
			version = excluded.version, first_seen = excluded.first_seen`
	}
	done, err := tx.ExecContext(ctx, query,
		pin.Server, written.Replace(pin.Tool), pin.Checksum, pin.Digest, string(pin.Definition), pin.Version, pin.FirstSeen.Unix())
	if err != nil {
		return nil, err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return nil, err
	}
	there, err := scanPin(tx.QueryRowContext(ctx, `SELECT `+pinColumns+` FROM tool_pin WHERE server = $1 AND tool = $2`,
		pin.Server, written.Replace(pin.Tool)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("the pin of %s is neither stored nor there", pin.Tool)
	}
	return &there, err
}
