package check

import (
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// happened returns the check for probes that show by their text that something has happened.
func happened(probe, message string) look {
	return func(s *trust.Subject, _ []*tool, say func(hit)) {
		seen := map[string]bool{}
		for i := range s.Observations {
			if o := &s.Observations[i]; o.Probe == probe && o.Text != "" && !seen[o.Target] {
				seen[o.Target] = true
				say(hit{where: trust.Place{Kind: "tool", Name: o.Target}, evidence: o.Text, message: message})
			}
		}
	}
}

// unmanifested yields how what a server offers differs from its manifest.
func unmanifested(s *trust.Subject, _ []*tool, say func(hit)) {
	for i := range s.Observations {
		o := &s.Observations[i]
		if o.Probe != trust.ProbeManifest {
			continue
		}
		kind, name, _ := strings.Cut(o.Target, " ")
		say(hit{where: trust.Place{Kind: kind, Name: name}, evidence: strings.TrimSpace(o.Target + " " + o.Text), message: "what the server offers is not what its manifest says"})
	}
}
