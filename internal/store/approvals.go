package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/approve"
)

const (
	// keptApprovals is how long requests for approval stay that are settled, so that who comes late is told.
	keptApprovals = time.Hour
	// mostApprovals is how many are read at once.
	mostApprovals = 10_000
)

// approvalRows are the requests for approval.
const approvalRows = `SELECT id, instance, beat, state, caller, server, name, digest, call, method, client, why, arguments, deciders, asked, expires,
	decider, via, reason, settled FROM approval `

// AddApproval adds a request that waits, and lets go of what was settled long ago. It implements approve.Requests.
func (s *Store) AddApproval(ctx context.Context, r *approve.Request) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		old := millis(r.Asked.Add(-keptApprovals))
		if _, err := tx.ExecContext(ctx, `DELETE FROM approval WHERE state <> 'waiting' AND asked < $1`, old); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO approval (id, instance, beat, state, caller, server, name, digest, call, method, client, why, arguments,
			deciders, asked, expires, decider, via, reason, settled)
			VALUES ($1, $2, 0, 'waiting', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', '', '', 0)`,
			r.ID, r.Instance, r.Caller, r.Server, written.Replace(r.Name), r.Digest, r.Call, r.Method, written.Replace(r.Client), r.Why,
			written.Replace(r.Arguments), r.By, millis(r.Asked), millis(r.Until))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a request for approval: %w", err)
	}
	return nil
}

// SettleApproval settles a request that waits. It implements approve.Requests.
func (s *Store) SettleApproval(ctx context.Context, id string, how *approve.Settlement) (approve.Request, error) {
	var r approve.Request
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		found, err := s.approvals(ctx, tx, `WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return approve.ErrUnknown
		}
		if r = found[0]; r.Refuses(how) != nil {
			return r.Refuses(how)
		}
		if how.Remember != nil {
			how.Remember.Subject = r.Subject
			if err := remember(ctx, tx, how.Remember); err != nil {
				return err
			}
		}
		if err := settle(ctx, tx, id, how); err != nil {
			return err
		}
		found, err = s.approvals(ctx, tx, `WHERE id = $1`, id)
		if err == nil {
			r = found[0]
		}
		return err
	})
	if err != nil {
		return r, fmt.Errorf("settling a request for approval: %w", err)
	}
	return r, nil
}

// settle settles a request, with a decision that is remembered all others that it is about, if they still wait.
func settle(ctx context.Context, tx *sql.Tx, id string, how *approve.Settlement) error {
	const set = `UPDATE approval SET state = $2, decider = $3, via = $4, reason = $5, settled = $6 WHERE state = 'waiting' AND `
	text := written.Replace(how.Reason)
	_, err := tx.ExecContext(ctx, set+`id = $1`, id, string(how.State), how.Decider, how.Via, text, millis(how.At))
	if m := how.Remember; err == nil && m != nil {
		_, err = tx.ExecContext(ctx, set+`caller = $1 AND server = $7 AND name = $8 AND digest = $9 AND deciders <> 'host'`,
			m.Caller, string(how.State), how.Decider, how.Via, text, millis(how.At), m.Server, written.Replace(m.Name), m.Digest)
	}
	return err
}

// remember keeps a decision, in the place of what was remembered before.
func remember(ctx context.Context, tx *sql.Tx, m *approve.Remembered) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM approval_memory WHERE expires <> 0 AND expires <= $1`, millis(m.Created)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO approval_memory (id, caller, server, name, digest, created, expires, decider, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (caller, server, name, digest) DO UPDATE SET id = excluded.id,
		created = excluded.created, expires = excluded.expires, decider = excluded.decider, reason = excluded.reason`,
		m.ID, m.Caller, m.Server, written.Replace(m.Name), m.Digest, millis(m.Created), millis(m.Expires), m.Decider, written.Replace(m.Reason))
	return err
}

// WaitingApprovals returns the requests that wait. It implements approve.Requests.
func (s *Store) WaitingApprovals(ctx context.Context) ([]approve.Request, error) {
	return s.approvals(ctx, s.db, `WHERE state = 'waiting' ORDER BY asked, id LIMIT $1`, mostApprovals)
}

// SettledApprovals returns the requests of an instance that wait no longer. It implements approve.Requests.
func (s *Store) SettledApprovals(ctx context.Context, instance string, since time.Time) ([]approve.Request, error) {
	return s.approvals(ctx, s.db, `WHERE instance = $1 AND asked >= $2 AND state <> 'waiting' ORDER BY asked DESC LIMIT $3`, instance, millis(since), mostApprovals)
}

// BeatApprovals says that an instance still holds its calls. It implements approve.Requests.
func (s *Store) BeatApprovals(ctx context.Context, instance string) error {
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE approval SET beat = beat + 1 WHERE state = 'waiting' AND instance = $1`, instance)
		return err
	})
	if err != nil {
		return fmt.Errorf("saying that calls still wait: %w", err)
	}
	return nil
}

