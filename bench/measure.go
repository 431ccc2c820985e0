package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// A sample is one target's figures in one round of a cell. CPU, Allocs and Bytes are those of the target's process per
// call; a figure that could not be measured is 0.
type sample struct {
	Round   int     `json:"round"`
	Who     string  `json:"who"`
	Calls   int64   `json:"calls"`
	Failed  int64   `json:"failed"`
	Dropped int64   `json:"dropped"`
	Rate    float64 `json:"perSecond"`
	P50     float64 `json:"p50us"`
	P99     float64 `json:"p99us"`
	CPU     float64 `json:"cpuUs"`
	Allocs  float64 `json:"allocs"`
	Bytes   float64 `json:"bytes"`
	Error   string  `json:"error,omitempty"`
}

// A cell is one combination of shape, work and number of connections, measured on all targets in turn.
type cell struct {
	Shape   string   `json:"shape"`
	Work    string   `json:"work"`
	Conns   int      `json:"connections"`
	Samples []sample `json:"samples"`
}

// name returns the cell's name as -only matches it.
func (c *cell) name() string { return fmt.Sprintf("%s, %s, c=%d", c.Shape, c.Work, c.Conns) }

// fill measures all rounds of a cell. Who comes first rotates from round to round, so that no target always follows the
// same neighbour.
func (b *bench) fill(ctx context.Context, c *cell, s *stand, w work) error {
	for round := range b.opt.rounds {
		for i := range s.targets {
			t := s.targets[(round+i)%len(s.targets)]
			got, err := b.measure(ctx, s, t, w, c.Conns)
			if err != nil {
				return fmt.Errorf("%s at %s: %w", t.name, c.name(), err)
			}
			got.Round = round + 1
			c.Samples = append(c.Samples, got)
		}
	}
	return nil
}

// measure loads one target once: fresh connections, a warm-up, then the time that counts.
func (b *bench) measure(ctx context.Context, s *stand, t *target, w work, conns int) (sample, error) {
	clients, err := load.Open(ctx, w.task(t.script), conns)
	if err != nil {
		return sample{}, err
	}
	defer clients.Close()
	clients.Drive(ctx, max(b.opt.duration/5, 100*time.Millisecond), 0)

	done := b.noise.watch(s)
	memBefore, err := t.memory(ctx)
	if err != nil {
		return sample{}, err
	}
	cpuBefore, cpuErr := t.cpu()
	seen := clients.Drive(ctx, b.opt.duration, 0)
	cpuAfter, _ := t.cpu()
	memAfter, err := t.memory(ctx)
	if err != nil {
		return sample{}, err
	}
	done()
	if ctx.Err() != nil {
		return sample{}, context.Cause(ctx)
	}
	if seen.Calls == 0 {
		return sample{}, fmt.Errorf("not one call succeeded: %w", seen.First)
	}
	out := summary(t.name, &seen)
	calls := float64(seen.Calls)
	if cpuErr == nil {
		out.CPU = micros(cpuAfter-cpuBefore) / calls
	}
	out.Allocs = float64(memAfter.Mallocs-memBefore.Mallocs-t.probe.Mallocs) / calls
	out.Bytes = float64(memAfter.Bytes-memBefore.Bytes-t.probe.Bytes) / calls
	return out, nil
}

// summary returns the part of a sample that the clients have seen.
func summary(who string, seen *load.Tally) sample {
	out := sample{
		Who: who, Calls: seen.Calls, Failed: seen.Failed, Dropped: seen.Dropped,
		Rate: float64(seen.Calls) / seen.Elapsed.Seconds(),
		P50:  micros(seen.Quantile(0.50)),
		P99:  micros(seen.Quantile(0.99)),
	}
	if seen.First != nil {
		out.Error = seen.First.Error()
	}
	return out
}

// micros returns a duration in microseconds.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
