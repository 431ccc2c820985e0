package warden

import (
	"context"
	"os"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/warden/witness"
)

// A Detained program is one that is looked at while it runs.
type Detained struct {
	// Command starts it, and Tier is what confines it.
	Command *sandbox.Command
	Tier    string
	// Witness watches it; nil where it does not run in a full box. It is closed when the program has ended.
	Witness *witness.Witness
}

// Detain returns the command that starts the program of a server which somebody scans: confined as it would be to serve, and watched beside
// that, with canaries in its home. Where no hosts are written for it, a sink stands in for the network.
func (w *Warden) Detain(ctx context.Context, s config.Server) (*Detained, error) {
	tier, _, err := choose(s.Sandbox, w.Boxed, w.has())
	if err != nil {
		return nil, err
	}
	d := &Detained{Tier: tier}
	if d.Command, err = w.Command(ctx, s); err != nil {
		return nil, err
	}
	home, err := os.UserHomeDir()
	if d.Command.Box == nil || d.Command.Box.Lite || err != nil {
		return d, nil //nolint:nilerr // without a home there is nothing to steal
	}
	d.Witness = witness.New(home)
	d.Witness.Attend(d.Command, len(s.Hosts) == 0)
	return d, nil
}
