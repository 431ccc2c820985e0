package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sumun-mcp/sumun/bench/boxed"
)

// A figure is measured within this process, over what the gateway is made of, since no client could see it.
type figure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Rounds are the values, one for each round.
	Rounds []float64 `json:"rounds,omitempty"`
	// Skipped says why there are none.
	Skipped string `json:"skipped,omitempty"`
}

// median is that of the rounds, and 0 if there are none.
func (f *figure) median() float64 {
	if len(f.Rounds) == 0 {
		return 0
	}
	all := slices.Sorted(slices.Values(f.Rounds))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// String is the figure as a line of the report.
func (f *figure) String() string {
	if f.Skipped != "" {
		return f.Name + ": skipped, " + f.Skipped
	}
	text := fmt.Sprintf("%s: %s %s", f.Name, short(f.median()), f.Unit)
	if len(f.Rounds) > 1 {
		text += fmt.Sprintf(" (%s–%s)", short(slices.Min(f.Rounds)), short(slices.Max(f.Rounds)))
	}
	return text
}

// An inside is one figure that can be measured: open makes what is measured ready, and returns what measures one round, and ends it.
type inside struct {
	name, unit string
	open       func(ctx context.Context) (round func(ctx context.Context) (float64, error), end func() error, err error)
}

// insides are the figures that the flags ask for.
func (b *bench) insides() []inside {
	all := []inside{
		{auditSQLite, "records/s", b.openAuditSQLite},
		{auditPostgres, "records/s", b.openAuditPostgres},
		{fewKeys, "ns", func(ctx context.Context) (roundFunc, func() error, error) { return b.openKeys(ctx, 10) }},
		{manyKeys, "ns", func(ctx context.Context) (roundFunc, func() error, error) { return b.openKeys(ctx, 100_000) }},
	}
	for _, f := range boxed.Figures(b.dir) {
		all = append(all, inside{f.Name, f.Unit, func(ctx context.Context) (roundFunc, func() error, error) {
			round, err := f.Open(ctx)
			if errors.Is(err, boxed.ErrMissing) {
				err = skip{err}
			}
			return round, func() error { return nil }, err
		}})
	}
	return slices.DeleteFunc(all, func(i inside) bool { return !b.only.MatchString(i.name) })
}

// roundFunc measures one round.
type roundFunc = func(ctx context.Context) (float64, error)

// look measures the figures that the flags ask for.
func (b *bench) look(ctx context.Context, progress io.Writer) ([]*figure, error) {
	var figures []*figure
	for _, i := range b.insides() {
		fmt.Fprintln(progress, i.name)
		f, err := i.measure(ctx, b.opt.rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.name, err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// measure measures one figure.
func (i *inside) measure(ctx context.Context, rounds int) (f *figure, err error) {
	f = &figure{Name: i.name, Unit: i.unit}
	round, end, err := i.open(ctx)
	if why, ok := asSkip(err); ok {
		f.Skipped = why
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if late := end(); err == nil {
			err = late
		}
	}()
	for range rounds {
		value, err := round(ctx)
		if err != nil {
			return nil, err
		}
		f.Rounds = append(f.Rounds, value)
	}
	return f, nil
}
