package catalog

import (
	"iter"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// What is held back is nothing that nobody has approved can be used by: it is in no list, and no name finds it. It is kept beside, so that
// who calls it is told why.
//
// A thing that was approved in another form keeps its claim to its name, so that the names of others do not change because of it. A new
// one has no claim until it is approved.

// A holder is what a catalogue knows of things that are held back.
type holder struct {
	entries   []*Entry
	names     [kinds]map[string]*Entry
	templates []*template
}

// instructed returns the sources, those whose instructions are held back without them.
func instructed(sources []Source, o *Options) []Source {
	if o.HeldInstructions == nil {
		return sources
	}
	for i := range sources {
		s := &sources[i]
		if s.Own || s.Listing == nil || s.Listing.Instructions == "" {
			continue
		}
		if o.HeldInstructions(s.Server, s.Listing.Instructions) {
			without := *s.Listing
			without.Instructions = ""
			s.Listing = &without
		}
	}
	return sources
}

// unclaimed splits off the claims of things that are new and held back.
func unclaimed(claims []*claim) (claiming, others []*claim) {
	for _, cl := range claims {
		if cl.entry.Held != "" && !cl.entry.known {
			others = append(others, cl)
			continue
		}
		claiming = append(claiming, cl)
	}
	return claiming, others
}

// holdBack takes what is held back out of the catalogue.
func (c *Catalog) holdBack(kind mcp.Kind, others []*claim) {
	held := map[string]*Entry{}
	for name, n := range c.names[kind] {
		if n.entry != nil && n.entry.Held != "" {
			held[name] = n.entry
			delete(c.names[kind], name)
		}
	}
	c.entries[kind] = slices.DeleteFunc(c.entries[kind], func(e *Entry) bool {
		if e.Held != "" {
			c.held.entries = append(c.held.entries, e)
		}
		return e.Held != ""
	})
	for _, cl := range others {
		e := cl.entry
		e.Name = cl.plain
		if c.names[kind][e.Name].entry != nil || held[e.Name] != nil {
			e.Name = cl.suffixed
		}
		names := []string{e.Name}
		if kind == mcp.Tool || kind == mcp.Prompt {
			names = append(names, shortOf(e.Name))
		}
		for _, name := range names {
			if name != "" && held[name] == nil {
				held[name] = e
			}
		}
		c.held.entries = append(c.held.entries, e)
	}
	c.held.names[kind] = held
	if kind != mcp.Template {
		return
	}
	for _, e := range held {
		if t, ok := compileTemplate(e); ok {
			c.held.templates = append(c.held.templates, t)
		}
	}
}

// HeldBack returns what is held back under a name of any form, or under a URI that fits a template which is. It finds nothing where
// something may be used under that name.
func (c *Catalog) HeldBack(kind mcp.Kind, name string) (*Entry, bool) {
	if kind >= kinds || len(c.held.entries) == 0 {
		return nil, false
	}
	if e := c.held.names[kind][name]; e != nil && c.names[kind][name].entry == nil {
		return e, true
	}
	if kind != mcp.Resource {
		return nil, false
	}
	if _, ok := c.Lookup(kind, name); ok {
		return nil, false
	}
	for _, t := range c.held.templates {
		if t.match.MatchString(name) {
			return t.entry, true
		}
	}
	return nil, false
}

// A Thing is one that is held back.
type Thing struct {
	Server string `json:"server"`
	// Kind is tool, prompt, resource or template.
	Kind string `json:"kind"`
	// Name is what clients would call it.
	Name string `json:"name"`
	// Alert is the id of the alert about it.
	Alert string `json:"alert"`
}

var words = [kinds]string{mcp.Tool: "tool", mcp.Prompt: "prompt", mcp.Resource: "resource", mcp.Template: "template"}

// Held are the things that are held back.
func (c *Catalog) Held() iter.Seq[Thing] {
	return func(yield func(Thing) bool) {
		for _, e := range c.held.entries {
			if !yield(Thing{e.Dest.Server, words[e.Kind], e.Name, e.Held}) {
				return
			}
		}
	}
}
