package chaperon

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sumun-mcp/sumun/internal/local"
)

// folder is where, in a state directory, the gateways that hosts have started say where they listen: several may run at once.
const folder = "connected"

// Announce says, in a state directory, that a gateway in this process listens at an endpoint. The returned function takes that back.
func Announce(state, endpoint string) (func(), error) {
	dir := filepath.Join(state, folder, strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of what is announced: %w", err)
	}
	if _, err := (local.Place{Dir: dir}).Announce(endpoint); err != nil {
		return nil, err
	}
	return func() { _ = os.RemoveAll(dir) }, nil // what is left there is tried before it is used
}

// Running returns a gateway that a host has started and that keeps its state in that directory, nil if there is none. All of them have the
// same keys, and the same calls that wait. Without a key it is shown the one of the directory.
func Running(ctx context.Context, state, key string) *local.Gateway {
	dirs, _ := filepath.Glob(filepath.Join(state, folder, "*")) // the pattern is none of a user's
	key = cmp.Or(key, local.Place{Dir: state}.Key())
	for _, dir := range dirs {
		if g, err := (local.Place{Dir: dir}).Find(ctx, key); g != nil && err == nil {
			return g
		}
	}
	return nil
}
