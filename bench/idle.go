package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// openers is how many connections open sessions at once.
const openers = 8

// idle opens many legacy sessions at each target that keeps sessions, leaves them alone, and writes what they occupy.
func (b *bench) idle(ctx context.Context, out io.Writer) error {
	s, err := b.openStand(ctx, shapes()[1], 1)
	if err != nil {
		return err
	}
	defer s.close()
	for _, t := range s.targets {
		if t.name != "C" && t.name != "S" {
			continue // E and B keep nothing
		}
		if err := b.idleAt(ctx, t, out); err != nil {
			return fmt.Errorf("idle sessions at %s: %w", t.name, err)
		}
	}
	return nil
}

// idleAt measures one target.
func (b *bench) idleAt(ctx context.Context, t *target, out io.Writer) error {
	before, err := settle(ctx, t)
	if err != nil {
		return err
	}
	sessions, err := openSessions(ctx, t.script, b.opt.sessions)
	if err != nil {
		return err
	}
	after, err := settle(ctx, t)
	if err != nil {
		return err
	}
	n := float64(len(sessions))
	fmt.Fprintf(out, "%s  %d idle sessions: %+.1f MB resident, %+.1f MB heap, %.1f KB heap each\n", t.name, len(sessions),
		float64(after.resident-before.resident)/1e6, float64(after.heap-before.heap)/1e6, float64(after.heap-before.heap)/n/1e3)
	return stillOpen(ctx, t.script, sessions[0])
}

// A footprint is the memory of a process right after a garbage collection.
type footprint struct{ resident, heap int64 }

// settle makes small calls until the process has collected its garbage twice, so that what it holds is what it needs.
func settle(ctx context.Context, t *target) (footprint, error) {
	seats, err := openSeats(ctx, callWork(small()).task(t.script), 1)
	if err != nil {
		return footprint{}, err
	}
	defer closeSeats(seats, t.script)
	now, err := t.memory(ctx)
	for target, i := now.GCs+2, 0; err == nil && now.GCs < target; i++ {
		if i == 600 {
			return footprint{}, errors.New("no garbage collection in a minute of calls")
		}
		drive(ctx, seats, 100*time.Millisecond, 0)
		now, err = t.memory(ctx)
	}
	if err != nil {
		return footprint{}, err
	}
	resident, err := residentBytes(t.cmd.Process.Pid)
	return footprint{resident, int64(now.Heap)}, err
}

// openSessions opens n sessions over few connections and returns their ids.
func openSessions(ctx context.Context, sc script, n int) ([]string, error) {
	sessions := make([]string, n)
	errs := make([]error, openers)
	var wg sync.WaitGroup
	for worker := range openers {
		wg.Go(func() {
			s := &seat{addr: sc.addr}
			if errs[worker] = s.dial(ctx); errs[worker] != nil {
				return
			}
			defer func() { _ = s.conn.Close() }()
			for i := worker; i < n && errs[worker] == nil && ctx.Err() == nil; i += openers {
				sessions[i], errs[worker] = s.shake(sc)
			}
		})
	}
	wg.Wait()
	return sessions, errors.Join(append(errs, ctx.Err())...)
}

// shake opens one session on the seat's connection.
func (s *seat) shake(sc script) (string, error) {
	if err := s.conn.SetDeadline(time.Now().Add(grace)); err != nil {
		return "", err
	}
	return handshake(s.conn, s.answers, sc)
}

// stillOpen makes a call in a session, to see that it was kept.
func stillOpen(ctx context.Context, sc script, session string) error {
	s := &seat{addr: sc.addr, session: session, id: firstID, msg: sc.call(session, small())}
	if err := s.dial(ctx); err != nil {
		return err
	}
	defer func() { _ = s.conn.Close() }()
	if err := s.once(); err != nil {
		return fmt.Errorf("a session was not kept: %w", err)
	}
	return nil
}
