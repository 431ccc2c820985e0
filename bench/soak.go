package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// soakConns and soakLimit bound a soak.
const (
	soakConns = 16
	soakLimit = 10 * time.Minute
)

// soak makes many large calls through each target and writes a line for each: how many connections were dropped.
func (b *bench) soak(ctx context.Context, out io.Writer) error {
	s, err := b.openStand(ctx, load.Shapes()[0], 1)
	if err != nil {
		return err
	}
	defer s.close()
	for _, t := range s.targets {
		clients, err := load.Open(ctx, callWork(load.Large()).task(t.script), soakConns)
		if err != nil {
			return err
		}
		seen := clients.Drive(ctx, soakLimit, b.opt.soakCalls)
		clients.Close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fmt.Fprintf(out, "%s  %d calls at 16 KB in %.1f s: %d failed, %d connections dropped\n",
			t.name, seen.Calls, seen.Elapsed.Seconds(), seen.Failed, seen.Dropped)
		if seen.First != nil {
			fmt.Fprintf(out, "   the first: %v\n", seen.First)
		}
	}
	return nil
}
