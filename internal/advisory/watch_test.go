package advisory

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/trust"
)

// TestWatch tells once of each vulnerable server: by its command line, by what it says of itself, and when a record comes later.
func TestWatch(t *testing.T) {
	feed := filepath.Join(t.TempDir(), "feed.json")
	var told []string
	w := &Watch{
		Shelf: &Shelf{Sources: func() []string { return []string{feed} }, Log: slog.New(slog.DiscardHandler)},
		Tell:  func(server string, f trust.Finding) { told = append(told, server+" "+f.Evidence) },
	}
	w.Shelf.Changed = w.Again
	cfg := config.Default()
	for name, args := range map[string][]string{"old": {"-y", "mcp-maigret@1.0.0"}, "new": {"-y", "mcp-maigret@1.0.13"}, "own": {"-y", "mine@1.0.0"}, "any": {"-y", "mcp-maigret"}} {
		s := config.NewServer(name)
		s.Command, s.Args = "npx", args
		cfg.Servers = append(cfg.Servers, s)
	}
	slices.SortFunc(cfg.Servers, func(a, b config.Server) int { return strings.Compare(a.Name, b.Name) })
	w.Configured(cfg)
	w.Configured(cfg)
	w.Seen("any", &mcp.Listing{Info: []byte(`{"name":"mcp-maigret","version":"1.0.1"}`)})
	w.Seen("any", &mcp.Listing{Info: []byte(`{"name":"mcp-maigret","version":"1.0.1"}`)})
	w.Seen("nobody", &mcp.Listing{Info: []byte(`{"name":"x"}`)})
	if err := os.WriteFile(feed, []byte(recordOf("X-1", "mine")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Shelf.refresh(t.Context())
	want := []string{"old mcp-maigret 1.0.0: CVE-2026-2130", "any mcp-maigret 1.0.1: CVE-2026-2130", "own mine 1.0.0: X-1"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if n := len(w.Findings("any")); n != 2 {
		t.Errorf("%d findings, want the fault and that it is not pinned", n)
	}
	if len(w.Findings("nobody"))+len(w.Findings("new")) != 0 || (*Watch)(nil).Findings("x") != nil {
		t.Error("something was found about nothing")
	}
}

// TestSources makes paths absolute and leaves URLs.
func TestSources(t *testing.T) {
	c := config.Default()
	c.Dir, c.Trust.Advisories = "/srv", []string{"a.json", "/b", "https://h/c.zip"}
	if diff := cmp.Diff([]string{"/srv/a.json", "/b", "https://h/c.zip"}, Sources(c)); diff != "" {
		t.Error(diff)
	}
}
