package route

import (
	"fmt"

	"github.com/sumun-mcp/sumun/internal/config"
)

// Expand returns the servers of a configuration as egress knows them: each replica is a server of its own.
func Expand(c *config.Config) []config.Server {
	var all []config.Server
	for i := range c.Servers {
		s := c.Servers[i]
		urls := append([]string{s.URL}, s.Replicas...)
		s.Replicas, s.Health = nil, config.Health{} // none of egress' business
		for n, url := range urls {
			one := s
			one.Name, one.URL = ReplicaName(s.Name, n+1, len(urls)), url
			all = append(all, one)
		}
	}
	return all
}

// Servers returns the servers of a configuration as a Router knows them, and those of our own by their names.
func Servers(c *config.Config, own ...string) []Server {
	var all []Server
	for i := range c.Servers {
		s := &c.Servers[i]
		all = append(all, Server{
			Name: s.Name, Replicas: 1 + len(s.Replicas), ID: fmt.Sprint(s.Type, s.Command, s.Args, s.URL, s.Replicas),
			Isolation: s.Isolation, Health: Health(s.Health), Disabled: s.Disabled,
		})
	}
	for _, name := range own {
		all = append(all, Server{Name: name, Replicas: 1, Health: DefaultHealth()})
	}
	return all
}

// FromConfig returns the policy of a configuration.
func FromConfig(c *config.Config) Policy {
	p := Policy{Rules: make([]Rule, 0, len(c.Routing))}
	for i := range c.Routing {
		from := &c.Routing[i]
		r := Rule{Pattern: from.Name, Strategy: Strategy(from.Strategy), Prefer: from.Prefer, Timeout: from.Timeout, Retries: from.Retries}
		for _, t := range from.Targets {
			r.Targets = append(r.Targets, Target{Server: t.Server, Name: t.Tool, Weight: t.Weight})
		}
		for _, text := range from.Failover {
			r.Failover = append(r.Failover, ParseTarget(text))
		}
		p.Rules = append(p.Rules, r)
	}
	p.sorted()
	return p
}

// ByServer returns the servers that the replicas belong to.
func ByServer(replicas map[string]bool) map[string]bool {
	servers := make(map[string]bool, len(replicas))
	for name, is := range replicas {
		server := ServerOf(name)
		servers[server] = servers[server] || is
	}
	return servers
}
