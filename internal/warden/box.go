package warden

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// box returns the policy of a box for a server. The box knows the system by itself. Links are names under which what they lead to is found
// as well.
func (p *policy) box(s *config.Server, lite bool) *box.Policy {
	links := slices.DeleteFunc(slices.Sorted(maps.Keys(p.links)), isSystem)
	b := &box.Policy{
		Lite: lite, Bare: true, Read: slices.Concat(p.read, links), Write: p.write, Exec: s.Exec,
		Memory: cmp.Or(int64(s.Memory), defaultMemory), Pids: cmp.Or(s.Pids, defaultPids), CPU: s.CPU, Scratch: defaultScratch,
	}
	if !lite {
		b.Ports = outlet.Ports(s.Hosts)
	}
	return b
}
