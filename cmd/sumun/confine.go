package main

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/warden"
	"github.com/sumun-mcp/sumun/internal/warden/container"
)

// containVerb is the hidden verb under which the program watches over a container.
const containVerb = "__contain"

// contain runs a container for args, which are the verb and what stands behind it.
func contain(ctx context.Context, args []string) int {
	return container.Watch(ctx, args[1:], os.Environ())
}

// confiner returns what confines the programs of the servers of a configuration.
func (a *app) confiner(cfg *config.Config, log *slog.Logger) *warden.Warden {
	o := warden.Options{Boxed: true, Reaper: a.reaper(), State: cfg.StateDir(), Config: cfg.Path, Log: log}
	if len(o.Reaper) > 0 {
		o.Watcher = []string{o.Reaper[0], containVerb}
	}
	return warden.New(o)
}

// detain has programs watched that somebody scans. What it takes is made when the first one is.
func (a *app) detain() func(context.Context, config.Server) (*warden.Detained, error) {
	here := sync.OnceValue(func() *warden.Warden {
		cfg, err := config.Load(a.config, a.lookupEnv)
		if err != nil {
			cfg = config.Default() // what is wrong with the file is told elsewhere, if it counts
		}
		return a.confiner(cfg, a.logger(cfg, nil, a.People))
	})
	return func(ctx context.Context, s config.Server) (*warden.Detained, error) { return here().Detain(ctx, s) }
}
