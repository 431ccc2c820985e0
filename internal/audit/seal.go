package audit

import (
	"context"
	"log/slog"
	"time"
)

// A Sealer seals what is stored, so that it shows when it is changed; internal/auditlog
// has one.
type Sealer interface {
	// Seal makes a checkpoint of all records that are stored, unless there is one.
	Seal(ctx context.Context) error
}

// sealMany is how many records are sealed at once at most, unless storing them takes less time than that.
const sealMany = 10_000

// sealIdle is how often what others have put on the same record is looked for, such as
// a verb that has no key.
const sealIdle = time.Minute

// A sealing says when to seal. It belongs to the writer.
type sealing struct {
	sealer Sealer
	every  time.Duration
	// due tells when the oldest record that is not sealed has waited long enough.
	due *time.Timer
	// idle ticks for what others have stored.
	idle *time.Ticker
	// records is how many are not sealed.
	records int
}

func newSealing(by Sealer, every time.Duration) sealing {
	due := time.NewTimer(every)
	due.Stop()
	return sealing{sealer: by, every: every, due: due, idle: time.NewTicker(sealIdle)}
}

// stop ends the timers.
func (s *sealing) stop() {
	s.due.Stop()
	s.idle.Stop()
}

// add takes note of records that were stored, and reports whether they are to be sealed now.
func (s *sealing) add(records int) (now bool) {
	if s.sealer == nil {
		return false
	}
	if s.records == 0 {
		s.due.Reset(s.every)
	}
	s.records += records
	return s.records >= sealMany
}

// sealAll seals what is stored. Where that fails it is tried again in time: what is on
// record is not lost, it is only not sealed yet.
func (w *writer) sealAll(ctx context.Context) {
	s := &w.seal
	if s.sealer == nil || s.records == 0 {
		return
	}
	w.sealNow(ctx)
}

// sealNow seals what is stored, by whomever.
func (w *writer) sealNow(ctx context.Context) {
	s := &w.seal
	if s.sealer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if err := s.sealer.Seal(ctx); err != nil {
		w.log.ErrorContext(ctx, "audit records cannot be sealed yet", slog.Int("records", s.records), slog.Any("error", err))
		s.records = 1 // tried again when it is due, not with each batch
		s.due.Reset(max(s.every, retry))
		return
	}
	s.due.Stop()
	s.records = 0
}
