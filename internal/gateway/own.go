package gateway

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/builtin"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/resource"
)

// retireGrace is how long an own server stays that is no longer offered: calls of a
// server that is taken away may go on for a while (see egress).
const retireGrace = 15 * time.Second

// An ownServer is one of the servers in this process that the gate itself brings.
type ownServer interface {
	Server() *sdk.Server
	// Close waits for all that the server has begun.
	Close() error
}

// An offer says how an own server comes of a configuration.
type offer struct {
	// name is the server's: no configured server can have a name with a space.
	name string
	// same reports whether two configurations want the same of it, so that the one
	// that runs goes on.
	same func(a, b *config.Config) bool
	// open returns the server, or nil where the configuration wants none.
	open func(g *Gateway, c *config.Config) (ownServer, error)
}

// offers are all own servers, in the order in which their tools are listed.
var offers = []offer{
	{
		name: "built in",
		same: func(a, b *config.Config) bool { return a.Builtin == b.Builtin },
		open: (*Gateway).openBuiltin,
	},
	{
		name: "own resources",
		same: func(a, b *config.Config) bool {
			return a.Builtin == b.Builtin && slices.EqualFunc(a.Resources, b.Resources, config.Resource.Equal)
		},
		open: (*Gateway).openResources,
	},
	promptsOffer,
}

func (g *Gateway) openBuiltin(c *config.Config) (ownServer, error) {
	if !c.Builtin {
		return nil, nil //nolint:nilnil // there is none, and that is fine
	}
	return builtin.New(builtin.Options{Version: g.parts.Version, Log: g.log}), nil
}

func (g *Gateway) openResources(c *config.Config) (ownServer, error) {
	if !c.Builtin || len(c.Resources) == 0 {
		return nil, nil //nolint:nilnil // there is none, and that is fine
	}
	return resource.New(g.draining, resource.Options{Resources: c.Resources, Version: g.parts.Version, Log: g.log})
}

// openOwn returns the own servers of a configuration. Those that stay as they are
// in old, which may be nil, are taken from there; on an error nothing is left open.
func (g *Gateway) openOwn(c *config.Config, old *setup) (map[string]ownServer, error) {
	own, opened := map[string]ownServer{}, map[string]ownServer{}
	for _, o := range offers {
		if old != nil && o.same(old.config, c) {
			if s := old.own[o.name]; s != nil {
				own[o.name] = s
			}
			continue
		}
		s, err := o.open(g, c)
		if err != nil {
			return nil, errors.Join(err, closeOwn(opened))
		}
		if s != nil {
			own[o.name], opened[o.name] = s, s
		}
	}
	return own, nil
}

// closeOwn closes own servers.
func closeOwn(own map[string]ownServer) error {
	var errs []error
	for _, s := range own {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// retire closes the own servers that are not kept once no call of them can be in
// flight any more.
func (g *Gateway) retire(own, kept map[string]ownServer) {
	leaving := maps.Clone(own)
	maps.DeleteFunc(leaving, func(name string, s ownServer) bool { return kept[name] == s })
	if len(leaving) == 0 {
		return
	}
	g.retiring.Go(func() {
		grace := time.NewTimer(retireGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-g.closed:
		}
		if err := closeOwn(leaving); err != nil {
			g.log.Warn("an old server of our own is not closed", slog.Any("error", err))
		}
	})
}

// inProcess are the servers that run in this process, by their names.
func (g *Gateway) inProcess(s *setup) map[string]*sdk.Server {
	all := map[string]*sdk.Server{}
	for name, own := range s.own {
		all[name] = own.Server()
	}
	for name, own := range g.parts.Own {
		all[name+ownSuffix] = own
	}
	return all
}

// ownSuffix makes the names of servers that the parts bring impossible ones for
// configured servers.
const ownSuffix = " (in process)"

// isOwn reports whether the name is that of an own server.
func isOwn(server string) bool { return strings.Contains(server, " ") }

// sources tells how the servers of a configuration appear in the catalogue; across a
// bridge they are another gateway.
func (g *Gateway) sources(c *config.Config, now *setup) []catalog.Source {
	var all []catalog.Source
	for i, o := range offers {
		if now.own[o.name] != nil {
			all = append(all, catalog.Source{Server: o.name, Own: true, Order: i - len(offers)})
		}
	}
	for name := range g.parts.Own {
		all = append(all, catalog.Source{Server: name + ownSuffix, Own: true})
	}
	for i, s := range c.Servers {
		if s.Disabled {
			continue
		}
		all = append(all, catalog.Source{
			Server: s.Name, Prefix: s.Prefix, Order: i + 1, Gateway: g.parts.Bridge, Allow: s.Tools.Allow, Rename: s.Tools.Rename,
			HTTP: s.URL != "", Timeout: s.Tools.Timeout, TrustAnnotations: s.Trust.Annotations,
		})
	}
	return all
}
