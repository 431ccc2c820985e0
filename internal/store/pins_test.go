package store_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/store"
)

var _ pins.Store = (*store.Store)(nil)

// TestPins stores pins: the first of a tool stays, but those of our own are replaced.
func TestPins(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		seen := time.Unix(1_000_000, 0)
		pin := func(tool, checksum, version string) *pins.Pin {
			return &pins.Pin{
				Server: "s", Tool: tool, Form: pins.Form{Checksum: checksum, Digest: "sha256:" + checksum},
				Definition: fmt.Appendf(nil, `{"name":%q}`, tool), Version: version, FirstSeen: seen,
			}
		}
		without := func(p *pins.Pin) pins.Pin {
			c := *p
			c.Definition = nil
			return c
		}
		first, own := pin("계산", "a", ""), pin("own", "b", "1.0")
		if stay, err := s.AddPins(t.Context(), []*pins.Pin{first, own}); err != nil || len(stay) > 0 {
			t.Fatalf("%v stay, %v", stay, err)
		}
		seen = seen.Add(time.Hour)
		late, newer, other := pin("계산", "c", ""), pin("own", "d", "1.1"), pin("ot\x00her\x1a0", "e", "")
		stay, err := s.AddPins(t.Context(), []*pins.Pin{late, newer, other})
		if d := cmp.Diff([]pins.Pin{without(first)}, stay); d != "" || err != nil {
			t.Errorf("what stays (%v), -want +got\n%s", err, d)
		}
		all, err := s.Pins(t.Context())
		want := []pins.Pin{without(first), without(newer), without(other)}
		byTool := cmpopts.SortSlices(func(a, b pins.Pin) bool { return a.Tool < b.Tool })
		if d := cmp.Diff(want, all, byTool); d != "" || err != nil {
			t.Errorf("all (%v), -want +got\n%s", err, d)
		}
	})
}

// TestPinsRestart observes tools, restarts, and observes them again; another instance shares the store.
func TestPinsRestart(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		tools := func(bound int) [][]byte {
			var all [][]byte
			for i := range 600 {
				all = append(all, fmt.Appendf(nil, `{"name":"tool%d","inputSchema":{"type":"object","maxProperties":%d}}`, i, bound))
			}
			return all
		}
		run := func(tools [][]byte) (drifts int) {
			s := open(t, at)
			p := pins.New(t.Context(), pins.Options{Store: s, Log: slog.New(slog.DiscardHandler), Changed: func(pins.Drift) { drifts++ }})
			p.Observe("s", tools, false)
			p.Close()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return drifts
		}
		if n := run(tools(1)); n != 0 {
			t.Errorf("%d drifts at first", n)
		}
		if n := run(tools(1)); n != 0 {
			t.Errorf("%d drifts after a restart", n)
		}
		if n := run(append(tools(2)[:5], tools(1)[5:]...)); n != 5 {
			t.Errorf("%d drifts of 5", n)
		}
		db := direct(t, at)
		var rows, fit int
		query := `SELECT COUNT(*), COUNT(CASE WHEN definition LIKE '%"maxProperties":1}}' THEN 1 END) FROM tool_pin`
		if err := db.QueryRowContext(t.Context(), query).Scan(&rows, &fit); err != nil || rows != 600 || fit != 600 {
			t.Errorf("%d rows, %d as they were first seen, %v", rows, fit, err)
		}
	})
}

// TestPinsLocked observes while another process holds the database: what could not be written at first is written then.
func TestPinsLocked(t *testing.T) { //nolint:tparallel // the subtests are, which stand in engines
	t.Parallel()
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		t.Parallel()
		s := open(t, at)
		unlock := lock(t, at)
		p := pins.New(t.Context(), pins.Options{Store: s, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		tool := []byte(`{"name":"tool","inputSchema":{"type":"object"}}`)
		began := time.Now()
		p.Observe("s", [][]byte{tool}, false)
		if took := time.Since(began); took > time.Second {
			t.Errorf("observing took %v", took)
		}
		if _, drifted, ok := p.Pin("s", tool); drifted || !ok {
			t.Errorf("drifted: %t, pinned: %t", drifted, ok)
		}
		time.Sleep(2 * time.Second) // the first try is over
		unlock()
		p.Close()
		if all, err := s.Pins(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d pins, %v", len(all), err)
		}
	})
}
