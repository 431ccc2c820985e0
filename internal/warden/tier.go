package warden

import (
	"fmt"

	"github.com/sumun-mcp/sumun/internal/config/confine"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// An offer is what this machine has to confine programs with, found once by a probe.
type offer struct {
	tier    string // box.Full, box.Lite or empty
	missing error  // what the full tier lacks
}

// choose returns the tier for a server, given what is written and what there is, and what people should know of that. Nothing falls back
// in silence, and nothing written falls back at all.
func choose(written string, boxed bool, has offer) (tier, notice string, err error) {
	switch {
	case written == confine.None:
		return confine.None, "it runs without a sandbox, as mcp.yaml says: it may do whatever this user may", nil
	case written == confine.Container || written == confine.GVisor:
		return written, "", nil
	case written == "" && !boxed:
		return confine.None, "it runs without a sandbox, since this program is not set up to start one; write sandbox: box, or sandbox: none if that is meant", nil
	case written == confine.BoxLite && has.tier != "":
		return confine.BoxLite, "", nil
	case has.tier == box.Full:
		return confine.Box, "", nil
	case written == "" && has.tier == box.Lite:
		return confine.BoxLite, fmt.Sprintf("it runs in a box-lite, without any network, since this machine refuses a box (%v); what that means is in docs/sandbox.md", has.missing), nil
	case written == "" || has.tier == "":
		return "", "", fmt.Errorf("this machine has no sandbox for programs (%w); write sandbox: container with an image, or sandbox: none if the program is trusted", has.missing)
	}
	return "", "", fmt.Errorf("sandbox: %s is refused by this machine (%w); write sandbox: box-lite, or container with an image, or leave the key out", written, has.missing)
}
