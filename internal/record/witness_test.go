package record_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// witnessed is how many events the other process puts on record.
const witnessed = 40

// writeAlone puts events on the record of a store, as verbs do beside a gateway.
func writeAlone(at, dir string) error {
	ctx := context.Background()
	cfg := sharedSettings(at, dir)
	s, err := store.Open(ctx, at)
	if err != nil {
		return err
	}
	w := &record.Witness{Config: cfg, Store: s}
	for i := range witnessed {
		if err := w.Event(ctx, audit.Event{Kind: audit.KeyCreated, Subject: fmt.Sprint("k", i)}); err != nil {
			return err
		}
	}
	return s.Close()
}

// sharedSettings are those of processes that share a store.
func sharedSettings(at, dir string) *config.Config {
	return &config.Config{
		Store: at, Dir: dir, Audit: config.Audit{Sign: true, Payloads: "hash", Durability: "batch", Checkpoint: 10 * time.Millisecond},
	}
}

// TestTwoProcesses lets a verb and a gateway write to one record at once: there is one
// tree, and no checkpoint of either contradicts it.
func TestTwoProcesses(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		dir := t.TempDir()
		if file, ok := strings.CutPrefix(at, "sqlite:"); ok {
			dir = filepath.Dir(file)
		}
		cfg := sharedSettings(at, dir)
		s, err := store.Open(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		log, err := record.Open(t.Context(), cfg, s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		other := exec.Command(os.Args[0], dir)
		other.Env, other.Stderr = append(os.Environ(), writerAt+"="+at), &said
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- other.Wait() }()
		calls := 0
		for over := false; !over; calls++ {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%v: %s", err, said.String())
				}
				over = true
			case <-time.After(time.Millisecond):
			}
			if err := ask(t.Context(), log, fmt.Sprint("i-", calls), func() {}); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		book, err := record.Read(cfg, s, "")
		if err != nil {
			t.Fatal(err)
		}
		report, err := book.Verify(t.Context())
		if err != nil || len(report.Faults) > 0 || report.Records != int64(calls+witnessed) || report.Sealed != report.Records {
			t.Errorf("%d calls and %d events: %+v, %v", calls, witnessed, report, err)
		}
		for e, err := range book.Entries(t.Context(), record.Query{Want: map[string]string{"event": "key.*"}}) {
			if err != nil || e.Text("actor") != record.Person() {
				t.Fatalf("%v by %q, %v", e.Members, e.Text("actor"), err)
			}
		}
	})
}
