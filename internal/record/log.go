package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/courier"
)

// A Log is the record of a gateway that runs: what is put on it is stored, sealed, and its
// checkpoints are shipped.
type Log struct {
	*audit.Log

	courier *courier.Courier
	keeper  *keeper
	sealer  *watched
	cancel  context.CancelFunc
	beside  sync.WaitGroup
}

// Open begins to record what a gateway does. It compares what is stored with the
// newest checkpoints first, and fails with auditlog.ErrAltered where they differ: a
// record that goes on as if nothing had happened would vouch for what was altered. It
// fails with auditlog.ErrOtherKey where another key than this gateway's signs the record.
func Open(ctx context.Context, cfg *config.Config, store Store, log *slog.Logger) (*Log, error) {
	if err := os.MkdirAll(cfg.StateDir(), 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the state: %w", err)
	}
	ships, err := courier.New(ctx, courier.Options{To: cfg.Audit.Ship, Log: log})
	if err != nil {
		return nil, err
	}
	sealer, err := resume(ctx, cfg, &auditlog.Sealer{Store: store, File: CheckpointFile(cfg), KeyFile: KeyFile(cfg), Made: ships.Take}, log)
	if err != nil {
		ships.Close()
		return nil, err
	}
	durable := cfg.Audit.Durability == "sync"
	store.SyncRecords(durable)
	seal := &watched{Sealer: sealer}
	l := &Log{courier: ships, sealer: seal, Log: audit.New(ctx, audit.Options{
		Sink: store, Sealer: seal, Checkpoint: cmp.Or(cfg.Audit.Checkpoint, time.Second), Durable: durable,
		Keeping: audit.Keeping{Payloads: audit.Payloads(cfg.Audit.Payloads)}, Log: log,
	})}
	l.keeper = &keeper{eraser: eraser{store: store}, log: l.Log, tell: log}
	l.Retain(cfg.Audit.Retain)
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.beside.Go(func() { l.keeper.run(ctx) })
	return l, nil
}

// resume opens the key and makes sure that the log can be gone on with.
func resume(ctx context.Context, cfg *config.Config, sealer *auditlog.Sealer, log *slog.Logger) (*auditlog.Sealer, error) {
	var err error
	if cfg.Audit.Sign {
		err = sealer.OpenKey(ctx)
	}
	unsealed := int64(0)
	if err == nil {
		unsealed, err = sealer.Resume(ctx)
	}
	switch {
	case errors.Is(err, auditlog.ErrOtherKey):
		return nil, fmt.Errorf("%w, in %s. Instances that share a store need one key: give each the same file and name it as audit.keyFile. To begin another log, name another store", err, KeyFile(cfg))
	case errors.Is(err, auditlog.ErrAltered):
		return nil, fmt.Errorf("%w; `sumun audit verify` tells more. To begin another log, name another store, and move away what lies beside it under its name", err)
	case err != nil:
		return nil, err
	}
	if unsealed > 0 {
		log.WarnContext(ctx, "audit records were not sealed when the gateway ended; they are now", slog.Int64("records", unsealed))
	}
	return sealer, nil
}

// A watched is a sealer that tells of a log which was altered.
type watched struct {
	*auditlog.Sealer

	tell atomic.Pointer[func(ctx context.Context, err error)]
	// told says that the last try has found it altered too. It belongs to the writer of the record.
	told bool
}

// Seal makes a checkpoint, or tells that the log was altered, once each time that begins.
func (w *watched) Seal(ctx context.Context) error {
	err := w.Sealer.Seal(ctx)
	altered, tell := errors.Is(err, auditlog.ErrAltered), w.tell.Load()
	if altered && !w.told && tell != nil {
		(*tell)(ctx, err)
	}
	w.told = altered && tell != nil
	return err
}

// OnAltered has somebody told when the log turns out to be altered while the gateway runs: it is not sealed any more then. Who is told
// must not wait for the record.
func (l *Log) OnAltered(tell func(ctx context.Context, err error)) { l.sealer.tell.Store(&tell) }

// Event puts on record what is no call; see [audit.Log.Event]. A nil log has no records.
func (l *Log) Event(ctx context.Context, e audit.Event) error {
	if l == nil {
		return nil
	}
	return l.Log.Event(ctx, e)
}

// Retain changes how long payloads stay beside their records; 0 is for ever.
func (l *Log) Retain(d time.Duration) { l.keeper.retain.Store(int64(d)) }

// Observe tells how it goes with each place that checkpoints are shipped to.
func (l *Log) Observe(tell func(to string, sent, failed int64, late bool)) {
	for _, s := range l.courier.Shipments() {
		tell(s.To, s.Sent, s.Failed, s.Late)
	}
}

// Close stores and seals what is left, has the last checkpoint shipped, and ends the log.
func (l *Log) Close() error {
	l.cancel()
	l.beside.Wait()
	err := l.Log.Close()
	l.courier.Close()
	return err
}
