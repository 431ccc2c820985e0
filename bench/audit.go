package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// How the audit record is measured: so many callers at once, whose answers each wait until the record of the call is on the disk.
const (
	producers     = 64
	auditSQLite   = "audit, durable, 64 producers, SQLite"
	auditPostgres = "audit, durable, 64 producers, PostgreSQL"
)

// A skip is why a figure is not measured on this machine.
type skip struct{ error }

// asSkip returns the reason if err is one to leave a figure out.
func asSkip(err error) (why string, ok bool) {
	s, ok := errors.AsType[skip](err)
	if !ok {
		return "", false
	}
	return s.Error(), true
}

// openAuditSQLite opens a record in a file.
func (b *bench) openAuditSQLite(ctx context.Context) (roundFunc, func() error, error) {
	return b.openAudit(ctx, "sqlite:"+filepath.Join(b.dir, "audit", "sumun.db"))
}

// openAuditPostgres opens a record in the PostgreSQL that -postgres names.
func (b *bench) openAuditPostgres(ctx context.Context) (roundFunc, func() error, error) {
	switch b.opt.postgres {
	case "":
		return nil, nil, skip{errors.New("-postgres is empty")}
	case "start":
		server, err := pgtest.Start(pgtest.Options{Durable: true}) //nolint:contextcheck // it outlives the call that starts it
		if err != nil {
			return nil, nil, skip{fmt.Errorf("PostgreSQL cannot be started here: %w", err)}
		}
		round, end, err := b.openAudit(ctx, server.DSN)
		if err != nil {
			server.Close()
			return nil, nil, err
		}
		return round, func() error {
			defer server.Close()
			return end()
		}, nil
	}
	return b.openAudit(ctx, b.opt.postgres)
}

// openAudit opens a sealed record whose answers wait for the disk.
func (b *bench) openAudit(ctx context.Context, address string) (roundFunc, func() error, error) {
	dir := filepath.Join(b.dir, "audit")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	cfg := config.Default()
	cfg.Dir, cfg.Store, cfg.Audit.Durability = dir, address, "sync"
	cfg.Audit.KeyFile = filepath.Join(dir, strconv.Itoa(len(address))+".key")
	kept, err := store.Open(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	log, err := record.Open(ctx, cfg, kept, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	handler := log.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		return reply.Done(ctx, mcp.Own([]byte(`{"content":[{"type":"text","text":"14"}]}`)))
	}))
	message, err := callMessage()
	if err != nil {
		return nil, nil, errors.Join(err, log.Close(), kept.Close())
	}
	var calls atomic.Int64
	round := func(ctx context.Context) (float64, error) {
		return produce(ctx, max(b.opt.duration, time.Second), func(ctx context.Context) error {
			return handler.Handle(ctx, auditedCall(calls.Add(1), message), answered{})
		})
	}
	return round, func() error { return errors.Join(log.Close(), kept.Close()) }, nil
}

// produce has all producers make calls for a while, and returns how many a second were answered.
func produce(ctx context.Context, d time.Duration, call func(ctx context.Context) error) (float64, error) {
	var all sync.WaitGroup
	var done atomic.Int64
	var failed atomic.Pointer[error]
	start := time.Now()
	for range producers {
		all.Go(func() {
			for time.Since(start) < d && failed.Load() == nil {
				if err := call(ctx); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}

// callMessage is the message of a call of a tool.
func callMessage() (*wire.Message, error) {
	m := new(wire.Message)
	raw := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"calc.evaluate","arguments":{"expression":"2*(3+4)"}}}`)
	return m, wire.NewScanner(mcp.Vocabulary(), 0).Request(raw, m)
}

// auditedCall is the n-th such call.
func auditedCall(n int64, m *wire.Message) *mcp.Call {
	return &mcp.Call{
		ID: "bench-" + strconv.FormatInt(n, 36), Caller: &mcp.Caller{ID: "bench"}, Method: mcp.MethodToolsCall, Name: "calc.evaluate",
		Request: m, Transport: "http", Revision: mcp.Latest(),
	}
}

// answered is the Reply of a client that wants nothing.
type answered struct{}

// Notify passes nothing on.
func (answered) Notify(context.Context, *wire.Message) error { return nil }

// Ask refuses.
func (answered) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done takes the answer.
func (answered) Done(context.Context, *mcp.Result) error { return nil }
