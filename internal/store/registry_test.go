package store_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// TestRegistry keeps entries and their histories, for two instances that share a store.
func TestRegistry(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, two, ctx := open(t, at), open(t, at), t.Context()
		was, ok, err := one.Registry(ctx, -1)
		if err != nil || !ok || was.Revision != 0 || len(was.Entries) != 0 {
			t.Fatalf("%+v, %t, %v", was, ok, err)
		}
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		a := registry.Entry{
			ID: "a", Name: "n", Target: "https://a.example\x00", Listed: true, By: "op", Added: now, Tools: []string{"t"},
			Known: &registry.Judgement{Verdict: trust.Verdict{Tier: 2, Score: 80, Reasons: []trust.Reason{{Points: -20, Text: "x"}}}, At: now},
		}
		put := func(e *registry.Entry, decided bool, events ...registry.Event) func(*registry.Change) error {
			return func(c *registry.Change) error {
				c.Entries["a"], c.Events, c.Decided = e, events, decided
				return nil
			}
		}
		if err := one.ChangeRegistry(ctx, []string{"a"}, put(&a, true, registry.Event{ID: "a", At: now, What: "added", Score: 80})); err != nil {
			t.Fatal(err)
		}
		got, ok, err := two.Registry(ctx, was.Clock)
		if err != nil || !ok || got.Revision != 1 || cmp.Diff([]registry.Entry{a}, got.Entries) != "" {
			t.Fatalf("%+v, %t, %v\n%s", got, ok, err, cmp.Diff([]registry.Entry{a}, got.Entries))
		}
		if _, ok, err := two.Registry(ctx, got.Clock); ok || err != nil {
			t.Errorf("nothing has changed, and it is read: %v", err)
		}
		failed := errors.New("no")
		if err := two.ChangeRegistry(ctx, []string{"a", "absent"}, func(c *registry.Change) error {
			if c.Count != 1 || c.Revision != 1 || len(c.Entries) != 1 || c.Entries["a"].Name != "n" {
				t.Errorf("%+v", c)
			}
			c.Entries["a"] = nil
			return failed
		}); !errors.Is(err, failed) {
			t.Error(err)
		}
		if again, ok, _ := one.Registry(ctx, got.Clock); ok {
			t.Errorf("a change that failed was made: %+v", again)
		}
		for i := range registry.MaxHistory + 5 {
			if err := two.ChangeRegistry(ctx, []string{"a"}, put(&a, false, registry.Event{ID: "a", At: now, What: "seen", Score: i})); err != nil {
				t.Fatal(err)
			}
		}
		history, err := one.RegistryHistory(ctx, "a")
		if err != nil || len(history) != registry.MaxHistory || history[0].Score != registry.MaxHistory+4 || history[len(history)-1].Score != 5 {
			t.Errorf("%d events, %v", len(history), err)
		}
		if err := one.ChangeRegistry(ctx, []string{"a"}, put(nil, true)); err != nil {
			t.Fatal(err)
		}
		if got, _, err := two.Registry(ctx, -1); err != nil || len(got.Entries) != 0 || got.Revision != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if history, err := one.RegistryHistory(ctx, "a"); err != nil || len(history) != 0 {
			t.Errorf("%+v, %v", history, err)
		}
	})
}

// TestRegistryAtOnce makes many changes at once at two instances: none is lost.
func TestRegistryAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, two, ctx := open(t, at), open(t, at), t.Context()
		var all sync.WaitGroup
		const each = 20
		for i := range each {
			for _, s := range []interface {
				ChangeRegistry(ctx context.Context, ids []string, change func(*registry.Change) error) error
			}{one, two} {
				all.Go(func() {
					if err := s.ChangeRegistry(ctx, []string{"a", strconv.Itoa(i)}, func(c *registry.Change) error {
						if c.Entries["a"] == nil {
							c.Entries["a"] = &registry.Entry{ID: "a"}
						}
						c.Entries["a"].Tools = append(c.Entries["a"].Tools, "t")
						c.Decided = true
						return nil
					}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if got, _, err := two.Registry(ctx, -1); err != nil || len(got.Entries) != 1 || len(got.Entries[0].Tools) != 2*each || got.Revision != 2*each {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestFeeds takes feeds over that follow those before, and no others.
func TestFeeds(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, ctx := open(t, at), t.Context()
		feed := func(source, key, issuer, digest string, issue int64) *registry.Taken {
			return &registry.Taken{Source: source, Keys: []string{key}, Digest: digest, Feed: &registry.Feed{Issuer: issuer, Issue: issue}}
		}
		tests := []struct {
			feed *registry.Taken
			want signature.Reason
		}{
			{feed("u", "k", "acme", "d3", 3), ""},
			{feed("u", "k", "acme", "d3", 3), ""},
			{feed("u", "k", "acme", "other", 3), registry.Forked},
			{feed("v", "k", "acme", "d2", 2), signature.Replayed},
			{feed("u", "k", "evil", "d4", 4), registry.OtherIssuer},
			{feed("w", "l", "acme", "d1", 1), ""},
			{feed("u", "k", "acme", "d4", 4), ""},
		}
		for i, tt := range tests {
			err := one.PutFeed(ctx, tt.feed)
			refused, ok := errors.AsType[*signature.Error](err)
			if ok != (tt.want != "") || ok && refused.Reason != tt.want || !ok && err != nil {
				t.Errorf("feed %d: %v, want %q", i, err, tt.want)
			}
		}
		got, _, err := one.Registry(ctx, -1)
		if want := []registry.Taken{*tests[6].feed, *tests[5].feed}; err != nil || cmp.Diff(want, got.Feeds) != "" {
			t.Errorf("%v, -want +got\n%s", err, cmp.Diff(want, got.Feeds))
		}
		if err := one.DropFeed(ctx, "u"); err != nil {
			t.Error(err)
		}
		if err := one.DropFeed(ctx, "u"); !errors.Is(err, registry.ErrUnknown) {
			t.Error(err)
		}
	})
}
