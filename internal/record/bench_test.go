package record_test

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// BenchmarkRecord prints records a second of 64 callers at once, with signed
// checkpoints each second, whose answers wait for the disk (sync) or do not (batch).
func BenchmarkRecord(b *testing.B) {
	for _, mode := range []string{"sync", "batch"} {
		b.Run(mode, func(b *testing.B) {
			cfg := &config.Config{
				Store: "sqlite:" + b.TempDir() + "/sumun.db",
				Audit: config.Audit{Sign: true, Payloads: "hash", Durability: mode, Checkpoint: time.Second},
			}
			s, err := store.Open(b.Context(), cfg.StoreFile())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			log, err := record.Open(b.Context(), cfg, s, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() {
					for left.Add(-1) >= 0 {
						if err := ask(b.Context(), log, "i-1", func() {}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
			if err := log.Close(); err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkVerify prints how many records a second are verified.
func BenchmarkVerify(b *testing.B) {
	const records = 20_000
	l := newLog(b, records, 5_000, 10_000)
	for b.Loop() {
		if report := l.verify(); len(report.Faults) > 0 {
			b.Fatal(report.Faults)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
