package pins

import (
	"context"
	"log/slog"
	"time"
)

const (
	// patience is how long the store may take for a step.
	patience = 5 * time.Second
	// firstRetry and lastRetry are the pauses while the store fails.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// batch is how many pins are stored in one step.
	batch = 256
)

// Store is what keeps pins. Several instances may share one.
type Store interface {
	// Pins returns all pins, without their definitions.
	Pins(ctx context.Context) ([]Pin, error)
	// AddPins stores pins, all or none. Of a tool that has a pin already that one stays, and is returned without its definition;
	// but a pin with a version replaces what is there.
	AddPins(ctx context.Context, pins []*Pin) (stay []Pin, err error)
}

// keep writes what is new until the end. Err is how the store was last.
func (p *Pins) keep(ctx context.Context, err error) {
	failing, pause := false, firstRetry
	for {
		if err != nil && !failing && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "tools are pinned in memory only until the store can be reached", slog.Any("error", err))
		}
		if err == nil && failing {
			p.Log.InfoContext(ctx, "the pins of tools are stored again")
		}
		failing = err != nil
		woken, again := p.woken, (<-chan time.Time)(nil)
		if failing {
			woken, again = nil, time.After(pause)
			pause = min(2*pause, lastRetry)
		} else {
			pause = firstRetry
		}
		select {
		case <-ctx.Done():
			if err := p.flush(context.WithoutCancel(ctx)); err != nil {
				p.Log.ErrorContext(ctx, "pins of tools are lost", slog.Any("error", err))
			}
			return
		case <-woken:
		case <-again:
		}
		err = p.flush(ctx)
	}
}

// load reads what the store has.
func (p *Pins) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stored, err := p.Store.Pins(ctx)
	if err != nil {
		return err
	}
	for i := range stored {
		p.tell(p.adopt(&stored[i]))
	}
	p.loaded = true
	return nil
}

// flush stores all that is not stored yet.
func (p *Pins) flush(ctx context.Context) error {
	if !p.loaded {
		if err := p.load(ctx); err != nil {
			return err
		}
	}
	for {
		some := p.some()
		if len(some) == 0 {
			return nil
		}
		if err := p.add(ctx, some); err != nil {
			return err
		}
	}
}

// some returns pins that are not stored yet.
func (p *Pins) some() []*Pin {
	p.mu.RLock()
	defer p.mu.RUnlock()
	some := make([]*Pin, 0, min(batch, len(p.pending)))
	for _, pin := range p.pending {
		if some = append(some, pin); len(some) == batch {
			break
		}
	}
	return some
}

// add stores pins, and takes over those that another instance stored before.
func (p *Pins) add(ctx context.Context, some []*Pin) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stay, err := p.Store.AddPins(ctx, some)
	if err != nil {
		return err
	}
	p.mu.Lock()
	for _, pin := range some {
		if of := (id{pin.Server, pin.Tool}); p.pending[of] == pin { // else it was pinned again meanwhile
			delete(p.pending, of)
		}
	}
	p.mu.Unlock()
	for i := range stay {
		p.tell(p.adopt(&stay[i]))
	}
	return nil
}
