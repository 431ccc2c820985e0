package session

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// KeyLife is how long a key seals before the next one does.
	KeyLife = 30 * 24 * time.Hour
	// KeyNotice is how long the next key can be read before it seals, so that every
	// instance knows the keys of all others.
	KeyNotice = 24 * time.Hour
	// TokenLife is how long a token is good at most. A key opens for that long after
	// it has sealed last.
	TokenLife = 30 * 24 * time.Hour
	// rereading is how often a Sealer reads the keys: often enough for several tries
	// within the notice.
	rereading = time.Hour
)

// Keys is what a Sealer needs of a store, which all instances share.
type Keys interface {
	// SealingKeys returns the keys that open, the one that seals now first. Where a
	// new one is due, it stores what fresh returns, unless another instance was first.
	SealingKeys(ctx context.Context, fresh func() []byte) ([][]byte, error)
}

// OpenSealer returns a Sealer that keeps up with the keys of a store until it is
// closed. Ctx bounds the first reading only.
func OpenSealer(ctx context.Context, keys Keys, log *slog.Logger) (*Sealer, error) {
	now, err := keys.SealingKeys(ctx, NewKey)
	if err != nil {
		return nil, err
	}
	s, err := NewSealer(now...)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	var reading sync.WaitGroup
	reading.Go(func() { s.keepUp(ctx, keys, log) })
	s.close = sync.OnceFunc(func() {
		end()
		reading.Wait()
	})
	return s, nil
}

// Close ends the reading of newer keys. The Sealer can still be used with those it has.
func (s *Sealer) Close() {
	if s.close != nil {
		s.close()
	}
}

// keepUp reads the keys again and again. One that cannot be read is tried again.
func (s *Sealer) keepUp(ctx context.Context, keys Keys, log *slog.Logger) {
	tick := time.NewTicker(rereading)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := keys.SealingKeys(ctx, NewKey)
		if err == nil {
			err = s.use(now)
		}
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the sealing keys are not read; those of before go on", slog.Any("error", err))
		}
	}
}
