package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// idle opens many legacy sessions at each target that keeps sessions, leaves them alone, and writes how fast it was and what they occupy.
func (b *bench) idle(ctx context.Context, out io.Writer) error {
	s, err := b.openStand(ctx, load.Shapes()[1], 1)
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
	cpu, err := t.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	sessions, err := load.OpenSessions(ctx, t.script, b.opt.sessions)
	if err != nil {
		return err
	}
	n, took := float64(len(sessions)), time.Since(began).Seconds()
	used, err := t.cpu()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s  %d sessions opened: %.0f a second, %.0f µs CPU each\n", t.name, len(sessions), n/took, micros(used-cpu)/n)
	after, err := settle(ctx, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s  %d idle sessions: %+.1f MB resident, %+.1f MB heap, %.1f KB heap each\n", t.name, len(sessions),
		float64(after.resident-before.resident)/1e6, float64(after.heap-before.heap)/1e6, float64(after.heap-before.heap)/n/1e3)
	if err := load.CallIn(ctx, t.script, sessions[0]); err != nil {
		return fmt.Errorf("a session was not kept: %w", err)
	}
	return nil
}

// A footprint is the memory of a process right after a garbage collection.
type footprint struct{ resident, heap int64 }

// settle makes small calls until the process has collected its garbage twice, so that what it holds is what it needs.
func settle(ctx context.Context, t *target) (footprint, error) {
	clients, err := load.Open(ctx, callWork(load.Small()).task(t.script), 1)
	if err != nil {
		return footprint{}, err
	}
	defer clients.Close()
	now, err := t.memory(ctx)
	for target, i := now.GCs+2, 0; err == nil && now.GCs < target; i++ {
		if i == 600 {
			return footprint{}, errors.New("no garbage collection in a minute of calls")
		}
		clients.Drive(ctx, 100*time.Millisecond, 0)
		now, err = t.memory(ctx)
	}
	if err != nil {
		return footprint{}, err
	}
	resident, err := residentBytes(t.cmd.Process.Pid)
	return footprint{resident, now.Heap}, err
}
