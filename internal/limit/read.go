package limit

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// FromConfig returns the settings that a configuration says; serverOf is Settings.ServerOf.
func FromConfig(cfg *config.Config, serverOf func(ctx context.Context, call *mcp.Call) string) Settings {
	l := &cfg.Limits
	return Settings{Key: read(l.ForKeys()), Keys: rules(l.Keys), Tools: rules(l.Tools), Servers: rules(l.Servers), ServerOf: serverOf}
}

func rules(list []config.Limit) map[string]Rule {
	all := make(map[string]Rule, len(list))
	for _, one := range list {
		all[one.Name] = read(one)
	}
	return all
}

// read reads one limit; the configuration has checked its texts.
func read(l config.Limit) Rule {
	rate, _ := config.ParseRate(l.Rate)
	flow, _ := config.ParseFlow(l.Bytes)
	return Rule{Rate: rate, Burst: l.Burst, Concurrent: l.Concurrent, Bytes: flow}
}
