package registry

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Outsider is a server of the configuration that is not on the list of trusted servers.
type Outsider struct {
	// Server is its name, Target the address of it that is not on the list, and Prefix what its tools' names begin with.
	Server, Target, Prefix string
	// Blocked says that it is not connected to.
	Blocked bool
	// Why says what is wrong, and Alert is the id of the alert that tells of it.
	Why, Alert string
}

// Screen returns a configuration in which servers are disabled that may not be connected to: those outside of the list of trusted servers,
// where trust.outside is block. A server with replicas is on the list if all of its addresses are. Outsiders are told of, once.
func (r *Registry) Screen(c *config.Config) *config.Config {
	if r == nil {
		return c
	}
	outside := r.Outsiders(c)
	r.mu.Lock()
	before := r.outside
	r.outside = outside
	r.mu.Unlock()
	for name, o := range outside {
		if before[name] != o {
			r.tell(o)
		}
	}
	r.letIn(c, before, outside)
	next := *c
	next.Servers = slices.Clone(c.Servers)
	for i := range next.Servers {
		if outside[next.Servers[i].Name].Blocked {
			next.Servers[i].Disabled = true
		}
	}
	return &next
}

// letIn tells of servers that were outside, and are not any more; the first time of all that are not, since what was before is not known.
func (r *Registry) letIn(c *config.Config, before, outside map[string]Outsider) {
	for i := range c.Servers {
		s := &c.Servers[i]
		for _, id := range identities(s) {
			if alert := alertOf(s.Name, id.Target); r.Inside != nil && outside[s.Name].Alert != alert && (before == nil || before[s.Name].Alert == alert) {
				r.Inside(alert)
			}
		}
	}
}

// alertOf returns the id of the alert about a server outside of the list.
func alertOf(server, target string) string { return "outside-" + IDOf(server + "\n" + target)[:12] }

// tell tells people of an outsider.
func (r *Registry) tell(o Outsider) {
	if r.Outside != nil {
		r.Outside(o)
		return
	}
	r.Log.Warn("a server is not in the registry", slog.String("server", o.Server), slog.Bool("connected", !o.Blocked), slog.String("why", o.Why))
}

// Outsiders returns the servers of a configuration that are not on the list, by their names; none where trust.outside is off.
func (r *Registry) Outsiders(c *config.Config) map[string]Outsider {
	all := map[string]Outsider{}
	if r == nil || c.Trust.Outside == belief.Off || c.Trust.Outside == "" {
		return all
	}
	for i := range c.Servers {
		s := &c.Servers[i]
		if s.Disabled {
			continue
		}
		for _, id := range identities(s) {
			if why := r.stranger(c, s, id); why != "" {
				all[s.Name] = Outsider{
					Server: s.Name, Target: id.Target, Prefix: s.Prefix, Blocked: c.Trust.Outside == belief.Block, Why: why,
					Alert: alertOf(s.Name, id.Target),
				}
				break
			}
		}
	}
	return all
}

// stranger says why a server is not on the list; empty if it is.
func (r *Registry) stranger(c *config.Config, s *config.Server, id Identity) string {
	e := r.now.Load().byID[IDOf(id.Target)]
	if e != nil {
		id.Signers = e.Signers
	}
	switch {
	case Allowed(c.Trust.Registry, id):
		return ""
	case e == nil || !e.Listed || e.Target != id.Target:
		return "neither trust.registry nor `sumun trust add` names " + id.Target
	case e.Signer == "" || slices.Contains(e.Signers, e.Signer):
		return ""
	case s.Trust.Signature != belief.Required:
		return fmt.Sprintf("it has to be signed with the key %s, and signatures are not looked at; set trust: {signature: required} for it", e.Signer)
	case e.Seen.IsZero():
		return "" // who has signed it is known once it was connected to; Offered holds it to that
	}
	return fmt.Sprintf("it has to be signed with the key %s, and is signed with %s", e.Signer, cmp.Or(strings.Join(e.Signers, ", "), "none"))
}

// Offered returns what is offered of what a server lists: nothing, if it is on the list under a key that has not signed it. It is asked once
// the server's signature has been looked at.
func (r *Registry) Offered(server string, l *mcp.Listing) *mcp.Listing {
	if r == nil {
		return l
	}
	c := r.config()
	if c == nil || c.Trust.Outside != belief.Block || r.Signers == nil {
		return l
	}
	s := configured(c, server)
	if s == nil {
		return l
	}
	by := r.Signers(server)
	for _, id := range identities(s) {
		id.Signers = by
		e := r.now.Load().byID[IDOf(id.Target)]
		if e != nil && e.Signer != "" && !slices.Contains(by, e.Signer) && !Allowed(c.Trust.Registry, id) {
			return &mcp.Listing{Revision: l.Revision, Info: l.Info}
		}
	}
	return l
}

// State returns the word for how a server is: blocked for one that is not connected to since it is outside of the list, else the one that is given.
func (r *Registry) State(server, state string) string {
	if r == nil {
		return state
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outside[server].Blocked {
		return "blocked"
	}
	return state
}

// Trouble says that a server is outside of the list; empty if it is not.
func (r *Registry) Trouble(server string) string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.outside[server]
	switch {
	case !ok:
		return ""
	case o.Blocked:
		return "blocked: not in the registry: " + o.Why + "; `sumun trust add " + server + "`"
	}
	return "not in the registry: " + o.Why + "; `sumun trust add " + server + "`"
}

// has reports whether a name is that of an outsider's tool: by its prefix, or by the tools that it was seen with.
func (r *Registry) has(o *Outsider, name string) bool {
	if o.Prefix != "" {
		return strings.HasPrefix(name, o.Prefix+".")
	}
	e := r.now.Load().byID[IDOf(o.Target)]
	return e != nil && slices.Contains(e.Tools, name)
}

// Refusal returns why nothing is there under a name: it belongs to a server that is blocked. It is nil if it does not. Who may not use the name
// is told before that there is none.
func (r *Registry) Refusal(name string) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for server, o := range r.outside {
		if o.Blocked && r.has(&o, name) {
			e := mcp.Errorf(mcp.CodeInternal, mcp.Blocked,
				"the server %q is not in the registry of trusted servers, and not connected to; `sumun alert show %s` tells more", server, o.Alert)
			e.Data = append(wire.AppendQuote([]byte(`{"alert":`), o.Alert), '}')
			return e
		}
	}
	return nil
}
