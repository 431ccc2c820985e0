// Package broker brings registries of servers and gateways together: what a gateway knows is served and written as the official registry has it
// (package exchange), what registries list is found and added to mcp.yaml, and what is known of vulnerable servers is kept at hand.
package broker

import (
	"context"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/registry"
)

// Copies are the copies of registries of a gateway with this configuration.
func Copies(c *config.Config) exchange.Copies {
	return exchange.Copies{Dir: filepath.Join(c.StateDir(), "registries")}
}

// Advisories is the shelf of a gateway with this configuration. Nothing is loaded yet.
func Advisories(c func() *config.Config) *advisory.Shelf {
	return &advisory.Shelf{
		Dir:     filepath.Join(c().StateDir(), "advisories"),
		Sources: func() []string { return advisory.Sources(c()) },
	}
}

// Known are the servers that a registry of ours tells of.
func Known(a *registry.Answer, c *config.Config) []exchange.Known {
	packages := map[string][]advisory.Package{}
	for i := range c.Servers {
		if s := &c.Servers[i]; s.Command != "" {
			packages[s.Name] = advisory.Packages(s.Command, s.Args...)
		}
	}
	var all []exchange.Known
	for i := range a.Servers {
		s := &a.Servers[i]
		all = append(all, exchange.Known{
			Name: s.Name, Target: s.Target, Software: s.Software, Version: s.Entry.Version, Packages: packages[s.Name], First: s.First, Seen: s.Seen,
			Verdict: exchange.Verdict{
				Tier: s.Tier, Label: s.Label, Malicious: s.Malicious, Score: s.Score, Reasons: s.Reasons, At: s.Judged, Version: s.Entry.Version,
				Listed: s.Allowed, Signers: s.Signers,
			},
		})
	}
	return all
}

// A House knows what a gateway knows. The hall is one.
type House interface {
	// Config is the configuration in force, and Gate how the gateway is called and reached.
	Config() *config.Config
	Gate() exchange.Gate
	// Servers are the servers that its registry tells of.
	Servers(ctx context.Context) (*registry.Answer, error)
}

// Served returns the records of a gateway as it serves them: of itself, of the servers that it knows, and those of the registries that were
// imported, each with our verdict where we have one.
func Served(ctx context.Context, h House) ([]exchange.Record, error) {
	answer, err := h.Servers(ctx)
	if err != nil {
		return nil, err
	}
	c := h.Config()
	known := Known(answer, c)
	all := h.Gate().Own(known)
	copies, err := Copies(c).All()
	if err != nil {
		return nil, err
	}
	for _, one := range copies {
		for _, r := range one.Records {
			if k := r.Match(known); k != nil {
				r = r.Judged(&k.Verdict)
			}
			all = append(all, r)
		}
	}
	return all, nil
}
