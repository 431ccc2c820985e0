package catalog

import (
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A place is where a tool or prompt is: at a server, under the name that it has there.
type place struct{ server, name string }

// offer appends claims for the offered names that nothing has. Their entries go where
// the things they are described as are.
func (c *Catalog) offer(kind mcp.Kind, claims []*claim) []*claim {
	declared := claims
	for _, o := range c.options.Offered {
		if slices.ContainsFunc(declared, func(cl *claim) bool { return cl.plain == o.Name }) {
			continue
		}
		for _, at := range o.Of {
			i := slices.IndexFunc(declared, func(cl *claim) bool {
				return cl.entry.Dest.Server == at.Server && cl.entry.Dest.Name == at.Name
			})
			if i < 0 {
				continue
			}
			if legal(o.Name) != o.Name || len(o.Name) > maxName {
				c.warn(Warning{at.Server, kind, o.Name, "left out: the routing policy's name for it has characters that no name has, or too many"})
				break
			}
			e := *declared[i].entry
			e.Offered = true
			claims = append(claims, &claim{
				entry: &e, vouched: true, plain: o.Name, suffixed: withSuffix(o.Name, suffixOf("", o.Name), maxName),
			})
			break
		}
	}
	return claims
}

// remotes finds entries by what their servers call them. It is made when it is first needed.
type remotes struct {
	once sync.Once
	of   [kinds]map[place]*Entry
}

// Remote returns where a call goes of what a server itself calls by that name; it reports
// false where the server offers no such thing. Any URI may be one of any server.
func (c *Catalog) Remote(kind mcp.Kind, server, name string) (mcp.Destination, bool) {
	if kind != mcp.Tool && kind != mcp.Prompt {
		return mcp.Destination{Server: server, Name: name}, true
	}
	c.remotes.once.Do(func() {
		for kind := range kinds {
			c.remotes.of[kind] = make(map[place]*Entry, len(c.entries[kind]))
			for _, e := range c.entries[kind] {
				if !e.Offered {
					c.remotes.of[kind][place{e.Dest.Server, e.Dest.Name}] = e
				}
			}
		}
	})
	if e := c.remotes.of[kind][place{server, name}]; e != nil {
		return e.Dest, true
	}
	return mcp.Destination{}, false
}

// NameOf returns the full name of a server's tool that is offered or held back. Of one that is neither, known is false, and the name is the one
// that it would ask for; it is empty for a server that is not known.
func (c *Catalog) NameOf(server, tool string) (name string, known bool) {
	for _, all := range [][]*Entry{c.entries[mcp.Tool], c.held.entries} {
		for _, e := range all {
			if e.Kind == mcp.Tool && e.Dest.Server == server && e.Dest.Name == tool {
				return e.Name, true
			}
		}
	}
	for i := range c.sources {
		if s := &c.sources[i]; s.Server == server {
			return newClaim(s, &Entry{Kind: mcp.Tool, Name: tool, Dest: mcp.Destination{Server: server, Name: tool}}).plain, false
		}
	}
	return "", false
}
