// Package broker brings registries of servers and gateways together: what a gateway knows is served and written as the official registry has it
// (package exchange), what registries list is found and added to mcp.yaml, and what is known of vulnerable servers is kept at hand.
package broker

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/trust"
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

// Watch holds the servers of a gateway against what is known of vulnerable ones, until it is closed, and tells of each that is by an alert.
func Watch(ctx context.Context, log *slog.Logger, c func() *config.Config, tell func(alert.Alert)) *advisory.Watch {
	shelf := Advisories(c)
	w := &advisory.Watch{Shelf: shelf, Tell: func(server string, f trust.Finding) {
		tell(alert.Alert{
			ID: f.Fingerprint[:12], Kind: "vulnerable", Severity: alert.Severity(f.Severity), Server: server, Subject: server, Text: f.Message, Remedy: f.Remedy,
		})
	}}
	shelf.Log, shelf.Changed = log, w.Again
	shelf.Begin(context.WithoutCancel(ctx))
	return w
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
			Name: s.Name, Target: s.Target, Software: s.Software, Version: s.Version, Packages: packages[s.Name], First: s.First, Seen: s.Seen,
			Verdict: exchange.Verdict{
				Tier: s.Tier, Label: s.Label, Malicious: s.Malicious, Score: s.Score, Reasons: s.Reasons, At: s.Judged, Version: s.Version,
				Listed: s.Allowed, Signers: s.Signers,
			},
		})
	}
	return all
}
