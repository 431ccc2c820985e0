package review

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
)

// Options are what a Schedule works with.
type Options struct {
	// Config returns the configuration in force, nil as long as there is none.
	Config func() *config.Config
	Store  Store
	// Tell raises an alert.
	Tell func(ctx context.Context, a alert.Alert)
	Log  *slog.Logger
}

// A Schedule reviews as often as the configuration says. The methods of a nil Schedule do nothing.
type Schedule struct {
	Options

	stop context.CancelFunc
	wait sync.WaitGroup
}

const (
	// look is how often it is looked whether it is time, and reading how long reading the facts may take.
	look    = time.Minute
	reading = 30 * time.Second
	// first is the part of the interval after which the first review is made, so that a gateway which is often restarted makes some too.
	first = 24
	// told is how many findings an alert names.
	told = 20
)

// Begin returns a Schedule that reviews until Close. What ctx holds is handed on; its end is not heeded.
func Begin(ctx context.Context, o Options) *Schedule {
	s := &Schedule{Options: o}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.wait.Go(func() { s.run(ctx) })
	return s
}

// Close ends the schedule.
func (s *Schedule) Close() {
	if s != nil {
		s.stop()
		s.wait.Wait()
	}
}

func (s *Schedule) run(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	began, last := time.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		cfg := s.Config()
		if cfg == nil || cfg.Review.Every == 0 {
			continue
		}
		due := last.Add(cfg.Review.Every)
		if last.IsZero() {
			due = began.Add(cfg.Review.Every / first)
		}
		if time.Now().Before(due) {
			continue
		}
		last = time.Now()
		if err := s.review(ctx, cfg); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "the review of scopes and keys could not be made", slog.Any("error", err))
		}
	}
}

// review makes one review and tells its findings as an alert.
func (s *Schedule) review(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	facts, err := Gather(ctx, cfg, s.Store, cfg.Review.Days)
	if err != nil {
		return err
	}
	if r := Judge(facts); len(r.Findings) > 0 {
		s.Tell(ctx, r.Alert())
	}
	return nil
}

// Alert returns an alert that tells the findings.
func (r *Report) Alert() alert.Alert {
	counts := map[string]int{}
	worst := alert.Info
	var ids []string
	for i := range r.Findings {
		f := &r.Findings[i]
		counts[f.Kind]++
		worst = max(worst, f.Severity)
		if len(ids) < told {
			ids = append(ids, f.ID)
		}
	}
	kinds := sortedKeys(counts)
	slices.SortStableFunc(kinds, func(a, b string) int { return -cmp.Compare(counts[a], counts[b]) })
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", counts[kind], kind)
	}
	evidence, err := json.Marshal(map[string]any{"findings": ids, "days": r.Days})
	if err != nil {
		evidence = nil // texts always encode
	}
	return alert.Alert{
		Kind: "review", Severity: worst, Text: "scopes and keys could be narrower: " + strings.Join(kinds, ", "),
		Remedy: fmt.Sprintf("sumun scope review --days %d", r.Days), Evidence: evidence,
	}
}
