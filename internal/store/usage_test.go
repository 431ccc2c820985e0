package store_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/usage"
)

func TestUsage(t *testing.T) {
	engines(t, func(t *testing.T, address string) {
		t.Helper()
		s := open(t, address)
		now := time.Now().Truncate(time.Millisecond)
		hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
		ci := func(first, last time.Time, uses int64) usage.Row {
			return usage.Row{Caller: "ci", Thing: usage.Thing{Kind: "tool", Name: "a.b"}, First: first, Last: last, Uses: uses}
		}
		offered := usage.Row{Thing: usage.Thing{Kind: "tool", Name: "a.b"}, Server: "a", Own: "b", First: now, Last: now}
		old := usage.Row{Caller: "old", Thing: usage.Thing{Kind: "tool", Name: "x"}, First: hour(-24 * 500), Last: hour(-24 * 401), Uses: 1}
		for _, rows := range [][]usage.Row{{ci(hour(-3), hour(-3), 2), old}, {ci(now, now, 3), offered}, {ci(hour(-2), hour(-2), 1)}} {
			if err := s.AddUsage(t.Context(), rows); err != nil {
				t.Fatal(err)
			}
		}
		var writers sync.WaitGroup
		for range 4 {
			writers.Go(func() {
				var rows []usage.Row
				for i := range 50 {
					rows = append(rows, usage.Row{Caller: "many", Thing: usage.Thing{Kind: "resource", Name: strconv.Itoa(i % 10)}, First: now, Last: now, Uses: 1})
				}
				if err := s.AddUsage(t.Context(), rows); err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
		got, err := open(t, address).Usage(t.Context())
		if err != nil || len(got) != 12 {
			t.Fatalf("%d rows, %v", len(got), err)
		}
		if diff := cmp.Diff([]usage.Row{offered, ci(hour(-3), now, 6)}, got[:2]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got[2].Uses != 20 {
			t.Errorf("%+v", got[2])
		}
	})
}
