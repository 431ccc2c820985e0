package catalog

import (
	"context"
	"log/slog"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestKeeperUpdatedWhileAsking takes over the same servers while they are asked for their lists, which the race detector watches.
func TestKeeperUpdatedWhileAsking(t *testing.T) {
	t.Parallel()
	asked := make(chan string)
	k := NewKeeper(t.Context(), KeeperOptions{
		Lists: func(ctx context.Context, server string) (*mcp.Listing, error) {
			select {
			case asked <- server:
				return &mcp.Listing{}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		Changed: func([]Source) {}, Known: func(error) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
	defer k.Close()
	sources := []Source{{Server: "a"}, {Server: "b", Order: 1}}
	for range 100 {
		k.Update(sources, func(string) bool { return false })
		k.Refresh("")
		if server := <-asked; server != "a" && server != "b" {
			t.Fatalf("%q was asked", server)
		}
	}
}
