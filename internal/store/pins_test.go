package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/trust"
)

var (
	_ pins.Store  = (*store.Store)(nil)
	_ alert.Store = (*store.Store)(nil)
)

func pin(server, name, digest string) pins.Pin {
	return pins.Pin{
		Server: server, Kind: trust.KindTool, Name: name, Digest: digest, Checksum: "c", Definition: fmt.Appendf(nil, `{"name":%q}`, name),
		By: pins.ByFirstUse, Audience: mcp.LegacyAsking, Since: time.Unix(1_000_000, 0),
	}
}

// TestPins stores pins: of a server that was used before none are taken over, and who asks again is told what has changed since.
func TestPins(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		odd := pin("a", "ot\x00her\x1a0", "1")
		if began, err := s.FirstUse(t.Context(), "a", mcp.Anyone, []pins.Pin{pin("a", "계산", "1"), odd}); err != nil || !began {
			t.Fatalf("began: %t, %v", began, err)
		}
		if began, err := s.FirstUse(t.Context(), "a", mcp.Anyone, []pins.Pin{pin("a", "late", "1")}); err != nil || began {
			t.Fatalf("began again: %t, %v", began, err)
		}
		all, err := s.Pins(t.Context(), -1)
		ignore := cmp.Options{cmpopts.IgnoreFields(pins.Pin{}, "Definition"), cmpopts.SortSlices(func(a, b pins.Pin) bool { return a.Name < b.Name })}
		if d := cmp.Diff([]pins.Pin{pin("a", "계산", "1"), odd}, all.Pins, ignore); d != "" || err != nil || len(all.Servers["a"]) != 1 {
			t.Errorf("all (%v, %v), -want +got\n%s", all.Servers, err, d)
		}
		if definition, err := s.Definition(t.Context(), &odd); err != nil || string(definition) != string(odd.Definition) {
			t.Errorf("definition %s, %v", definition, err)
		}
		if err := s.ChangePins(t.Context(), "b", []pins.Pin{pin("b", "x", "2")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangePins(t.Context(), "b", []pins.Pin{pin("b", "x", "3")}, []pins.Pin{pin("b", "x", "2")}); err != nil {
			t.Fatal(err)
		}
		since, err := s.Pins(t.Context(), all.Now)
		if d := cmp.Diff([]pins.Pin{pin("b", "x", "3")}, since.Pins, ignore); d != "" || err != nil || len(since.Servers) != 1 {
			t.Errorf("since (%v, %v), -want +got\n%s", since.Servers, err, d)
		}
		if none, err := s.Pins(t.Context(), since.Now); err != nil || len(none.Servers)+len(none.Pins) > 0 {
			t.Errorf("nothing has changed, and %v, %v is told", none, err)
		}
	})
}

// TestPinsRestart uses a server for the first time, restarts, and looks at it again.
func TestPinsRestart(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		offer := func(bound, changed int) *pins.Offer {
			l := &mcp.Listing{}
			for i := range 600 {
				n := 1
				if i < changed {
					n = bound
				}
				l.Tools = append(l.Tools, fmt.Appendf(nil, `{"name":"tool%d","inputSchema":{"type":"object","maxProperties":%d}}`, i, n))
			}
			return &pins.Offer{Server: "s", Listing: l}
		}
		run := func(o *pins.Offer) (drifts int) {
			s := open(t, at)
			p := pins.New(t.Context(), pins.Options{Store: s, Suspect: func([]byte) bool { return false }, Log: slog.New(slog.DiscardHandler)})
			found, err := p.Observe(t.Context(), o)
			if err != nil {
				t.Error(err)
			}
			p.Close()
			return len(found)
		}
		for i, want := range []int{0, 0, 5, 5, 0} {
			changed := 0
			if i == 2 || i == 3 {
				changed = 5
			}
			if n := run(offer(2, changed)); n != want {
				t.Errorf("step %d: %d drifts, want %d", i, n, want)
			}
		}
	})
}

// TestAlerts keeps alerts, and what people say to them.
func TestAlerts(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		s := open(t, at)
		kept := func(id, server string, minute int) *alert.Kept {
			return &alert.Kept{
				Alert: alert.Alert{
					ID: id, Kind: "drift", Severity: alert.High, Server: server, Subject: "a\x00b", Text: "t", Remedy: "r", Evidence: json.RawMessage(`{"x":1}`),
					At: time.UnixMilli(0).Add(time.Duration(minute) * time.Minute), Count: 1,
				},
				Change: alert.Change{What: "added", Kind: "tool", Name: "a\x00b", Digest: "d", After: json.RawMessage(`{"name":"a"}`)},
				State:  alert.Open,
			}
		}
		for i, k := range []*alert.Kept{kept("one", "a", 1), kept("two", "b", 2), kept("one", "a", 3)} {
			if news, err := s.KeepAlert(t.Context(), k); err != nil || news != (i < 2) {
				t.Errorf("%d is news: %t, %v", i, news, err)
			}
		}
		ids := func(f alert.Filter) (ids []string) {
			all, err := s.Alerts(t.Context(), f)
			for i := range all {
				ids = append(ids, all[i].ID+" "+string(all[i].State))
			}
			if err != nil {
				t.Error(err)
			}
			return ids
		}
		if d := cmp.Diff([]string{"two open", "one open"}, ids(alert.Filter{})); d != "" {
			t.Error(d)
		}
		one, err := s.AlertByID(t.Context(), "one")
		if d := cmp.Diff(kept("one", "a", 1), one); d != "" || err != nil {
			t.Errorf("%v, -want +got\n%s", err, d)
		}
		if _, err := s.AlertByID(t.Context(), "three"); !errors.Is(err, alert.ErrUnknown) {
			t.Errorf("no alert: %v", err)
		}
		for i, step := range []struct {
			to      alert.State
			decided bool
		}{{alert.Dismissed, true}, {alert.Dismissed, false}, {alert.Approved, true}, {alert.Approved, false}} {
			if done, err := s.DecideAlert(t.Context(), "one", step.to, "ada", "why"); err != nil || done != step.decided {
				t.Errorf("step %d: %t, %v", i, done, err)
			}
		}
		if d := cmp.Diff([]string{"two open"}, ids(alert.Filter{})); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"one approved"}, ids(alert.Filter{All: true, Server: "a", Kind: "drift"})); d != "" {
			t.Error(d)
		}
		// What was approved, and comes again after something else was, is news.
		if news, err := s.KeepAlert(t.Context(), kept("one", "a", 4)); err != nil || !news {
			t.Errorf("again: %t, %v", news, err)
		}
		if d := cmp.Diff([]string{"one open", "two open"}, ids(alert.Filter{})); d != "" {
			t.Error(d)
		}
	})
}
