package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A shelf is a store in memory.
type shelf struct {
	mu     sync.Mutex
	rows   map[string]int64
	writes int
	fails  error
}

func (s *shelf) AddUsage(_ context.Context, rows []Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.fails != nil {
		return s.fails
	}
	for _, r := range rows {
		s.rows[r.Caller+" "+r.Kind+" "+r.Name] += r.Uses
	}
	return nil
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = err
}

func open(tb testing.TB) (*Counter, *shelf) {
	tb.Helper()
	s := &shelf{rows: map[string]int64{}}
	return Open(tb.Context(), Options{
		Store: s, Log: slog.New(slog.DiscardHandler), Offered: func() []Row { return []Row{{Thing: Thing{"tool", "offered"}, Uses: 0}} },
	}), s
}

// TestCounter counts what gets through, and writes it behind the calls, again where that fails.
func TestCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t)
		var answer error
		h := c.Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return answer }))
		caller := &mcp.Caller{ID: "ci"}
		do := func(method, name string, err error) {
			answer = err
			_ = h.Handle(t.Context(), &mcp.Call{Method: method, Name: name, Caller: caller}, nil)
		}
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for range 100 {
					_ = h.Handle(t.Context(), &mcp.Call{Method: mcp.MethodToolsCall, Name: "a", Caller: caller}, nil)
				}
			})
		}
		calls.Wait()
		do(mcp.MethodRead, "f:///x", nil)
		do(mcp.MethodToolsCall, "fails", mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "x"))
		do(mcp.MethodToolsCall, "absent", mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "x"))
		do(mcp.MethodToolsCall, "refused", mcp.Errorf(mcp.CodeInvalidParams, mcp.Forbidden, "x"))
		do(mcp.MethodToolsList, "", nil)
		if s.writes != 0 {
			t.Error("something is written at once")
		}
		s.fail(errors.New("away"))
		time.Sleep(behind + time.Second)
		s.fail(nil)
		time.Sleep(behind)
		synctest.Wait()
		want := map[string]int64{"ci tool a": 800, "ci resource f:///x": 1, "ci tool fails": 1, " tool offered": 0}
		if fmt.Sprint(s.rows) != fmt.Sprint(want) {
			t.Errorf("rows = %v, want %v", s.rows, want)
		}
		do(mcp.MethodToolsCall, "a", nil)
		c.Close()
		if s.rows["ci tool a"] != 801 {
			t.Errorf("what came last is not written: %v", s.rows)
		}
	})
}

// TestBounded uses more things than are told apart.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t)
		for i := range most + 1000 {
			c.add(use{"ci", mcp.Resource, strconv.Itoa(i)})
		}
		if n := len(c.counts); n > most+1 {
			t.Errorf("%d are kept", n)
		}
		c.Close()
		if n := s.rows["* resource *"]; n != 1000 {
			t.Errorf("%d others", n)
		}
	})
}

func TestNilCounter(t *testing.T) {
	var c *Counter
	if h := c.Middleware(nil); h != nil {
		t.Error("a nil Counter wraps")
	}
	c.Close()
}

func BenchmarkCounter(b *testing.B) {
	c, _ := open(b)
	defer c.Close()
	h := c.Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return nil }))
	call := &mcp.Call{Method: mcp.MethodToolsCall, Name: "calc.evaluate", Caller: &mcp.Caller{ID: "ci"}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = h.Handle(b.Context(), call, nil)
		}
	})
}
