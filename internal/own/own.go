// Package own is what the gate itself brings: servers in this process, each for one
// kind of thing, which appear beside the configured ones and keep the names that they
// declare. What each offers is the affair of its room; here it is written which there
// are, and when a change of the configuration concerns them.
package own

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/builtin"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/command"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/openapi"
	"github.com/sumun-mcp/sumun/internal/promptfile"
	"github.com/sumun-mcp/sumun/internal/resource"
	"github.com/sumun-mcp/sumun/internal/workspace"
)

// A Server is one of them.
type Server interface {
	Server() *sdk.Server
	// Close waits for all that the server has begun.
	Close() error
}

// Servers are those that run, by their names.
type Servers map[string]Server

// Options is what they are opened with.
type Options struct {
	// Context ends when the gate begins to close.
	Context context.Context //nolint:containedctx // of the gate
	// Reaper is the beginning of the command line that runs sandbox.Reap.
	Reaper []string
	// Version is the program's version.
	Version string
	// Log takes what they tell people.
	Log *slog.Logger
}

// A candidate says how a server comes of a configuration.
type candidate struct {
	// name is the server's: no configured server can have a name with a space.
	name string
	// same reports whether two configurations want the same of it, so that the one
	// that runs goes on.
	same func(a, b *config.Config) bool
	// wanted reports whether the configuration wants one; open returns it.
	wanted func(c *config.Config) bool
	open   func(o *Options, c *config.Config) (Server, error)
}

// resources is the name of the server of resources.
const resources = "own resources"

// candidates are all of them, in the order in which their tools are listed.
var candidates = []candidate{
	{
		name:   "built in",
		same:   func(a, b *config.Config) bool { return a.Builtin == b.Builtin },
		wanted: func(c *config.Config) bool { return c.Builtin },
		open: func(o *Options, _ *config.Config) (Server, error) {
			return builtin.New(builtin.Options{Version: o.Version, Log: o.Log}), nil
		},
	},
	{
		name: resources,
		same: func(a, b *config.Config) bool {
			return a.Builtin == b.Builtin && slices.EqualFunc(a.Resources, b.Resources, offer.Resource.Equal)
		},
		wanted: func(c *config.Config) bool { return c.Builtin && len(c.Resources) > 0 },
		open: func(o *Options, c *config.Config) (Server, error) {
			return resource.New(o.Context, resource.Options{Resources: c.Resources, Version: o.Version, Log: o.Log})
		},
	},
	{
		name:   "own workspace",
		same:   func(a, b *config.Config) bool { return a.Builtin == b.Builtin && a.Workspace.Equal(b.Workspace) },
		wanted: func(c *config.Config) bool { return c.Builtin && c.Workspace.Root != "" },
		open: func(o *Options, c *config.Config) (Server, error) {
			git := c.Workspace.Git
			return workspace.New(workspace.Options{
				Root: c.Workspace.Root, Reaper: o.Reaper, Version: o.Version, Log: o.Log,
				Git: workspace.Git{Hosts: git.Hosts, Schemes: git.Schemes, Depth: git.Depth, MaxBytes: int64(git.MaxBytes), Timeout: git.Timeout},
			})
		},
	},
	{
		// What changes in the documents it finds itself.
		name:   "own requests",
		same:   config.SameTools,
		wanted: func(c *config.Config) bool { return requests(c).Wanted() },
		open: func(o *Options, c *config.Config) (Server, error) {
			r := requests(c)
			r.Version, r.Log = o.Version, o.Log
			return openapi.New(o.Context, r)
		},
	},
	{
		name:   "own commands",
		same:   config.SameTools,
		wanted: func(c *config.Config) bool { return command.Options{Tools: c.Tools}.Wanted() },
		open: func(o *Options, c *config.Config) (Server, error) {
			return command.New(command.Options{Tools: c.Tools, Reaper: o.Reaper, Version: o.Version})
		},
	},
	{
		// What changes in the folders it finds itself.
		name:   "own prompts",
		same:   func(a, b *config.Config) bool { return slices.Equal(a.Prompts, b.Prompts) },
		wanted: func(c *config.Config) bool { return len(c.Prompts) > 0 },
		open: func(o *Options, c *config.Config) (Server, error) {
			return promptfile.New(promptfile.Options{Dirs: c.Prompts, Version: o.Version, Log: o.Log})
		},
	},
}

// requests are the declared requests of a configuration.
func requests(c *config.Config) openapi.Options {
	return openapi.Options{Tools: c.Tools, APIs: c.APIs, Weather: c.Weather}
}

// Open returns the servers of a configuration. Those that stay as they are under
// before, which may be nil, are taken from running; on an error nothing further is open.
func (o Options) Open(c, before *config.Config, running Servers) (Servers, error) {
	own, opened := Servers{}, Servers{}
	for _, one := range candidates {
		if before != nil && one.same(before, c) {
			if s := running[one.name]; s != nil {
				own[one.name] = s
			}
			continue
		}
		if !one.wanted(c) {
			continue
		}
		s, err := one.open(&o, c)
		if err != nil {
			return nil, errors.Join(err, opened.Close())
		}
		s.Server().AddReceivingMiddleware(TellAbsent)
		own[one.name], opened[one.name] = s, s
	}
	return own, nil
}

// Close closes them.
func (s Servers) Close() error {
	var errs []error
	for _, one := range s {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// grace is how long an own server stays that is no longer offered: calls of a
// server that is taken away may go on for a while (see egress).
const grace = 15 * time.Second

// Retire closes servers that are no longer offered once no call of them can be in flight any more, or over is closed.
func (s Servers) Retire(over <-chan struct{}, log *slog.Logger) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	}
	if err := s.Close(); err != nil {
		log.Warn("an old server of our own is not closed", slog.Any("error", err))
	}
}

// Without returns those that are not among the kept ones.
func (s Servers) Without(kept Servers) Servers {
	leaving := maps.Clone(s)
	maps.DeleteFunc(leaving, func(name string, one Server) bool { return kept[name] == one })
	return leaving
}

// Sources tells how they appear in the catalogue: before all others.
func (s Servers) Sources() []catalog.Source {
	var all []catalog.Source
	for i, one := range candidates {
		if s[one.name] != nil {
			all = append(all, catalog.Source{Server: one.name, Own: true, Order: i - len(candidates)})
		}
	}
	return all
}

// Configured tells how the servers of a configuration appear behind them; across a bridge they are another gateway.
func Configured(c *config.Config, bridge bool) []catalog.Source {
	var all []catalog.Source
	for i, s := range c.Servers {
		if s.Disabled {
			continue
		}
		all = append(all, catalog.Source{
			Server: s.Name, Prefix: s.Prefix, Order: i + 1, Gateway: bridge, Allow: s.Tools.Allow, Rename: s.Tools.Rename,
			HTTP: s.URL != "", Timeout: s.Tools.Timeout, TrustAnnotations: s.Trust.Annotations,
		})
	}
	return all
}

// Resources returns the server of resources, nil where there is none.
func (s Servers) Resources() *resource.Resources {
	r, _ := s[resources].(*resource.Resources)
	return r
}
