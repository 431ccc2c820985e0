package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// bodies returns the records in order, once their numbers are right.
func bodies(t *testing.T, s *store.Store) []string {
	t.Helper()
	var all []string
	for r, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(r.Body))
		if r.Seq != int64(len(all)) {
			t.Fatalf("record %d has number %d", len(all), r.Seq)
		}
	}
	return all
}

// TestLockedElsewhere refuses calls soon after another process has locked the
// database, goes on when it lets go, and has each call on record once.
func TestLockedElsewhere(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		log := audit.New(t.Context(), audit.Options{Sink: s, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: quiet(t)})
		handler := log.Middleware(passes)
		unlock := lock(t, at)
		done := 0
		call := func() error {
			err := handler.Handle(t.Context(), &mcp.Call{ID: strconv.Itoa(done), Method: "ping"}, noReply{})
			if err == nil {
				done++
			}
			return err
		}
		start := time.Now()
		for !log.Failing() && time.Since(start) < 6*time.Second {
			if err := call(); err != nil && !log.Failing() {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("calls went on for %v", took)
		}
		if e := mcp.AsError(call()); e == nil || e.Reason != mcp.Unavailable {
			t.Errorf("a call without a record ends with %v", e)
		}
		unlock()
		for start = time.Now(); log.Failing() && time.Since(start) < 10*time.Second; {
			time.Sleep(5 * time.Millisecond)
		}
		if err := call(); err != nil {
			t.Errorf("a call after the database is free: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if got := bodies(t, s); len(got) != done {
			t.Errorf("%d records of %d calls", len(got), done)
		}
	})
}

// TestInterrupted ends writing at any moment and tries again: it is done once.
func TestInterrupted(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		const batches, size = 16, 100
		interrupted, inRow, usual := 0, 0, time.Millisecond
		for batch := range batches {
			rows := make([]audit.Row, size)
			for i := range rows {
				rows[i].Body = fmt.Appendf(nil, `{"batch":%d,"i":%d}`, batch, i)
			}
			for {
				// Timers may be late where the machine is busy: the more often nothing is interrupted, the less time there is, none in the end.
				patience := rand.N(usual) >> (2 * inRow)
				if interrupted > 20*batches {
					patience = time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				began := time.Now()
				err := s.AppendRecords(ctx, rows)
				cancel()
				if err == nil {
					inRow, usual = inRow+1, max(time.Since(began), 50*time.Microsecond)
					break
				}
				if errors.Is(err, sql.ErrTxDone) {
					t.Fatalf("the error is about the way back: %v", err)
				}
				inRow = 0
				interrupted++
			}
		}
		got := bodies(t, s)
		if len(got) != batches*size {
			t.Fatalf("%d records, want %d; %d tries were interrupted", len(got), batches*size, interrupted)
		}
		for i, body := range got {
			if want := fmt.Sprintf(`{"batch":%d,"i":%d}`, i/size, i%size); body != want {
				t.Fatalf("record %d is %s, want %s", i+1, body, want)
			}
		}
		if interrupted == 0 {
			t.Error("no try was interrupted")
		}
	})
}

type noReply struct{}

func (noReply) Notify(context.Context, *wire.Message) error               { return nil }
func (noReply) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) { return nil, nil }
func (noReply) Done(context.Context, *mcp.Result) error                   { return nil }

// quiet is a log that is shown when the test fails.
func quiet(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// passes does nothing.
var passes = mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return nil })

// startCallers has callers make calls until it is over, and counts those that are not refused.
func startCallers(t *testing.T, handler mcp.Handler, over *atomic.Bool, done *atomic.Int64) *sync.WaitGroup {
	t.Helper()
	callers := new(sync.WaitGroup)
	for c := range 4 {
		callers.Go(func() {
			for i := 0; !over.Load(); i++ {
				err := handler.Handle(t.Context(), &mcp.Call{ID: fmt.Sprintf("%d-%d", c, i), Method: "ping"}, noReply{})
				if err == nil {
					done.Add(1)
				} else if e := mcp.AsError(err); e.Reason != mcp.Unavailable {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	return callers
}