func (s *Store) approvals(ctx context.Context, from querier, where string, args ...any) ([]approve.Request, error) {
	rows, err := from.QueryContext(ctx, approvalRows+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading requests for approval: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []approve.Request
	for rows.Next() {
		r, err := scanApproval(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a request for approval: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading requests for approval: %w", err)
	}
	return all, nil
}

func scanApproval(rows *sql.Rows) (approve.Request, error) {
	var r approve.Request
	var state string
	var asked, expires, settled int64
	err := rows.Scan(&r.ID, &r.Instance, &r.Beat, &state, &r.Caller, &r.Server, &r.Name, &r.Digest, &r.Call, &r.Method, &r.Client, &r.Why, &r.Arguments,
		&r.By, &asked, &expires, &r.Decider, &r.Via, &r.Reason, &settled)
	r.State, r.Asked, r.Until, r.At = approve.State(state), fromMillis(asked), fromMillis(expires), fromMillis(settled)
	for _, text := range []*string{&r.Name, &r.Client, &r.Arguments, &r.Reason} {
		*text = meant.Replace(*text)
	}
	return r, err
}

// rememberedRows are the decisions that are remembered.
const rememberedRows = `SELECT id, caller, server, name, digest, created, expires, decider, reason FROM approval_memory `

// RecallApproval returns what is remembered of a subject. It implements approve.Memory.
func (s *Store) RecallApproval(ctx context.Context, of approve.Subject, now time.Time) (approve.Remembered, bool, error) {
	found, err := s.remembered(ctx, s.db, `WHERE caller = $1 AND server = $2 AND name = $3 AND digest = $4 AND (expires = 0 OR expires > $5)`,
		of.Caller, of.Server, written.Replace(of.Name), of.Digest, millis(now))
	if err != nil || len(found) == 0 {
		return approve.Remembered{}, false, err
	}
	return found[0], true, nil
}

// RememberedApprovals returns all decisions that are remembered. It implements approve.Memory.
func (s *Store) RememberedApprovals(ctx context.Context, now time.Time) ([]approve.Remembered, error) {
	return s.remembered(ctx, s.db, `WHERE expires = 0 OR expires > $1 ORDER BY created, id LIMIT $2`, millis(now), mostApprovals)
}

// ForgetApproval forgets a decision. It implements approve.Memory.
func (s *Store) ForgetApproval(ctx context.Context, id string) (approve.Remembered, error) {
	var r approve.Remembered
	err := s.db.InTx(ctx, func(tx *sql.Tx) error {
		found, err := s.remembered(ctx, tx, `WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return approve.ErrUnknown
		}
		r = found[0]
		_, err = tx.ExecContext(ctx, `DELETE FROM approval_memory WHERE id = $1`, id)
		return err
	})
	if err != nil && !errors.Is(err, approve.ErrUnknown) {
		err = fmt.Errorf("forgetting a remembered approval: %w", err)
	}
	return r, err
}

func (s *Store) remembered(ctx context.Context, from querier, where string, args ...any) ([]approve.Remembered, error) {
	rows, err := from.QueryContext(ctx, rememberedRows+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading remembered approvals: %w", err)
	}
	defer func() { _ = rows.Close() }() // reading only
	var all []approve.Remembered
	for rows.Next() {
		var r approve.Remembered
		var created, expires int64
		if err := rows.Scan(&r.ID, &r.Caller, &r.Server, &r.Name, &r.Digest, &created, &expires, &r.Decider, &r.Reason); err != nil {
			return nil, fmt.Errorf("reading a remembered approval: %w", err)
		}
		r.Name, r.Reason, r.Created, r.Expires = meant.Replace(r.Name), meant.Replace(r.Reason), fromMillis(created), fromMillis(expires)
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading remembered approvals: %w", err)
	}
	return all, nil
}
