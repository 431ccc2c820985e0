package gateway

import (
	"math"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/own"
)

// openOwn returns the own servers of a configuration, those that stay as they are from
// the setup before, which may be nil.
func (g *Gateway) openOwn(c *config.Config, old *setup) (own.Servers, error) {
	o := own.Options{Context: g.draining, Reaper: g.parts.Reaper, Version: g.parts.Version, Log: g.log}
	if old == nil {
		return o.Open(c, nil, nil)
	}
	return o.Open(c, old.config, old.own)
}

// ownServers returns the own servers of a setup, which may be nil.
func (s *setup) ownServers() own.Servers {
	if s == nil {
		return nil
	}
	return s.own
}

// retire closes own servers once no call of them can be in flight any more.
func (g *Gateway) retire(leaving own.Servers) {
	if len(leaving) > 0 {
		g.retiring.Go(func() { leaving.Retire(g.closed, g.log) })
	}
}

// inProcess are the servers that run in this process, by their names.
func (g *Gateway) inProcess(s *setup) map[string]*sdk.Server {
	all := map[string]*sdk.Server{}
	for name, one := range s.own {
		all[name] = one.Server()
	}
	for name, one := range g.parts.Own {
		all[name+ownSuffix] = one
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
	all := now.own.Sources()
	for name := range g.parts.Own {
		all = append(all, catalog.Source{Server: name + ownSuffix, Own: true, Order: math.MinInt32}) // whose program it is wins
	}
	for _, s := range own.Configured(c, g.parts.Bridge) {
		s.Dotted = g.plugins.Has(s.Server)
		all = append(all, s)
	}
	return all
}
