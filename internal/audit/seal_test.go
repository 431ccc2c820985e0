package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A sealer notes how many records were stored whenever it sealed.
type sealer struct {
	of     *memory
	fail   error
	sealed []int
}

func (s *sealer) setFail(err error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.fail = err
}

// at returns what was stored whenever it sealed.
func (s *sealer) at() []int {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return slices.Clone(s.sealed)
}

func (s *sealer) Seal(context.Context) error {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.sealed = append(s.sealed, len(s.of.rows))
	return nil
}

// TestSeal seals a while after the first record, after many of them, and at the end, and
// not where there is nothing new.
func TestSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		by := &sealer{of: sink}
		log := audit.New(t.Context(), audit.Options{
			Sink: sink, Sealer: by, Checkpoint: time.Second, Keeping: audit.Keeping{Payloads: audit.None}, Log: slog.New(slog.DiscardHandler),
		})
		handler := log.Middleware(says(`{}`))
		call := newCall(t)
		ask := func(n int) {
			for range n {
				if err := handler.Handle(t.Context(), call, noReply{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(10 * time.Second)
		ask(3)
		time.Sleep(900 * time.Millisecond)
		if len(by.at()) != 0 {
			t.Errorf("sealed %v too soon", by.at())
		}
		time.Sleep(time.Second)
		if len(by.at()) != 1 || by.at()[0] != 3 {
			t.Errorf("after two seconds sealed at %v, want 3", by.at())
		}
		for range 30 {
			ask(1000)
			time.Sleep(10 * time.Millisecond)
		}
		if len(by.at()) < 3 {
			t.Errorf("of 30,000 records in a third of a second sealed at %v", by.at())
		}
		time.Sleep(10 * time.Second)
		by.setFail(errors.New("disk full"))
		ask(1)
		time.Sleep(5 * time.Second)
		if log.Failing() {
			t.Error("calls are refused because a checkpoint cannot be made")
		}
		by.setFail(nil)
		time.Sleep(2 * time.Second)
		if n := last(by.at()); n != 30_004 {
			t.Errorf("after the disk came back sealed %d records, want 30004", n)
		}
		ask(1)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if n := last(by.at()); n != 30_005 {
			t.Errorf("at the end sealed %d records, want 30005", n)
		}
	})
}

func last(of []int) int { return of[len(of)-1] }

// A lateReply notes how many records were stored when the answer was passed on.
type lateReply struct {
	noReply
	of *memory
	at int
}

func (r *lateReply) Done(context.Context, *mcp.Result) error {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.at = len(r.of.rows)
	return nil
}

// TestDurable answers each call once its record is stored, and not before; many calls
// are stored together.
func TestDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &slowMemory{pause: 10 * time.Millisecond}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Durable: true, Keeping: audit.Keeping{Payloads: audit.Full}, Log: slog.New(slog.DiscardHandler)})
		reply := &lateReply{of: &sink.memory}
		if err := log.Middleware(says(`{}`)).Handle(t.Context(), newCall(t), reply); err != nil || reply.at != 1 {
			t.Errorf("answered when %d records were stored, %v", reply.at, err)
		}
		if err := log.Middleware(fails(errors.New("no"))).Handle(t.Context(), newCall(t), reply); err == nil || len(sink.records(t)) != 2 {
			t.Errorf("the error is %v when %d records are stored", err, len(sink.records(t)))
		}
		start := time.Now()
		var calls sync.WaitGroup
		for range 500 {
			call := newCall(t)
			calls.Go(func() {
				if err := log.Middleware(says(`{}`)).Handle(t.Context(), call, noReply{}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if took := time.Since(start); took > 50*time.Millisecond {
			t.Errorf("500 calls took %v", took)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		records := sink.records(t)
		if len(records) != 502 || records[0]["outcome"] != "ok" || records[1]["outcome"] != "error" {
			t.Errorf("%d records, %v, %v", len(records), records[0], records[1])
		}
	})
}

// TestDurableFails withholds the answer of a call whose record cannot be stored, and
// tells why; the record comes when it can.
func TestDurableFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{fail: errors.New("disk full")}
		log := audit.New(t.Context(), audit.Options{Sink: sink, Durable: true, Keeping: audit.Keeping{Payloads: audit.Hash}, Log: slog.New(slog.DiscardHandler)})
		reply := &lateReply{of: sink, at: -1}
		start := time.Now()
		err := log.Middleware(says(`{}`)).Handle(t.Context(), newCall(t), reply)
		if told := mcp.AsError(err); told == nil || told.Reason != mcp.Unavailable || reply.at != -1 {
			t.Errorf("error = %v, answered: %v", err, reply.at != -1)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		refused := newCall(t)
		refused.Refused = mcp.Errorf(-32600, mcp.Malformed, "no")
		if err := log.Middleware(fails(refused.Refused)).Handle(ctx, refused, noReply{}); err == nil {
			t.Error("what the door refused is let in")
		}
		sink.setFail(nil)
		time.Sleep(3 * time.Second)
		if n := len(sink.records(t)); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
