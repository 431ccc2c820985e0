package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/session"
)

const (
	// readBytes is how much ReadEvents returns at once, and one event more.
	readBytes = 1 << 20
	// rowBytes is what an event takes besides its data.
	rowBytes = 64
)

// WriteEvents does what a batch says. It implements session.Archive.
func (s *Store) WriteEvents(ctx context.Context, b *session.Batch) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		at := b.At.Unix()
		if _, err := tx.ExecContext(ctx, `UPDATE stream SET touched = $1 WHERE owner = $2 AND ended = 0`, at, b.Owner); err != nil {
			return err
		}
		for i := range b.Events {
			if err := writeEvent(ctx, tx, b, &b.Events[i]); err != nil {
				return err
			}
		}
		for _, id := range b.Ended {
			if _, err := tx.ExecContext(ctx, `UPDATE stream SET ended = 1, touched = $1 WHERE session = $2 AND number = $3`,
				at, id.Session, id.Number); err != nil {
				return err
			}
		}
		for _, id := range b.Dropped {
			if _, err := tx.ExecContext(ctx, `DELETE FROM stream WHERE session = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing events of streams: %w", err)
	}
	return nil
}

func writeEvent(ctx context.Context, tx *sql.Tx, b *session.Batch, e *session.Event) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO stream (session, number, owner, touched) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		e.Session, e.Number, b.Owner, b.At.Unix())
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO stream_event (session, number, seq, data) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		e.Session, e.Number, e.Seq, e.Data)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE stream SET size = size + $1 WHERE session = $2 AND number = $3`,
		len(e.Data)+rowBytes, e.Session, e.Number)
	return err
}

// ReadEvents returns events of a stream that follow the one of that number. It
// implements session.Archive.
func (s *Store) ReadEvents(ctx context.Context, id session.StreamID, after int) ([]session.Event, session.StreamState, error) {
	// The state is read first: of a stream that has ended by then, all events are there.
	state, err := s.streamState(ctx, id)
	if err != nil || state.Touched.IsZero() {
		return nil, state, err
	}
	events, err := s.streamEvents(ctx, id, after)
	return events, state, err
}

func (s *Store) streamState(ctx context.Context, id session.StreamID) (session.StreamState, error) {
	var state session.StreamState
	var ended, touched int64
	err := s.db.QueryRowContext(ctx, `SELECT ended, touched FROM stream WHERE session = $1 AND number = $2`, id.Session, id.Number).
		Scan(&ended, &touched)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return state, nil
	case err != nil:
		return state, fmt.Errorf("reading the state of a stream: %w", err)
	}
	return session.StreamState{Ended: ended != 0, Touched: time.Unix(touched, 0)}, nil
}

func (s *Store) streamEvents(ctx context.Context, id session.StreamID, after int) ([]session.Event, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT seq, data FROM stream_event WHERE session = $1 AND number = $2 AND seq > $3 ORDER BY seq`, id.Session, id.Number, after)
	if err != nil {
		return nil, fmt.Errorf("reading events of a stream: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var events []session.Event
	for size := 0; size < readBytes && rows.Next(); {
		e := session.Event{StreamID: id, Data: []byte{}}
		if err := rows.Scan(&e.Seq, &e.Data); err != nil {
			return nil, fmt.Errorf("reading an event of a stream: %w", err)
		}
		if e.Data == nil {
			e.Data = []byte{}
		}
		size += len(e.Data) + rowBytes
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading events of a stream: %w", err)
	}
	return events, nil
}

// TrimEvents deletes the streams that were touched last before that time, and then
// those that were touched longest ago, until the others have that many bytes. It
// implements session.Archive.
func (s *Store) TrimEvents(ctx context.Context, before time.Time, bytes int64) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM stream WHERE touched < $1`, before.Unix()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM stream WHERE (session, number) IN (
			SELECT session, number FROM (
				SELECT session, number, SUM(size) OVER (ORDER BY touched DESC, session, number) AS total FROM stream
			) AS newest WHERE total > $1)`, bytes)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting old events of streams: %w", err)
	}
	return nil
}
