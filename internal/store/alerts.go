package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
)

const (
	// keptAlerts is how many alerts are kept that are decided on, or are about nothing that can be approved; the oldest go first.
	keptAlerts = 10_000
	// mostAlerts is how many are read at once.
	mostAlerts = 10_000
)

const alertColumns = `id, kind, severity, server, subject, text, remedy, evidence, count, raised, state, decider, reason, decided, what, thing, name, digest,
	checksum, audience`

// KeepAlert keeps an alert. It implements alert.Store.
func (s *Store) KeepAlert(ctx context.Context, k *alert.Kept) (news bool, err error) {
	err = s.db.InTx(ctx, func(tx *sql.Tx) error {
		c := &k.Change
		done, err := tx.ExecContext(ctx, `INSERT INTO alert (`+alertColumns+`, before, after)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', '', '', 0, $11, $12, $13, $14, $15, $16, $17, $18)
			ON CONFLICT (id) DO UPDATE SET state = 'open', decider = '', reason = '', decided = 0, raised = excluded.raised, text = excluded.text,
			severity = excluded.severity, evidence = excluded.evidence, audience = excluded.audience, before = excluded.before
			WHERE alert.state = 'approved'`,
			k.ID, k.Kind, k.Severity, k.Server, written.Replace(k.Subject), written.Replace(k.Text), written.Replace(k.Remedy), string(k.Evidence), k.Count,
			millis(k.At), c.What, c.Kind, written.Replace(c.Name), c.Digest, c.Checksum, c.Audience, string(c.Before), string(c.After))
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if news = n > 0; err != nil || !news {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE state <> 'open' OR what = ''
			ORDER BY raised DESC LIMIT 1000 OFFSET $1)`, keptAlerts)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("keeping an alert: %w", err)
	}
	return news, nil
}

// Alerts returns alerts, the newest first. It implements alert.Store.
func (s *Store) Alerts(ctx context.Context, f alert.Filter) ([]alert.Kept, error) {
	const query = `SELECT ` + alertColumns + ` FROM alert WHERE (state = 'open' OR $1 = 1) AND (server = $2 OR $2 = '') AND (kind = $3 OR $3 = '')
		ORDER BY raised DESC, id LIMIT $4`
	all := 0
	if f.All {
		all = 1
	}
	rows, err := s.db.QueryContext(ctx, query, all, f.Server, f.Kind, mostAlerts)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var found []alert.Kept
	for rows.Next() {
		k, err := scanAlert(rows)
		if err != nil {
			return nil, fmt.Errorf("reading an alert: %w", err)
		}
		found = append(found, *k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	return found, nil
}

// scanAlert reads a row of alertColumns, and what stands behind them.
func scanAlert(row scanner, more ...any) (*alert.Kept, error) {
	var k alert.Kept
	var evidence string
	var raised, decided int64
	c := &k.Change
	err := row.Scan(append([]any{
		&k.ID, &k.Kind, &k.Severity, &k.Server, &k.Subject, &k.Text, &k.Remedy, &evidence, &k.Count, &raised, &k.State, &k.Decider, &k.Reason, &decided,
		&c.What, &c.Kind, &c.Name, &c.Digest, &c.Checksum, &c.Audience,
	}, more...)...)
	if evidence != "" {
		k.Evidence = json.RawMessage(evidence)
	}
	k.Subject, k.Text, k.Remedy = meant.Replace(k.Subject), meant.Replace(k.Text), meant.Replace(k.Remedy)
	k.Reason, c.Name = meant.Replace(k.Reason), meant.Replace(c.Name)
	k.At = time.UnixMilli(raised)
	if decided != 0 {
		k.Decided = time.UnixMilli(decided)
	}
	return &k, err
}

// AlertByID returns one alert. It implements alert.Store.
func (s *Store) AlertByID(ctx context.Context, id string) (*alert.Kept, error) {
	var before, after string
	k, err := scanAlert(s.db.QueryRowContext(ctx, `SELECT `+alertColumns+`, before, after FROM alert WHERE id = $1`, id), &before, &after)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, alert.ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("reading an alert: %w", err)
	}
	if before != "" {
		k.Change.Before = json.RawMessage(before)
	}
	if after != "" {
		k.Change.After = json.RawMessage(after)
	}
	return k, nil
}

// DecideAlert puts an open alert into a state. It implements alert.Store.
func (s *Store) DecideAlert(ctx context.Context, id string, to alert.State, decider, reason string) (decided bool, err error) {
	err = s.db.InTx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE alert SET state = $2, decider = $3, reason = $4, decided = $5 WHERE id = $1 AND (state = 'open' OR state = 'dismissed' AND $2 = 'approved')`,
			id, string(to), decider, written.Replace(reason), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		decided = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("deciding on an alert: %w", err)
	}
	return decided, nil
}
